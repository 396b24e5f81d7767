"""The diagnosis of a training: what is wrong, the figures that show it, and the option to change.

Each rule looks for one fault, and a fault that explains another one hides it. The thresholds were
chosen on runs of Tiny Shakespeare and of made-up sentences: healthy runs of all cells stay far from
them (tests/inspection/test_training.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nextchar.errors import as_option, in_command_line_terms, in_python_terms
from nextchar.training.planning import RATE_AT_256

if TYPE_CHECKING:
    from nextchar.inspection.training import TrainingCourse

Fault = Literal[
    "stopped",
    "exploding gradients",
    "learning rate too high",
    "learning rate too low",
    "dead units",
    "saturated units",
    "vanishing gradients",
    "overfitting",
    "underfitting",
]

RISE = 0.02  # of the best validation loss: the rise that is overfitting
GAP = 0.35  # of the validation loss: training below it by so much is overfitting
BOUNCE, LARGE_BOUNCE = 0.015, 0.1  # rises of the loss that go away again
LATE_FALL, STILL_FALLING = 0.02, 0.03  # of the loss, in the last fifth of the steps
HIGH_RATE, LOW_RATE = 3.0, 0.2  # times the usual rate
EXPLODING = 10.0  # gradient norm, as a multiple of the clipping norm
EXPLODING_UNCLIPPED = 4.0  # gradient norm in nats per symbol; healthy ones are below 1
IDLE = 0.2  # share of dead units in a layer
SATURATED = 0.5  # share of saturated units in a layer
NO_REACH = 5  # symbols


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A fault of a training.

    Attributes
    ----------
    fault
        Its name.
    evidence
        The figures that show it.
    advice
        The options to change, and their values, named by ``as_option``.
    """

    fault: Fault
    evidence: str
    advice: str

    def to_dict(self) -> dict[str, Any]:
        """Return the words, with options in the terms of Python."""
        return {
            "fault": self.fault,
            "evidence": self.evidence,
            "advice": in_python_terms(self.advice),
        }

    @property
    def line(self) -> str:
        """The words in one line, with options in the terms of the command line."""
        return f"{self.fault}: {self.evidence}. {in_command_line_terms(self.advice)}"


def diagnose(course: TrainingCourse) -> tuple[Diagnosis, ...]:
    """Return the faults of a training, the most likely cause first; none for a healthy one."""
    return tuple(_Examination(course).found())


def usual_rate(course: TrainingCourse) -> float:
    """Return the learning rate that suits an optimiser and a width."""
    training, width = course.config.training, course.config.network.hidden_size
    match training.optimizer:
        case "sgd":
            return 0.5
        case "rmsprop":
            return 2e-3
        case _:
            return float(f"{min(RATE_AT_256, RATE_AT_256 * math.sqrt(256 / width)):.2g}")


class _Examination:
    """The rules for one training."""

    def __init__(self, course: TrainingCourse) -> None:
        self._course = course
        self._training = course.config.training
        self._curves = course.curves
        self._usual = usual_rate(course)
        self._rate = self._training.learning_rate

    def found(self) -> Iterator[Diagnosis]:
        """Yield the faults."""
        if not self._course.is_finished:
            yield self._stopped()
        if len(self._curves.steps) == 0:
            return
        exploding, high = self._exploding(), self._too_high()
        dead, saturated = self._dead(), self._saturated()
        causes = [each for each in (exploding, high, dead, saturated) if each is not None]
        yield from causes
        if (overfitting := self._overfitting()) is not None:
            yield overfitting
        elif not causes and self._course.is_finished:
            # What is left when nothing else explains a high loss.
            low = self._too_low() or self._vanishing() or self._underfitting()
            if low is not None:
                yield low

    def _stopped(self) -> Diagnosis:
        clip = self._training.clip_norm
        norm = as_option("clip_norm", 1 if clip == 0 else float(f"{clip / 4:.2g}"))
        lower = as_option("learning_rate", min(self._usual, float(f"{self._rate / 10:.2g}")))
        return Diagnosis(
            fault="stopped",
            evidence=f"at step {self._course.step:,} of {self._course.planned_steps:,}, with "
            f"{len(self._curves.steps)} validations on record",
            advice="Resume it, unless its loss or gradient was not finite: then start again with "
            f"{norm}, or {lower}",
        )

    def _exploding(self) -> Diagnosis | None:
        norms, clip = self._curves.gradient_norm, self._training.clip_norm
        if np.isnan(norms).all():
            return None
        largest = float(np.nanmax(norms))
        if largest <= (EXPLODING * clip or EXPLODING_UNCLIPPED):
            return None
        step = self._curves.steps[int(np.nanargmax(norms))]
        usual = float(np.nanmedian(norms))
        limit = "no clipping" if clip == 0 else f"clipping at {clip:g}"
        advice = (
            f"Set {as_option('clip_norm', 1)}"
            if clip == 0
            else f"Lower {as_option('learning_rate', float(f'{self._rate / 3:.2g}'))}"
        )
        return Diagnosis(
            fault="exploding gradients",
            evidence=f"the gradient norm was {largest:.3g} at step {step:,} (median {usual:.3g}), "
            f"with {limit}",
            advice=advice,
        )

    def _too_high(self) -> Diagnosis | None:
        sign = self._sign_of_high_rate()
        if sign is None:
            return None
        rate = self._usual if self._rate > self._usual else float(f"{self._rate / 3:.2g}")
        return Diagnosis(
            fault="learning rate too high",
            evidence=f"{sign}; the peak rate is {self._rate:g}",
            advice=f"Set {as_option('learning_rate', rate)}",
        )

    def _sign_of_high_rate(self) -> str | None:
        bounce, step = self._bounce()
        is_high = self._rate > HIGH_RATE * self._usual
        if bounce > (BOUNCE if is_high else LARGE_BOUNCE):
            return f"the loss rose by {bounce:.1%} until step {step:,}, and fell again"
        if not is_high or not self._course.is_finished:
            return None
        fall = self._curves.late_fall
        if self._training.schedule in ("linear", "cosine") and fall > LATE_FALL:
            return (
                f"the loss fell by {fall:.1%} in the last fifth of the steps, when the rate was "
                "low at last"
            )
        if self._is_above_pairs() or self._share("saturated") >= SATURATED:
            return f"the loss ended at {self._curves.held_out[-1]:.2f}"
        return None

    def _bounce(self) -> tuple[float, int]:
        """Return the largest rise of a loss that went away again, and the step at its top."""
        found = (0.0, 0)
        for losses in (self._curves.train, self._curves.held_out):
            for row in range(1, len(losses) - 1):
                before, top, after = losses[:row].min(), losses[row], losses[row:].min()
                rise = min(top / before, top / after) - 1
                found = max(found, (float(rise), int(self._curves.steps[row])))
        return found

    def _is_above_pairs(self) -> bool:
        """Return whether the loss ended above that of pairs of symbols."""
        counts = self._course.baselines
        return counts is not None and bool(self._curves.held_out[-1] > counts.bigram)

    def _share(self, kind: Literal["dead", "saturated"]) -> float:
        """Return the largest share of dead or saturated units in a layer."""
        shares = [getattr(each, kind) / each.units for each in self._course.idle_units]
        return max(shares, default=0.0)

    def _dead(self) -> Diagnosis | None:
        if self._share("dead") < IDLE:
            return None
        network = self._course.config.network
        is_relu = network.cell == "rnn" and network.activation == "relu"
        change = f"{as_option('activation', 'tanh')}, or " if is_relu else ""
        return Diagnosis(
            fault="dead units",
            evidence=f"{self._listed('dead')} have the same output at every symbol",
            advice=f"Set {change}{as_option('learning_rate', self._lower_rate())}",
        )

    def _saturated(self) -> Diagnosis | None:
        if self._share("saturated") < SATURATED:
            return None
        return Diagnosis(
            fault="saturated units",
            evidence=f"{self._listed('saturated')} are at a limit of their output at nearly every "
            "symbol, where gradients vanish",
            advice=f"Set {as_option('learning_rate', self._lower_rate())}",
        )

    def _lower_rate(self) -> float:
        return self._usual if self._rate > self._usual else float(f"{self._rate / 3:.2g}")

    def _listed(self, kind: Literal["dead", "saturated"]) -> str:
        units = self._course.idle_units
        parts = [
            f"{getattr(each, kind)} of {each.units} units"
            + (f" of layer {number}" if len(units) > 1 else "")
            for number, each in enumerate(units, 1)
        ]
        return " and ".join(parts)

    def _overfitting(self) -> Diagnosis | None:
        curves = self._curves
        if np.isnan(curves.validation).any():
            return None
        best, end = curves.best, len(curves.steps) - 1
        train, validation = curves.train[end], curves.validation[end]
        rise = validation / curves.validation[best] - 1
        gap = 1 - train / validation
        has_risen = rise > RISE and train < curves.train[best]
        if not has_risen and not (gap > GAP and self._curves.late_fall < LATE_FALL):
            return None
        way = (
            f"the validation loss rose by {rise:.1%} from step {curves.steps[best]:,} on"
            if has_risen
            else f"the validation loss stays at {validation:.3g}"
        )
        dropout = self._course.config.network.dropout
        more = as_option("dropout", round(min(0.6, dropout + 0.3), 2))
        return Diagnosis(
            fault="overfitting",
            evidence=f"{way}, while the training loss fell to {train:.3g}",
            advice=f"Train on more text, or set {more}, or "
            f"{as_option('steps', int(curves.steps[best]))}; the weights of step "
            f"{curves.steps[best]:,} are kept as the best",
        )

    def _too_low(self) -> Diagnosis | None:
        is_low = self._rate < LOW_RATE * self._usual
        if not is_low or not (self._is_above_pairs() or self._curves.late_fall > LATE_FALL):
            return None
        losses = self._curves.held_out
        return Diagnosis(
            fault="learning rate too low",
            evidence=f"the loss went from {losses[0]:.3g} to {losses[-1]:.3g} only, at a peak rate "
            f"of {self._rate:g}",
            advice=f"Set {as_option('learning_rate', self._usual)}",
        )

    def _vanishing(self) -> Diagnosis | None:
        reach = self._course.reach
        if reach is None or reach > NO_REACH or not self._is_above_pairs():
            return None
        network = self._course.config.network
        change = (
            f"{as_option('cell', 'lstm')}"
            if network.cell == "rnn"
            else f"{as_option('residual', True)}, or fewer {as_option('layers')}"
        )
        return Diagnosis(
            fault="vanishing gradients",
            evidence=f"the gradient of the loss falls to 1 % within {reach} symbols, and the loss "
            f"of {self._curves.held_out[-1]:.3g} is above that of pairs of symbols",
            advice=f"Set {change}",
        )

    def _underfitting(self) -> Diagnosis | None:
        curves, counts = self._curves, self._course.baselines
        train, loss = curves.train[-1], curves.held_out[-1]
        steps = as_option("steps", 4 * self._course.planned_steps)
        if self._curves.late_fall > STILL_FALLING and train > 0.9 * loss:
            return Diagnosis(
                fault="underfitting",
                evidence=f"the loss still fell by {self._curves.late_fall:.1%} in the last fifth "
                f"of the steps, and that of training, {train:.3g}, is close to it",
                advice=f"Train longer: {steps}",
            )
        if counts is None or not self._is_above_pairs():
            return None
        width = as_option("hidden_size", 2 * self._course.config.network.hidden_size)
        return Diagnosis(
            fault="underfitting",
            evidence=f"losses of training, {train:.3g}, and validation, {loss:.3g}, are above that "
            f"of pairs of symbols, {counts.bigram:.3g}",
            advice=f"Train longer ({steps}) or a larger network ({width})",
        )
