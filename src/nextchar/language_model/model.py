"""A language model: a network and its vocabulary, and all that people do with the two."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import torch

from nextchar.config import Config, DecodingErrors, reject_unknown
from nextchar.config.arguments import checked
from nextchar.errors import ConfigError
from nextchar.evaluation import Evaluation
from nextchar.evaluation.dynamic import Adaptation
from nextchar.evaluation.score import Score
from nextchar.generation.engine import Engine
from nextchar.generation.plain import StoredWeights
from nextchar.generation.search import Beam
from nextchar.generation.uniforms import resolve_seed
from nextchar.language_model.evaluating import (
    TextCounts,
    counted_ids,
    counted_text,
    evaluate_chunks,
    score_text,
)
from nextchar.language_model.generating import Ending, separator_of, write_on
from nextchar.language_model.searching import Continuation, complete_text, search_text
from nextchar.nn.device import pick_device
from nextchar.nn.network import Network
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.nn.precision import Arithmetic, arithmetic_of, has_bfloat16, has_int16
from nextchar.run_files.model_files import (
    load_config,
    load_vocabulary,
    load_weights,
    save_config,
    save_vocabulary,
)
from nextchar.text.normal_forms import NormalForm
from nextchar.text.reading import open_text
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary
from nextchar.training.checkpoint import MODEL_FILE, save_tensors


class LanguageModel:
    """A network and its vocabulary: what people load.

    It reads every text in the normal form that it was trained on (``text.normal_forms``).

    Parameters
    ----------
    config
        The choices that the model was made with.
    vocabulary, network
        Of the same size.

    Raises
    ------
    ConfigError
        The vocabulary is of words, and the loops that write, measure and constrain a text count on
        symbols of at most one character.
    """

    def __init__(self, config: Config, vocabulary: Vocabulary, network: Network) -> None:
        if vocabulary.kind == "word":
            raise ConfigError(
                "a language model writes symbols of at most one character: vocabulary must be "
                "char, byte or jamo; got word"
            )
        self.config = config
        self.vocabulary = vocabulary
        self.network = network
        self._form = NormalForm(vocabulary, config.text.normalization)

    @classmethod
    def create(cls, config: Config, vocabulary: Vocabulary) -> Self:
        """Make an untrained model; its weights follow from ``config.training.seed``."""
        generator = torch.Generator().manual_seed(config.training.seed)
        network = Network(len(vocabulary), config.network, generator=generator)
        return cls(config, vocabulary, network)

    @classmethod
    @checked
    def load(cls, path: str | Path, *, device: str = "cpu", checkpoint: str | int = "best") -> Self:
        """Read a model from a run directory.

        Parameters
        ----------
        path
            The run directory; its training need not be finished.
        device
            Where to compute: ``"cpu"`` or ``"cuda"``.
        checkpoint
            Which weights: ``"best"`` on the validation part (the newest if none is best yet),
            ``"last"`` for the newest, or a step whose weights ``keep_checkpoints`` has kept.

        Raises
        ------
        RunError
            No run is there, it is damaged, or a newer nextchar wrote it.
        """
        folder = Path(path)
        config, vocabulary = load_config(folder), load_vocabulary(folder)
        network = Network(len(vocabulary), config.network, generator=None)
        load_parameters(network, load_weights(folder, checkpoint))
        if config.training.reset_probability == 0:
            network.begins_after = separator_of(vocabulary)
        model = cls(config, vocabulary, network)
        model.network.to(pick_device(device)).eval()
        return model

    def save(self, path: str | Path) -> None:
        """Write the model into an existing folder, as ``load`` reads it."""
        folder = Path(path)
        save_config(folder, self.config)
        save_vocabulary(folder, self.vocabulary)
        save_tensors(folder / MODEL_FILE, named_tensors(self.network), {})

    def __repr__(self) -> str:
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return (
            f"<{type(self).__name__}: {self.config.network.summary}, {symbols}, "
            f"{self.parameters:,} parameters>"
        )

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        return self.network.parameter_count

    @checked
    def stream(
        self,
        prompt: str = "",
        *,
        length: int | None = 500,
        stop: str | Sequence[str] = (),
        lines: int = 0,
        match: str | None = None,
        forbid: str | Sequence[str] = (),
        seed: int | None = None,
        unknown: Unknown = "error",
        engine: Engine = "auto",
        weights: StoredWeights = "float32",
        **sampling: Any,  # noqa: ANN401
    ) -> Iterator[str]:
        """Write on from a prompt, giving the text piece by piece as it becomes certain.

        Parameters
        ----------
        prompt
            What to continue; it stands at the start of the text, less what ``unknown`` skips or
            replaces. With none, the model starts as after a line break, or else a space.
        length
            Characters to write after the prompt at most; ``None`` is without end, in memory that
            does not grow.
        stop
            The text ends before the first of these texts.
        lines
            The text ends with its so many-th line break; 0 is no bound.
        match
            A regular expression that all of the text after the prompt matches: symbols that it
            does not allow next have no probability, and the others share theirs. Where the text
            matches already, it ends with the probability of the symbols that are not allowed.
            It has always been matched within ``length``. See ``constraints.expressions``.
        forbid
            Words that do not stand in the text; see ``constraints.constrain``.
        seed
            Gives the same text each time; ``None`` draws one.
        unknown
            What to do with symbols of the prompt that the vocabulary does not have.
        engine
            ``"compiled"`` loops, ``"plain"`` torch, or ``"auto"``: plain at first, compiled once
            the text is long enough for their loading to pay. ``"captured"`` is for a GPU: the
            network's step as one CUDA graph.
        weights
            What the compiled engine keeps the weights in: ``"int8"`` is faster, and changes the
            probabilities a little.
        **sampling
            The fields of ``Sampling``: ``temperature``, ``top_k``, ``top_p``, ``min_p``,
            ``repetition_penalty``, ``repetition_window``.

        Yields
        ------
        str
            Joined, the prompt and what was written; the same as ``generate`` gives.

        Raises
        ------
        UnknownSymbolsError, ConfigError
            The prompt or an option cannot be used; raised before the first piece.
        """
        pieces = write_on(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            [resolve_seed(seed)],
            Ending(length=length, stop=self._texts(stop), lines=lines),
            unknown=unknown,
            match=match,
            forbid=self._texts(forbid),
            engine=engine,
            weights=weights,
            **sampling,
        )
        return (texts[0] for texts in pieces)

    @checked
    def generate(self, prompt: str = "", **options: Any) -> str:  # noqa: ANN401
        """Write on from a prompt; the options are those of ``stream``."""
        _require_length(options.get("length", 0))
        return "".join(self.stream(prompt, **options))

    @checked
    def generate_batch(
        self,
        prompt: str = "",
        *,
        samples: int,
        length: int | None = 500,
        stop: str | Sequence[str] = (),
        lines: int = 0,
        forbid: str | Sequence[str] = (),
        seed: int | None = None,
        **options: Any,  # noqa: ANN401
    ) -> list[str]:
        """Write several texts side by side; sample i is what ``generate`` writes with seed + i.

        Up to the rounding of float32: now and then, a long text takes another turn. The options
        are those of ``stream``.
        """
        _require_length(length)
        if samples < 1:
            raise ConfigError(f"samples must be at least 1; got {samples}")
        first = resolve_seed(seed)
        pieces = write_on(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            [first + index for index in range(samples)],
            Ending(length=length, stop=self._texts(stop), lines=lines),
            forbid=self._texts(forbid),
            **options,
        )
        return ["".join(texts) for texts in zip(*pieces, strict=True)]

    @checked
    def search(
        self,
        prompt: str = "",
        *,
        width: int = 4,
        length: int = 500,
        stop: str | Sequence[str] = (),
        lines: int = 0,
        match: str | None = None,
        forbid: str | Sequence[str] = (),
        unknown: Unknown = "error",
        **beam: Any,  # noqa: ANN401
    ) -> list[Continuation]:
        """Find the most probable texts that follow a prompt, by beam search.

        Parameters
        ----------
        width
            Texts that are followed at the same time. Never is the best that is found less
            probable than what ``temperature=0`` writes.
        **beam
            The other fields of ``Beam``: ``length_penalty``, ``groups``, ``diversity``.
        prompt, length, stop, lines, match, forbid, unknown
            As in ``stream``.

        Returns
        -------
        list[Continuation]
            The best first, as many as were found, at most twice the width.
        """
        reject_unknown(beam, [field.name for field in dataclasses.fields(Beam)])
        return search_text(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            Beam(width=width, **beam),
            Ending(length=length, stop=self._texts(stop), lines=lines),
            match=match,
            forbid=self._texts(forbid),
            unknown=unknown,
        )

    @checked
    def complete(
        self, prompt: str, *, count: int = 5, words: int = 1, unknown: Unknown = "error"
    ) -> list[Continuation]:
        """Find the most probable completions of the word in which a text ends, or its next word.

        Parameters
        ----------
        prompt
            The text so far. Where it ends in a letter, digit, apostrophe or ``_``, that word is
            completed, perhaps with nothing; otherwise a word follows.
        count
            How many to find.
        words
            How many words to complete, with what stands between them.

        Returns
        -------
        list[Continuation]
            The most probable first; each with the exact log-probability that the prompt goes on
            with just this text, and no letter after it; its last character is taken as whole.
        """
        return complete_text(
            self.network,
            self.vocabulary,
            self._form.of(prompt),
            count=count,
            words=words,
            unknown=unknown,
        )

    @checked
    def evaluate(
        self,
        text: str | Iterable[str],
        *,
        unknown: Unknown | None = None,
        exact: bool = False,
        reset_every: int = 0,
        adaptation: Adaptation | None = None,
        compressors: bool = False,
    ) -> Evaluation:
        """Measure how well the model predicts a text, over the whole of it with carried state.

        A long text is read in parallel streams, and in the precision of the training, which
        changes the result by about 0.0001 bits a symbol.

        Parameters
        ----------
        text
            The text, or its pieces in order; memory does not grow with their number.
        unknown
            Treatment of unknown symbols. Unless set, they are ``<unk>`` if the vocabulary has it,
            and otherwise skipped and counted in ``skipped_symbols``.
        exact
            Read the text in order and in float32.
        reset_every
            Clear the state before every so many predictions, as models with a fixed context
            are measured; 0 carries it through.
        adaptation
            Go on learning from the text that was measured already, in order and in float32: dynamic
            evaluation, see ``Adaptation``.
        compressors
            Also measure what xz, bz2 and gzip reach on the text.

        Raises
        ------
        TextError
            The text has fewer than two known symbols.
        UnknownSymbolsError
            The text has unknown symbols, and ``unknown="error"``.
        """
        tally = TextCounts(self.vocabulary, compressors=compressors)
        pieces = self._form.chunks([text] if isinstance(text, str) else text)
        encoded = counted_text(self.vocabulary, pieces, unknown, tally)
        return self._evaluate(
            encoded, tally, exact=exact, reset_every=reset_every, adaptation=adaptation
        )

    def evaluate_ids(
        self,
        ids: Ids,
        *,
        exact: bool = False,
        reset_every: int = 0,
        adaptation: Adaptation | None = None,
        compressors: bool = False,
        progress: Callable[[float], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Evaluation:
        """Measure a text that is encoded already, shape [N]; see ``evaluate``.

        ``progress`` is told the share that is done, 0 to 1; ``check`` is called before each
        piece is read, and raises if the ids may not be read any more.
        """
        tally = TextCounts(self.vocabulary, compressors=compressors)
        pieces = counted_ids(self.vocabulary, ids, tally, progress=progress, check=check)
        return self._evaluate(
            pieces, tally, exact=exact, reset_every=reset_every, adaptation=adaptation
        )

    @checked
    def evaluate_file(
        self,
        inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        encoding: str | None = None,
        errors: DecodingErrors | None = None,
        **options: Any,  # noqa: ANN401
    ) -> Evaluation:
        """Measure the model's predictions on files, as ``nextchar evaluate`` does.

        They are read piece by piece, so that memory does not grow with their size.

        Parameters
        ----------
        inputs
            A file, a folder, a glob, ``-`` for standard input, or several, read as one text.
        encoding, errors
            How bytes are decoded; as in training if not given.
        **options
            Options of ``evaluate``.

        Raises
        ------
        TextError
            A file cannot be read; also raised as by ``evaluate``.
        """
        paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
        anew = {"encoding": encoding, "errors": errors}
        changed = {name: value for name, value in anew.items() if value is not None}
        reading = self.config.with_options(**changed).text
        with open_text(paths, reading) as source:
            return self.evaluate(source.chunks(), **options)

    @checked
    def score(
        self,
        text: str,
        *,
        unknown: Unknown | None = None,
        adaptation: Adaptation | None = None,
        alternatives: int = 5,
        progress: Callable[[float], None] | None = None,
    ) -> Score:
        """Give the bits of every character of a text, read in order with carried state.

        Parameters
        ----------
        text
            At least two symbols of the vocabulary. The first has no prediction and costs nothing,
            so that ``score(text).total_bits`` is what ``evaluate(text, exact=True)`` sums.
        unknown
            Treatment of unknown symbols, as in ``evaluate``; for its effect see ``Score``.
        adaptation
            Go on learning from the text that was scored already; see ``Adaptation``.
        alternatives
            How many of the likeliest symbols to keep at each place.
        progress
            Is told the share that is done, 0 to 1.

        Raises
        ------
        TextError
            There is nothing to predict.
        UnknownSymbolsError
            The vocabulary lacks symbols of the text, with ``unknown="error"``.
        """
        if alternatives < 1:
            raise ConfigError(f"alternatives must be at least 1; got {alternatives}")
        return score_text(
            self.network,
            self.vocabulary,
            self._form.of(text),
            unknown=unknown,
            adaptation=adaptation,
            alternatives=alternatives,
            progress=progress,
        )

    def _texts(self, given: str | Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self._form.of, (given,) if isinstance(given, str) else given))

    def _evaluate(self, chunks: Iterable[Ids], tally: TextCounts, **options: Any) -> Evaluation:  # noqa: ANN401
        arithmetic = self._evaluation_arithmetic()
        return evaluate_chunks(
            self.network, self.vocabulary.kind, chunks, tally, arithmetic=arithmetic, **options
        )

    def _evaluation_arithmetic(self) -> Arithmetic:
        """Give the arithmetic of the training, where this machine has it.

        It is the same at each call, unlike what is timed.
        """
        weight, arithmetic = self.network.head.weight, arithmetic_of(self.config.training.precision)
        here = {"bfloat16": has_bfloat16, "int16": has_int16}.get(arithmetic)
        is_here = here is not None and weight.dtype == torch.float32 and here(weight.device)
        return arithmetic if is_here else "float32"


def _require_length(length: int | None) -> None:
    if length is None:
        raise ConfigError("a text without end can only be streamed: give it a length")
