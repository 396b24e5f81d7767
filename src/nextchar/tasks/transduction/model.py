"""The transducer: a sequence-to-sequence model of texts.

Shapes: S symbols of the longest source, T symbols of the longest target with its end, B items.
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
from nextchar.nn.initialization import initial_generator
from nextchar.nn.network import NetworkOutput
from nextchar.nn.trainable import evaluating
from nextchar.nn.transducer import TransducerNetwork
from nextchar.runs import train
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.result import ItemResult
from nextchar.tasks.schema import Schema, Texts
from nextchar.tasks.transduction.decoding import DecodedTarget, decode
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
_WIDEST = 1_000  # outputs kept at once
_LONGEST = 1_000_000  # symbols of an output


class Transducer(ItemModel[TransducerRunConfig]):
    """A sequence-to-sequence model, trained by ``nextchar transduce train``.

    Attributes
    ----------
    symbols
        The vocabularies of sources and targets.
    """

    task = "transduce"
    config_type = TransducerRunConfig
    unit = "symbol"

    network: TransducerNetwork

    def __init__(
        self, config: TransducerRunConfig, symbols: PairCodec, *, drawn: bool = True
    ) -> None:
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
            generator=initial_generator(config.training.seed) if drawn else None,
        )
        groups = len(self.network.layer_groups)
        if config.training.freeze >= groups:
            raise ConfigError(
                f"freeze must be below {groups}, the number of layer groups; got "
                f"{config.training.freeze}"
            )

    @classmethod
    @checked
    def train(
        cls,
        data: PairData,
        out: Input,
        *,
        columns: Columns | Sequence[str] | None = None,
        file_format: PairFormat = "auto",
        listeners: Sequence[Listener] = (),
        **options: Unpack[TransducerOptions],
    ) -> ItemResult:
        """Train a transducer on pairs of a source and a target.

        All pairs with the same source are in the same part of the train/validation split. If all
        files have the format ``cmudict``, targets are tokens, unless ``target_vocabulary`` is set.

        Parameters
        ----------
        data
            Files, folders or glob patterns; or pairs of texts.
        out
            The run directory to create. It must not exist, or must be empty.
        columns
            The table columns; by default ``source`` and ``target``.
        file_format
            The format of all files. ``auto`` derives it from each name.
        listeners
            Called with each event of the training.
        **options
            The options of ``nextchar transduce train``.

        Raises
        ------
        ConfigError, TextError, RunError
            The data or an option is invalid. Nothing was written.
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
    def untrained(cls, folder: Path, config: Any, *, drawn: bool = True) -> Self:  # noqa: ANN401
        """Return the model of a run in its initial state."""
        return cls(config, PairCodec.load(folder), drawn=drawn)

    @property
    def summary(self) -> str:
        """The numbers of source and target symbols, as text."""
        source, target = len(self.symbols.source), len(self.symbols.target)
        return f"{source:,} symbols to {target:,}"

    def save_symbols(self, folder: Path) -> None:
        """Write the vocabularies."""
        self.symbols.save(folder)

    @property
    def schema(self) -> Schema:
        """The sources and the targets."""
        vocabularies = {SOURCE: self.symbols.source, TARGET: self.symbols.target}
        return Schema({name: Texts(len(each)) for name, each in vocabularies.items()})

    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Return the number of symbols of each source and its target, int64[N]."""
        return examples.texts[SOURCE].lengths + examples.texts[TARGET].lengths

    def compute_loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator
    ) -> Loss:
        """Return the loss of a batch, with teacher forcing."""
        logits, targets = self._predicted(examples, batch, generator)
        return sequence_loss(
            NetworkOutput(logits, (), logits, logits), targets, self.config.training
        )

    def loss_counts(self, examples: Examples, items: NDArray[np.int64]) -> tuple[int, int]:
        """Return the number of predicted symbols of some targets, ends included, twice."""
        symbols = int(examples.texts[TARGET].lengths[items].sum()) + len(items)
        return symbols, symbols

    def _measured(self, examples: Examples) -> ValidationResult:
        """Return the loss on all items, and the error rates of greedy decoding on a fixed sample.

        The symbol error rate selects the best weights.
        """
        nats = self._nats(examples)
        part = self._decoded_items(examples)
        found = self.decode_ids(part.texts[SOURCE], Beam(width=1))
        errors = count_errors([each[0].symbols for each in found], part.texts[TARGET])
        return ValidationResult(nats=nats, figures=errors.rates(), decides=errors.symbol_error_rate)

    def rehearse(self, examples: Examples) -> None:
        """Do the same amount of work as ``measure`` on a trained network.

        Outputs of an untrained network rarely end. Their length is limited to a typical one.
        """
        with evaluating(self.network):
            self._nats(examples)
            part = self._decoded_items(examples)
            lengths = part.texts[TARGET].lengths
            longest = int(lengths.mean() + 2 * lengths.std()) + 1
            self.decode_ids(part.texts[SOURCE], Beam(width=1), max_length=longest)

    def _decoded_items(self, examples: Examples) -> Examples:
        """Return a fixed sample of the items, to decode for the error rates."""
        count = min(len(examples), self.config.transduction.decoded_items)
        some = np.random.default_rng(self.config.training.seed).permutation(len(examples))[:count]
        return examples.subset(np.sort(some))

    def _nats(self, examples: Examples) -> float:
        total, count = 0.0, 0
        with torch.no_grad():
            for indices in by_length(self.lengths(examples), _MEASURED_TOGETHER):
                logits, targets = self._predicted(examples, ItemBatch.share(indices), None)
                each = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="sum"
                )
                total += float(each)
                count += int((targets != NO_TARGET).sum())
        return total / count

    def _predicted(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Return logits [T, B, V + 1] and targets int64[T, B] under teacher forcing."""
        sources, targets = examples.texts[SOURCE], examples.texts[TARGET]
        border = self.network.border
        source = batch.padded(sources, 0)
        target = batch.padded(targets, border)
        count = len(batch.own)
        edge = np.full((1, count), border)
        inputs = np.concatenate([edge, target])
        expected = np.concatenate([target, edge])
        padding = np.arange(len(expected))[:, None] > targets.lengths[batch.own]
        expected[padding] = NO_TARGET
        tensors = (source, sources.lengths[batch.own], inputs, expected)
        ids, lengths, read, target_ids = (
            on_device(torch.from_numpy(values), self.device) for values in tensors
        )
        prediction = self.network(ids, lengths, read, generator=generator)
        return prediction.logits, target_ids

    def decode_ids(
        self, sources: Sequences, beam: Beam, *, max_length: int | None = None
    ) -> list[list[DecodedTarget]]:
        """Return the hypotheses for each encoded source, the best first."""
        limits = self.symbols.limits(sources.lengths)
        if max_length is not None:
            limits = np.full(len(sources), max_length)
        unknown = self.symbols.target.unknown_id
        excluded = () if unknown is None else (unknown,)
        found: list[list[DecodedTarget]] = [[] for _ in range(len(sources))]
        for items, each in decode(self.network, sources, limits, beam, excluded=excluded):
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
        """Return the most probable outputs for each source text.

        Parameters
        ----------
        texts
            One source or several. A single call for many sources is much faster.
        beam
            Beam width; 1 is greedy decoding.
        count
            Maximum number of outputs for each source, 1 to ``beam``.
        max_length
            Maximum number of symbols of an output. The default is twice the length of the source,
            plus the longest target in training.
        length_penalty
            As in ``generation.search.Beam``: values above 0 compensate for the lower probability of
            long outputs.
        unknown
            Treatment of symbols outside the source vocabulary: raise an error, skip them, or read
            them as ``<unk>``.

        Returns
        -------
        list[list[Transduction]]
            The outputs for each source, the best first.

        Raises
        ------
        TextError
            A text is empty or too long, or has unknown symbols.
        ConfigError
            An option is out of range.
        """
        search = _search(beam, length_penalty, max_length)
        if not 1 <= count <= beam:
            raise ConfigError(f"count must be 1 to the beam's width of {beam}; got {count}")
        given = [texts] if isinstance(texts, str) else list(texts)
        sources = self._sources(given, unknown)
        return [
            [self._transduction(each) for each in ranked[:count]]
            for ranked in self.decode_ids(sources, search, max_length=max_length)
        ]

    @checked
    def attention(
        self, text: str, *, beam: int = 5, max_length: int | None = None, unknown: Unknown = "error"
    ) -> AttentionMap:
        """Return the attention weights for the most probable output.

        Options and errors are those of ``apply``.
        """
        source = self._sources([text], unknown)
        search = _search(beam, 0.0, max_length)
        best = self.decode_ids(source, search, max_length=max_length)[0][0]
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
        columns: Columns | Sequence[str] | None = None,
        file_format: PairFormat = "auto",
        beam: int = 5,
        max_length: int | None = None,
        length_penalty: float = 0.0,
        note: Note = no_note,
    ) -> TransductionEvaluation:
        """Evaluate the outputs for the sources of pairs against the targets.

        Unknown symbols are read as ``<unk>``, which is never an output. ``data``, ``columns`` and
        ``file_format`` are as in ``train``. ``note`` is called with a line for each irregularity of
        a file. Other options and errors are those of ``apply``.
        """
        reading = self.config.items.reading
        pairs = pairs_of(data, reading, columns=columns, file_format=file_format, note=note)
        return self.evaluate_examples(
            self.examples(pairs), beam=beam, max_length=max_length, length_penalty=length_penalty
        )

    def examples(self, pairs: Sequence[tuple[str, str]]) -> Examples:
        """Encode pairs. Unknown symbols are ``<unk>``.

        Raises
        ------
        TextError
            There are no pairs, or a text is empty or too long.
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
        found = self.decode_ids(examples.texts[SOURCE], search, max_length=max_length)
        seconds = time.perf_counter() - began
        return TransductionEvaluation.of(
            self.symbols,
            examples,
            [each[0] for each in found],
            beam=beam,
            nats_per_symbol=self._nats(examples),
            seconds=seconds,
        )

    def _transduction(self, best: DecodedTarget) -> Transduction:
        return Transduction(
            text=self.symbols.target.decode(best.symbols),
            log_probability=best.log_probability,
            score=best.score,
            reached_limit=best.reached_limit,
        )

    def _sources(self, texts: Sequence[str], unknown: Unknown) -> Sequences:
        """Encode sources; raise ``TextError`` if one has no known symbol."""
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
                f"{name} has {len(text):,} characters; this run accepts at most {most:,} "
                f"({as_option('max_length')} in training)"
            )


def _search(width: int, length_penalty: float, max_length: int | None) -> Beam:
    if max_length is not None and max_length < 1:
        raise ConfigError(f"max_length must be at least 1; got {max_length}")
    if max_length is not None and max_length > _LONGEST:
        raise ConfigError(f"max_length must be at most {_LONGEST:,}; got {max_length}")
    if width < 1:
        raise ConfigError(f"beam must be at least 1; got {width}")
    if width > _WIDEST:
        raise ConfigError(f"beam must be at most {_WIDEST:,}; got {width}")
    return Beam(width=width, length_penalty=length_penalty)
