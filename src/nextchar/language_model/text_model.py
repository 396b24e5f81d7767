"""A network and its vocabulary as a probability model of text: evaluation and scoring."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch

from nextchar.config import Config, DecodingErrors, ExpertUse
from nextchar.config.arguments import checked
from nextchar.errors import ConfigError, as_option
from nextchar.evaluation import Evaluation
from nextchar.evaluation.dynamic import Adaptation
from nextchar.evaluation.score import Score
from nextchar.generation.engine import MixtureUse
from nextchar.language_model.evaluating import (
    TextCounts,
    counted_ids,
    counted_text,
    evaluate_chunks,
    score_text,
)
from nextchar.language_model.options import EvaluationOptions
from nextchar.nn.network import Network
from nextchar.nn.precision import Arithmetic, arithmetic_of, has_bfloat16, has_int16
from nextchar.text.normal_forms import NormalForm
from nextchar.text.reading import open_text
from nextchar.text.stored_ids import TextIds
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary

if TYPE_CHECKING:
    from nextchar.experts.experts import Experts
    from nextchar.inspection import Inspector


def no_experts() -> None:
    """Load no experts."""


class TextModel:
    """A probability model of text, with its evaluation and scoring.

    Parameters
    ----------
    config
        The configuration of the run.
    vocabulary, network
        The vocabulary, and a network for this number of symbols.
    experts
        Loads the experts of the run, when they are needed first; ``None`` if it has none.
    run
        The run directory; ``None`` for a model that was not loaded.

    Raises
    ------
    ConfigError
        The vocabulary consists of words: generation, evaluation and constraints need symbols of at
        most one character.
    """

    def __init__(
        self,
        config: Config,
        vocabulary: Vocabulary,
        network: Network,
        experts: Callable[[], Experts | None] = no_experts,
        run: Path | None = None,
    ) -> None:
        if vocabulary.kind == "word":
            raise ConfigError(
                "a language model needs symbols of at most one character: vocabulary must be "
                "char, byte or jamo; got word"
            )
        self.config = config
        self.vocabulary = vocabulary
        self.network = network
        self._load_experts = experts
        self._run = run
        self._form = NormalForm(vocabulary, config.text.normalization)

    def __repr__(self) -> str:
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return (
            f"<{type(self).__name__}: {self.config.network.summary}, {symbols}, "
            f"{self.parameters:,} parameters>"
        )

    @property
    def parameters(self) -> int:
        """Number of trainable weights."""
        return self.network.parameter_count

    @functools.cached_property
    def experts(self) -> Experts | None:
        """The experts of the run: counts of its training text. ``None`` if it has none.

        Raises
        ------
        RunError
            Their file is damaged.
        """
        return self._load_experts()

    @functools.cached_property
    def inspect(self) -> Inspector:
        """What happens inside the model on a text: gradients, gates, units, memory, errors."""
        from nextchar.inspection import Inspector

        return Inspector(self.network, self.vocabulary, self.config, run=self._run)

    @checked
    def evaluate(
        self,
        text: str | Iterable[str],
        *,
        unknown: Unknown | None = None,
        exact: bool = False,
        reset_every: int = 0,
        adaptation: Adaptation | None = None,
        experts: ExpertUse | None = None,
        compressors: bool = False,
    ) -> Evaluation:
        """Evaluate the model's predictions on a text, with the state carried through it.

        A long text is read in parallel streams and in the precision used for training, which
        changes the result by about 0.0001 bits per symbol.

        Parameters
        ----------
        text
            The text, or an iterable of its pieces in order; memory does not grow with their number.
        unknown
            Handling of unknown symbols. By default they are replaced by ``<unk>`` if the vocabulary
            has it; otherwise they are skipped and counted in ``skipped_symbols``.
        exact
            Whether to read the text in order and in float32.
        reset_every
            Number of predictions between two resets of the state, as in the evaluation of models
            with a fixed context; 0 means no reset.
        adaptation
            Dynamic evaluation: the model continues to learn from the text already evaluated, in
            order and in float32; see ``Adaptation``.
        experts
            ``"fixed"``: the predictions of the network are mixed with the counts of the training
            text. ``"learning"``: the weights of the mixture learn from the text already evaluated.
            ``"adaptive"``: the counts learn too. ``"none"``: the network alone. By default fixed,
            unless the run has no experts or the state is reset.
        compressors
            Whether to compress the text with xz, bz2 and gzip as well, for comparison.

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
            encoded,
            tally,
            experts,
            exact=exact,
            reset_every=reset_every,
            adaptation=adaptation,
        )

    def evaluate_ids(
        self,
        ids: TextIds,
        *,
        exact: bool = False,
        reset_every: int = 0,
        adaptation: Adaptation | None = None,
        experts: ExpertUse | None = None,
        compressors: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> Evaluation:
        """Evaluate the model on an encoded text, shape [N].

        Parameters
        ----------
        ids
            The symbol ids, in memory or in a file: ``open_corpus(run).test``.
        exact, reset_every, adaptation, experts, compressors
            As in ``evaluate``.
        progress
            Called with the completed share, 0 to 1.
        """
        tally = TextCounts(self.vocabulary, compressors=compressors)
        pieces = counted_ids(self.vocabulary, ids, tally, progress=progress)
        return self._evaluate(
            pieces, tally, experts, exact=exact, reset_every=reset_every, adaptation=adaptation
        )

    @checked
    def evaluate_file(
        self,
        inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        encoding: str | None = None,
        errors: DecodingErrors | None = None,
        **options: Unpack[EvaluationOptions],
    ) -> Evaluation:
        """Evaluate the model's predictions on files, as ``nextchar evaluate`` does.

        The files are read piece by piece, in constant memory.

        Parameters
        ----------
        inputs
            A file, a folder, a glob pattern, ``-`` for standard input, or several of them, read as
            one text.
        encoding, errors
            Decoding of the bytes; by default as in training.
        **options
            Options of ``evaluate``.

        Raises
        ------
        TextError
            A file cannot be read, or the text has fewer than two known symbols.
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
        experts: ExpertUse | None = None,
        alternatives: int = 5,
        progress: Callable[[float], None] | None = None,
    ) -> Score:
        """Return the bits of every character of a text, read in order with carried state.

        Parameters
        ----------
        text
            The text, of at least two known symbols. The first symbol is not predicted and has 0
            bits, so ``score(text).total_bits`` is the sum over ``evaluate(text, exact=True)``.
        unknown
            Handling of unknown symbols, as in ``evaluate``; for its effect see ``Score``.
        adaptation
            Dynamic evaluation: the model continues to learn from the text already scored; see
            ``Adaptation``.
        experts
            As in ``evaluate``.
        alternatives
            The number of most probable symbols to list at each position. Memory is about 70 bytes
            per symbol, and 8 for each of them.
        progress
            Called with the completed share, 0 to 1.

        Raises
        ------
        TextError
            The text has fewer than two known symbols.
        UnknownSymbolsError
            The text has unknown symbols, and ``unknown="error"``.
        """
        if alternatives < 0:
            raise ConfigError(f"alternatives must be at least 0; got {alternatives}")
        return score_text(
            self.network,
            self.vocabulary,
            self._form.of(text),
            unknown=unknown,
            adaptation=adaptation,
            mixture=self.mixture_of(experts),
            alternatives=alternatives,
            progress=progress,
        )

    def _texts(self, given: str | Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self._form.of, (given,) if isinstance(given, str) else given))

    def mixture_of(self, use: ExpertUse | None, *, usual: ExpertUse = "fixed") -> MixtureUse:
        """Return the experts to mix with the network, and how they are used.

        Parameters
        ----------
        use
            The requested use; ``None`` for the usual one if the run has experts.

        Raises
        ------
        ConfigError
            The run has no experts, and they were requested.
        RunError
            The file of the experts is damaged.
        """
        if use == "none":
            return None, "none"
        try:
            experts = self.experts
        except ConfigError:  # compilation is disabled
            if use is not None:
                raise
            experts = None
        if experts is None and use is not None:
            raise ConfigError(
                f"the run has no experts: {as_option('experts')} must be none; got {use}. They are "
                "counted when a training ends, unless it was started without them"
            )
        return experts, "none" if experts is None else use or usual

    def _evaluate(
        self,
        chunks: Iterable[Ids],
        tally: TextCounts,
        experts: ExpertUse | None,
        *,
        reset_every: int,
        **options: Any,  # noqa: ANN401
    ) -> Evaluation:
        mixture = self.mixture_of("none" if experts is None and reset_every else experts)
        return evaluate_chunks(
            self.network,
            self.vocabulary.kind,
            chunks,
            tally,
            arithmetic=self._evaluation_arithmetic(),
            mixture=mixture,
            reset_every=reset_every,
            **options,
        )

    def _evaluation_arithmetic(self) -> Arithmetic:
        """Return the arithmetic used for training if this machine supports it, or else float32.

        Unlike a choice by measured speed, the result is the same at each call.
        """
        weight, arithmetic = self.network.head.weight, arithmetic_of(self.config.training.precision)
        here = {"bfloat16": has_bfloat16, "int16": has_int16}.get(arithmetic)
        is_here = here is not None and weight.dtype == torch.float32 and here(weight.device)
        return arithmetic if is_here else "float32"
