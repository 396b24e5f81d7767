"""The picture of a training: losses, learning rate and gradient norm by step."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from nextchar.errors import in_command_line_terms
from nextchar.rendering.figures import COLORS, label_fonts, new_figure

if TYPE_CHECKING:
    from nextchar.inspection.training import TrainingCourse

_COLUMNS = 95
_WIDE = 20  # range of the norms that needs a logarithmic axis


def plot_course(course: TrainingCourse) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw the losses, the learning rate and the gradient norm by step, under the diagnosis."""
    figure = new_figure(8, 8)
    losses, rates, norms = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1))
    figure.suptitle(_title(course), fontfamily=label_fonts(), parse_math=False, fontsize=10,
                    ha="left", x=0.02)  # fmt: skip
    _draw_losses(losses, course)
    curves = course.curves
    rates.plot(curves.steps, curves.learning_rate, marker=".", color=COLORS[2])
    rates.set_ylabel("learning rate")
    rates.set_ylim(bottom=0)
    _draw_norms(norms, course)
    norms.set_xlabel("step")
    norms.xaxis.set_major_formatter("{x:,.0f}")
    for axes in (losses, rates, norms):
        axes.grid(alpha=0.3)
        if not len(curves.steps):
            axes.text(0.5, 0.5, "no validation on record", ha="center", transform=axes.transAxes)
    return figure


def _title(course: TrainingCourse) -> str:
    words = [f"{each.fault}: {each.evidence}. {each.advice}" for each in course.diagnoses]
    lines = [f"{course.run.name}: {course.config.network.summary}"]
    for each in words or ["healthy"]:
        lines += textwrap.wrap(in_command_line_terms(each), _COLUMNS)
    return "\n".join(lines)


def _draw_losses(axes: Any, course: TrainingCourse) -> None:  # noqa: ANN401
    curves, counts = course.curves, course.baselines
    axes.set_ylabel("loss in nats per character")
    if not len(curves.steps):
        return
    axes.plot(curves.steps, curves.train, marker=".", color=COLORS[0], label="training")
    if not np.isnan(curves.validation).any():
        axes.plot(curves.steps, curves.validation, marker="s", ms=4, ls="--", color=COLORS[1],
                  label="validation")  # fmt: skip
        best = curves.best
        axes.plot(curves.steps[best], curves.validation[best], "o", ms=10, mfc="none",
                  color=COLORS[1], label=f"best: {curves.validation[best]:.3f}")  # fmt: skip
    if counts is not None:
        axes.axhline(counts.unigram, color="0.45", ls=":", label="counts of symbols")
        axes.axhline(counts.bigram, color="0.45", ls="-.", label="counts of pairs")
    axes.legend()


def _draw_norms(axes: Any, course: TrainingCourse) -> None:  # noqa: ANN401
    curves, clip = course.curves, course.config.training.clip_norm
    axes.set_ylabel("gradient norm")
    if not np.isfinite(curves.gradient_norm).any():
        return
    axes.plot(curves.steps, curves.gradient_norm, marker=".", color=COLORS[3])
    low, high = np.nanmin(curves.gradient_norm), np.nanmax(curves.gradient_norm)
    if high > _WIDE * low > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if clip > 0:
        axes.axhline(clip, color="0.45", ls="--", label=f"clipped above {clip:g}")
        axes.legend()
