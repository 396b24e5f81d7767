"""The course of a training: losses, rates and gradient norms by step, and what the units became.

Shapes: R rows of ``metrics.jsonl``, one per validation; L layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextchar.config import Config, NetworkConfig
from nextchar.generation.prompts import separator_of
from nextchar.inspection.baselines import MOST_COUNTED, MOST_MEASURED, Baselines
from nextchar.inspection.diagnosis import LATE_FALL, Diagnosis, diagnose
from nextchar.inspection.gradients import measure_gradients
from nextchar.inspection.idle_units import IdleUnits
from nextchar.inspection.recording import longest, record
from nextchar.inspection.sample import Sample
from nextchar.nn.network import Network
from nextchar.nn.parameters import load_parameters
from nextchar.run_files.model_files import load_config, load_vocabulary, load_weights
from nextchar.text.corpus import Corpus
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import LAST_FILE
from nextchar.training.extension import current, is_finished, progress_of
from nextchar.training.metrics import NORM_OF, read_history

_CORPUS = "corpus"
_SYMBOLS = 2000  # read for the idle units
_LAGS = 30

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """The figures at each validation.

    Attributes
    ----------
    steps
        The steps, int64[R].
    train, validation
        Losses in nats per character, [R]: the mean since the last validation, and that of the
        validation part. NaN without a validation part.
    learning_rate, gradient_norm
        Of that step, [R]; the norm is that before clipping, and NaN if it is not known.
    parameter_norms
        The norm of each parameter's gradient by its name, likewise; empty for a run without this
        record.
    """

    steps: NDArray[np.int64]
    train: _Floats
    validation: _Floats
    learning_rate: _Floats
    gradient_norm: _Floats
    parameter_norms: Mapping[str, _Floats]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Return the curves in the rows of ``metrics.jsonl``."""

        def column(name: str) -> _Floats:
            return np.array([row.get(name, math.nan) for row in rows], np.float64)

        return cls(
            steps=np.array([row["step"] for row in rows], np.int64),
            train=column("train_nats_per_char"),
            validation=column("validation_nats_per_char"),
            learning_rate=column("learning_rate"),
            gradient_norm=column("gradient_norm"),
            parameter_norms={
                key.removeprefix(NORM_OF): column(key)
                for key in dict.fromkeys(key for row in rows for key in row)
                if key.startswith(NORM_OF)
            },
        )

    @property
    def held_out(self) -> _Floats:
        """The loss to judge a training by, [R]: that of validation, or else of training."""
        return self.train if np.isnan(self.validation).any() else self.validation

    @property
    def best(self) -> int:
        """The row of the lowest loss."""
        return int(self.held_out.argmin())

    @property
    def late_fall(self) -> float:
        """The share of the loss by which it fell in the last fifth of the steps."""
        earlier = self.held_out[int(np.argmin(np.abs(self.steps - 0.8 * self.steps[-1])))]
        return float(1 - self.held_out[-1] / earlier)

    def to_dict(self) -> dict[str, Any]:
        """Return the curves by name; a figure that is not known is null."""
        return {
            "step": self.steps.tolist(),
            "train_nats_per_char": _known(self.train),
            "validation_nats_per_char": _known(self.validation),
            "learning_rate": _known(self.learning_rate),
            "gradient_norm": _known(self.gradient_norm),
            "gradient_norm_by_parameter": {
                name: _known(norms) for name, norms in self.parameter_norms.items()
            },
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingCourse:
    """The course of a training.

    Attributes
    ----------
    run
        The run directory.
    config
        Its configuration, with the settings of further training.
    curves
        The figures at each validation.
    step, planned_steps
        The steps done at the last save, and those of the configuration.
    is_finished
        Whether all steps are done, or the run has stopped early as it should.
    baselines
        The losses of counts; ``None`` for a text that is too short.
    idle_units
        Of each layer, from the input to the output, with the newest weights; empty before the
        first save.
    reach
        The largest lag in symbols at which the gradient of the loss is at least 1 % of that at
        lag 0, over the layers. It is measured if the loss is not below that of pairs of symbols;
        ``None`` if it was not measured.
    """

    run: Path
    config: Config
    curves: Curves
    step: int
    planned_steps: int
    is_finished: bool
    baselines: Baselines | None
    idle_units: tuple[IdleUnits, ...]
    reach: int | None = None

    @cached_property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """What is wrong, the most likely cause first; empty for a healthy run."""
        return diagnose(self)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.diagnoses

    @property
    def still_learns(self) -> bool:
        """Whether a healthy training would gain from more steps: its loss fell until the end."""
        return self.is_healthy and len(self.curves.steps) > 0 and self.curves.late_fall > LATE_FALL

    @property
    def clipped(self) -> int | None:
        """The number of validations whose step was clipped by norm; ``None`` without clipping."""
        limit = self.config.training.clip_norm
        return int((self.curves.gradient_norm > limit).sum()) if limit > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name; losses in nats per character."""
        counts = self.baselines
        return {
            "run": str(self.run),
            "network": self.config.network.summary,
            "step": self.step,
            "planned_steps": self.planned_steps,
            "is_finished": self.is_finished,
            "is_healthy": self.is_healthy,
            "still_learns": self.still_learns,
            "diagnoses": [each.to_dict() for each in self.diagnoses],
            "clip_norm": self.config.training.clip_norm,
            "clipped_validations": self.clipped,
            "unigram_nats_per_char": None if counts is None else counts.unigram,
            "bigram_nats_per_char": None if counts is None else counts.bigram,
            "idle_units": [each.to_dict() for each in self.idle_units],
            "reach_of_gradient_symbols": self.reach,
            "curves": self.curves.to_dict(),
        }

    def lines(self) -> list[str]:
        """Return the figures and the diagnosis for a terminal."""
        from nextchar.inspection.training_words import course_lines

        return course_lines(self)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the losses, the learning rate and the gradient norms by step.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.training_plots import plot_course

        return plot_course(self)


def inspect_training(run: Path) -> TrainingCourse:
    """Read the course of a run's training, and look at its newest weights.

    Parameters
    ----------
    run
        The run directory of a language model.

    Raises
    ------
    RunError
        It is none, or it is damaged.
    CorpusError
        Its text is missing or damaged.
    """
    config, progress = load_config(run), progress_of(run)
    training = current(run, config.training)
    config = config.with_options(steps=training.steps, learning_rate=training.learning_rate)
    curves = Curves.of(read_history(run, unit="char"))
    corpus, vocabulary = Corpus.open(run / _CORPUS), load_vocabulary(run)
    train = np.asarray(corpus.train[:MOST_COUNTED], np.int64)
    validation = np.asarray(corpus.validation[:MOST_MEASURED], np.int64)
    measured = validation if len(validation) else train[:MOST_MEASURED]
    baselines = Baselines.of(train, measured, vocabulary)
    idle: tuple[IdleUnits, ...] = ()
    reach = None
    if (run / LAST_FILE).exists() and len(measured) > 0:
        network = _newest(run, config, vocabulary)
        read = measured[: min(_SYMBOLS, longest(network, gates=False))]
        layers = record(network, read, gates=False).layers
        idle = tuple(IdleUnits.of(layer, _limits(config.network)) for layer in layers)
        is_high = (
            baselines is not None
            and len(curves.steps) > 0
            and curves.held_out[-1] > baselines.bigram
        )
        if is_high and len(read) > 2 * _LAGS:
            reach = _reach(network, read)
    return TrainingCourse(
        run=run,
        config=config,
        curves=curves,
        step=0 if progress is None else progress.step,
        planned_steps=training.steps,
        is_finished=progress is not None and is_finished(progress, training),
        baselines=baselines,
        idle_units=idle,
        reach=reach,
    )


def _newest(run: Path, config: Config, vocabulary: Vocabulary) -> Network:
    """Return the network with the weights of the last save."""

    def build() -> Network:
        return Network(len(vocabulary), config.network, generator=None)

    network = build()
    load_parameters(network, load_weights(run, build, "last"))
    if config.training.reset_probability == 0:
        network.begins_after = separator_of(vocabulary)
    return network


def _limits(config: NetworkConfig) -> tuple[float, float]:
    """Return the limits of the outputs of the cells."""
    if config.cell in ("min_gru", "min_lstm"):
        return -math.inf, math.inf
    if config.cell != "rnn" or config.activation == "tanh":
        return -1.0, 1.0
    return (0.0, math.inf) if config.activation == "relu" else (0.0, 1.0)


def _reach(network: Network, ids: NDArray[np.int64]) -> int:
    """Return how far back the gradient of the loss reaches in any layer."""
    sample = Sample(name="text", ids=ids, is_whole=False)
    flow = measure_gradients(network, sample, name="", unit="", lags=_LAGS)
    parts = [part for layer in flow.layers for part in layer.parts.values()]
    return max(0 if part.verdict == "none" else part.reach or _LAGS for part in parts)


def _known(values: _Floats) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
