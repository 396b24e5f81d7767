"""A trained transducer: texts in, texts out.

Shapes: S time steps of the longest source, T of the longest target with its end, B items.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.config import TransducerRunConfig
from nextchar.config.arguments import checked
from nextchar.config.options import TransducerOptions
from nextchar.errors import CharacterError, ConfigError, TextError, as_option
from nextchar.generation.search import Beam
from nextchar.nn.network import NetworkOutput
from nextchar.nn.trainable import evaluating
from nextchar.nn.transducer import TransducerNetwork
from nextchar.runs import train
from nextchar.tasks.examples import Batch, Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.result import ItemResult
from nextchar.tasks.transduction.decoding import Written, write
from nextchar.tasks.transduction.edit_distance import count_errors
from nextchar.tasks.transduction.pairs import Columns, Pair, PairData, PairFormat, pairs_of
from nextchar.tasks.transduction.results import (
    AttentionMap,
    Transduction,
    TransductionEvaluation,
)
from nextchar.tasks.transduction.symbols import SOURCE, TARGET, PairCodec
from nextchar.text.batches import by_length
from nextchar.text.files import Input
from nextchar.text.normal_forms import NormalForm
from nextchar.text.notes import Note, no_note
from nextchar.text.sequences import Sequences
from nextchar.text.streams import NO_TARGET
from nextchar.text.vocabulary import Unknown
from nextchar.training.events import Listener
from nextchar.training.loss import Loss, sequence_loss
from nextchar.training.objective import ValidationResult, on_device

_MEASURED_TOGETHER = 32_768  # symbols


class Transducer(ItemModel[TransducerRunConfig]):
    """Writes a text for a text: what ``nextchar transduce train`` makes.

    Attributes
    ----------
    symbols
        The vocabularies of sources and targets.
    """

    task = "transduce"
    config_type = TransducerRunConfig
    unit = "symbol"

    network: TransducerNetwork

    def __init__(self, config: TransducerRunConfig, symbols: PairCodec) -> None:
        self.config = config
        self.symbols = symbols
        self.form = NormalForm(symbols.source, config.items.normalization)
        own = config.transduction
        self.network = TransducerNetwork(
            len(symbols.source),
            len(symbols.target),
            config.network,
            attention=own.attention,
            bidirectional=own.bidirectional,
            generator=torch.Generator().manual_seed(config.training.seed),
        )
        levels = len(self.network.layer_groups)
        if config.training.freeze >= levels:
            raise ConfigError(
                f"freeze must be below {levels}, so that something learns; got "
                f"{config.training.freeze}"
            )

    @classmethod
    @checked
    def train(
        cls,
        data: PairData,
        out: Input,
        *,
        columns: Columns | None = None,
        file_format: PairFormat = "auto",
        listeners: Sequence[Listener] = (),
        **options: Unpack[TransducerOptions],
    ) -> ItemResult:
        """Train a transducer on pairs of a source and a target.

        All pairs of a source are in the training part, or all are held out. If all files have the
        format ``cmudict``, targets are tokens, unless ``target_vocabulary`` is set.

        Parameters
        ----------
        data
            Files, folders or patterns; or pairs of texts.
        out
            The run directory to create; it must not exist yet, or be empty.
        columns
            The columns of tables; ``source`` and ``target`` if not given.
        file_format
            The format of all files; ``auto`` decides by each name.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar transduce train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option cannot be used; nothing was written.
        """
        result: ItemResult = train(
            cls.task,
            data,
            out,
            columns=columns,
            file_format=file_format,
            listeners=listeners,
            **options,
        )
        return result

    @classmethod
    def untrained(cls, folder: Path, config: Any) -> Self:  # noqa: ANN401
        """Make the model of a run as it was before its training."""
        return cls(config, PairCodec.load(folder))

    @property
    def summary(self) -> str:
        """The symbols that it reads and writes, counted."""
        source, target = len(self.symbols.source), len(self.symbols.target)
        return f"{source:,} symbols to {target:,}"

    def save_symbols(self, folder: Path) -> None:
        """Write the vocabularies."""
        self.symbols.save(folder)

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Give the symbols of source and target, int64[N]."""
        return examples.texts[SOURCE].lengths + examples.texts[TARGET].lengths

    def compute_loss(self, examples: Examples, batch: Batch, generator: torch.Generator) -> Loss:
        """Read sources and targets in training mode, and judge what is predicted."""
        logits, targets = self._predicted(examples, batch, generator)
        return sequence_loss(
            NetworkOutput(logits, (), logits, logits), targets, self.config.training
        )

    def loss_counts(self, examples: Examples, items: NDArray[np.int64]) -> tuple[int, int]:
        """Return the number of predicted symbols of some targets, each with its end, twice."""
        symbols = int(examples.texts[TARGET].lengths[items].sum()) + len(items)
        return symbols, symbols

    def _measured(self, examples: Examples) -> ValidationResult:
        """Measure the loss on all items, and the errors of what is written for some of them.

        Those are the same at each call, and written greedily; the error rate of their symbols
        decides.
        """
        nats = self._nats(examples)
        part = self._written_items(examples)
        found = self.write_ids(part.texts[SOURCE], Beam(width=1))
        errors = count_errors([each[0].symbols for each in found], part.texts[TARGET])
        return ValidationResult(nats=nats, figures=errors.rates(), decides=errors.symbol_error_rate)

    def rehearse(self, examples: Examples) -> None:
        """Do the work of ``measure`` on a trained network; untrained outputs rarely end."""
        with evaluating(self.network):
            self._nats(examples)
            part = self._written_items(examples)
            lengths = part.texts[TARGET].lengths
            longest = int(lengths.mean() + 2 * lengths.std()) + 1
            self.write_ids(part.texts[SOURCE], Beam(width=1), max_length=longest)

    def _written_items(self, examples: Examples) -> Examples:
        """Return the items decoded to measure errors: the same at each call."""
        count = min(len(examples), self.config.transduction.decoded_items)
        some = np.random.default_rng(self.config.training.seed).permutation(len(examples))[:count]
        return examples.subset(np.sort(some))

    def _nats(self, examples: Examples) -> float:
        total, count = 0.0, 0
        with torch.no_grad():
            for indices in by_length(self.lengths(examples), _MEASURED_TOGETHER):
                logits, targets = self._predicted(examples, Batch.share(indices), None)
                each = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="sum"
                )
                total += float(each)
                count += int((targets != NO_TARGET).sum())
        return total / count

    def _predicted(
        self, examples: Examples, batch: Batch, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Give logits [T, B, V + 1] and what should have been predicted, int64[T, B]."""
        sources, targets = examples.texts[SOURCE], examples.texts[TARGET]
        border = self.network.border
        source = batch.padded(sources, 0)
        target = batch.padded(targets, border)
        count = len(batch.own)
        edge = np.full((1, count), border)
        read = np.concatenate([edge, target])
        wanted = np.concatenate([target, edge])
        behind = np.arange(len(wanted))[:, None] > targets.lengths[batch.own]
        wanted[behind] = NO_TARGET
        tensors = (source, sources.lengths[batch.own], read, wanted)
        ids, lengths, reading, judged = (
            on_device(torch.from_numpy(values), self.device) for values in tensors
        )
        prediction = self.network(ids, lengths, reading, generator=generator)
        return prediction.logits, judged

    def write_ids(
        self, sources: Sequences, beam: Beam, *, max_length: int | None = None
    ) -> list[list[Written]]:
        """Write targets for encoded sources: for each, what was found, the best first."""
        limits = self.symbols.limits(sources.lengths)
        if max_length is not None:
            limits = np.full(len(sources), max_length)
        unknown = self.symbols.target.unknown_id
        excluded = () if unknown is None else (unknown,)
        found: list[list[Written]] = [[] for _ in range(len(sources))]
        for items, each in write(self.network, sources, limits, beam, excluded=excluded):
            for item, texts in zip(items.tolist(), each, strict=True):
                found[item] = texts
        return found

    @checked
    def apply(
        self,
        texts: str | Sequence[str],
        *,
        beam: int = 5,
        count: int = 1,
        max_length: int | None = None,
        length_penalty: float = 0.0,
        unknown: Unknown = "error",
    ) -> list[list[Transduction]]:
        """Write the most probable texts for each of several.

        Parameters
        ----------
        texts
            Sources; one alone is as a list of it. Many at once are much faster than one by one.
        beam
            Texts that are followed for each; 1 takes the most probable symbol at each step.
        count
            How many to give for each, at most ``beam``; there may be fewer.
        max_length
            Most symbols of a target. If not given, twice those of the source and those of the
            longest target of the training.
        length_penalty
            As ``generation.search.Beam``: above 0, longer texts are not the worse for being long.
        unknown
            What to do with symbols that the source's vocabulary does not have: an error, leave
            them out, or read them as ``<unk>``.

        Returns
        -------
        list[list[Transduction]]
            For each text, the best first.

        Raises
        ------
        TextError
            A text is empty or longer than the run takes, or its symbols are not known.
        ConfigError
            An option is out of its range.
        """
        search = _search(beam, length_penalty, max_length)
        if not 1 <= count <= beam:
            raise ConfigError(f"count must be 1 to the beam's width of {beam}; got {count}")
        given = [texts] if isinstance(texts, str) else list(texts)
        sources = self._sources(given, unknown)
        return [
            [self._transduction(each) for each in ranked[:count]]
            for ranked in self.write_ids(sources, search, max_length=max_length)
        ]

    @checked
    def attention(
        self, text: str, *, beam: int = 5, max_length: int | None = None, unknown: Unknown = "error"
    ) -> AttentionMap:
        """Write the most probable text, and tell where the network looked at each symbol.

        Options and errors are those of ``apply``.
        """
        source = self._sources([text], unknown)
        search = _search(beam, 0.0, max_length)
        best = self.write_ids(source, search, max_length=max_length)[0][0]
        read = torch.tensor([self.network.border, *best.symbols], device=self.device).unsqueeze(1)
        ids = torch.from_numpy(source.padded(np.zeros(1, np.int64), 0)).to(self.device)
        lengths = torch.tensor([len(ids)], device=self.device)
        with torch.inference_mode():
            weights = self.network(ids, lengths, read).weights[0, :-1]
        return AttentionMap(
            source=tuple(self.symbols.source.symbols[each] for each in source[0].tolist()),
            target=tuple(self.symbols.target.symbols[each] for each in best.symbols),
            weights=weights.double().cpu().numpy(),
            output=self._transduction(best),
        )

    @checked
    def evaluate(
        self,
        data: PairData,
        *,
        columns: Columns | None = None,
        file_format: PairFormat = "auto",
        beam: int = 5,
        max_length: int | None = None,
        length_penalty: float = 0.0,
        note: Note = no_note,
    ) -> TransductionEvaluation:
        """Transduce the sources of pairs, and compare the outputs with the targets.

        Symbols that a vocabulary lacks are read as ``<unk>``, which is never an output. ``data``,
        ``columns`` and ``file_format`` are as in ``train``; ``note`` is called with a line for each
        irregularity of a file. Other options and errors are those of ``apply``.
        """
        reading = self.config.items.reading
        pairs = pairs_of(data, reading, columns=columns, file_format=file_format, note=note)
        return self.evaluate_examples(
            self.examples(pairs), beam=beam, max_length=max_length, length_penalty=length_penalty
        )

    def examples(self, pairs: Sequence[tuple[str, str]]) -> Examples:
        """Encode pairs; symbols that a vocabulary does not have are ``<unk>``.

        Raises
        ------
        TextError
            There are none, or one has a text that is empty or longer than the run takes.
        """
        if not pairs:
            raise TextError("there is nothing to evaluate: no pairs were given")
        for number, pair in enumerate(pairs, 1):
            for name, text in zip(("source", "target"), pair, strict=True):
                self._require_length(text, f"{name} {number}")
                if not text.strip():
                    raise TextError(f"{name} {number} is empty")
        read = [(self.form.of(source), target) for source, target in pairs]
        return self.symbols.examples([Pair(*pair) for pair in read])

    def evaluate_examples(
        self,
        examples: Examples,
        *,
        beam: int = 5,
        max_length: int | None = None,
        length_penalty: float = 0.0,
    ) -> TransductionEvaluation:
        """Evaluate on encoded items; see ``evaluate``."""
        search = _search(beam, length_penalty, max_length)
        began = time.perf_counter()
        found = self.write_ids(examples.texts[SOURCE], search, max_length=max_length)
        seconds = time.perf_counter() - began
        return TransductionEvaluation.of(
            self.symbols,
            examples,
            [each[0] for each in found],
            beam=beam,
            nats_per_symbol=self._nats(examples),
            seconds=seconds,
        )

    def _transduction(self, written: Written) -> Transduction:
        return Transduction(
            text=self.symbols.target.decode(written.symbols),
            log_probability=written.log_probability,
            score=written.score,
            reached_limit=written.reached_limit,
        )

    def _sources(self, texts: Sequence[str], unknown: Unknown) -> Sequences:
        """Encode sources, each of at least one symbol."""
        encoded = []
        for number, text in enumerate(texts, 1):
            self._require_length(text, f"text {number}")
            try:
                encoded.append(self.symbols.source.encode(self.form.of(text), unknown=unknown))
            except CharacterError as error:
                raise error.at(f"text {number}, {error.place}") from error
            if not len(encoded[-1]):
                raise TextError(f"text {number} is empty, or has no known symbol: got {text!r:.40}")
        return Sequences.of(encoded, self.symbols.source.dtype)

    def _require_length(self, text: str, name: str) -> None:
        most = self.config.items.max_length
        if len(text) > most:
            raise TextError(
                f"{name} has {len(text):,} characters; this run was made for at most {most:,} "
                f"({as_option('max_length')} of its training)"
            )


def _search(width: int, length_penalty: float, max_length: int | None) -> Beam:
    if max_length is not None and max_length < 1:
        raise ConfigError(f"max_length must be at least 1; got {max_length}")
    if width < 1:
        raise ConfigError(f"beam must be at least 1; got {width}")
    return Beam(width=width, length_penalty=length_penalty)
