"""The course of a training in words, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nextchar.errors import as_option, in_command_line_terms

if TYPE_CHECKING:
    from nextchar.inspection.training import Curves, TrainingCourse

MUCH = 1.5  # change of a parameter's gradient norm, relative to that of the whole gradient


def course_lines(course: TrainingCourse) -> list[str]:
    """Return the figures and the diagnosis of a training."""
    rows = len(course.curves.steps)
    steps = f"{course.step:,} steps" + ("" if course.is_finished else " so far")
    validations = "1 validation" if rows == 1 else f"{rows} validations"
    return [
        f"{course.run}: {course.config.network.summary}, {steps}, {validations}",
        *(_figures(course) if rows else ()),
        *_units(course),
        "",
        *map(in_command_line_terms, verdict(course)),
    ]


def _figures(course: TrainingCourse) -> Iterator[str]:
    curves, counts = course.curves, course.baselines
    validation = curves.validation[-1]
    if math.isnan(validation):
        yield (
            f"loss: training {curves.train[-1]:.3f} nats per character; there is no validation "
            "part, so overfitting cannot be seen"
        )
    else:
        best = curves.best
        yield (
            f"loss: training {curves.train[-1]:.3f}, validation {validation:.3f} nats per "
            f"character; best {curves.validation[best]:.3f} at step {curves.steps[best]:,}"
        )
    if counts is not None:
        yield f"by counts: symbols {counts.unigram:.3f}, pairs of symbols {counts.bigram:.3f}"
    yield (
        f"learning rate: peak {course.config.training.learning_rate:g}, last "
        f"{curves.learning_rate[-1]:.2g}"
    )
    norms = curves.gradient_norm[np.isfinite(curves.gradient_norm)]
    if len(norms):
        yield f"gradient norm: {norms.min():.3g} to {norms.max():.3g}; {_clipping(course)}"
    yield from most_changed(course.curves)


def most_changed(curves: Curves) -> Iterator[str]:
    """Name the parameter whose gradient changed most beside the whole one, if it did by much."""
    known = np.flatnonzero(curves.gradient_norm > 0)
    if len(known) < 2:
        return
    ends = known[[0, -1]]
    whole = curves.gradient_norm[ends]
    beside = {
        name: abs(math.log(norms[ends[1]] / norms[ends[0]] * whole[0] / whole[1]))
        for name, norms in curves.parameter_norms.items()
        if (norms[ends] > 0).all()
    }
    name = max(beside, key=beside.__getitem__, default="")
    if name and beside[name] >= math.log(MUCH):
        first, last = curves.parameter_norms[name][ends]
        yield (
            f"gradient norm by parameter: {name} changed most, ×{last / first:.2g} from step "
            f"{curves.steps[ends[0]]:,} on ({first:.2g} to {last:.2g}); the whole gradient, "
            f"×{whole[1] / whole[0]:.2g}"
        )


def _clipping(course: TrainingCourse) -> str:
    if course.clipped is None:
        return "no clipping"
    limit = course.config.training.clip_norm
    return f"clipped at {limit:g} in {course.clipped} of {len(course.curves.steps)} validations"


def _units(course: TrainingCourse) -> Iterator[str]:
    for number, each in enumerate(course.idle_units, 1):
        layer = f" of layer {number}" if len(course.idle_units) > 1 else ""
        yield f"units{layer}: {each.units}, {each.dead} dead, {each.saturated} saturated"


def verdict(course: TrainingCourse) -> list[str]:
    """Return the diagnosis, a line for each fault, with options named by ``as_option``."""
    if not course.is_healthy:
        return [f"{each.fault}: {each.evidence}. {each.advice}" for each in course.diagnoses]
    if not course.still_learns:
        return ["healthy"]
    steps = as_option("steps", 2 * course.planned_steps)
    return [
        f"healthy, but it has not finished learning: the loss still fell by "
        f"{course.curves.late_fall:.1%} in the last fifth of the steps, and more steps would lower "
        f"it further: {steps}"
    ]
