"""The picture of a training: losses, learning rate and gradient norms by step."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import in_command_line_terms
from nextchar.inspection.training_words import verdict
from nextchar.rendering.figures import COLORS, label_fonts, new_figure, show_decades

if TYPE_CHECKING:
    from nextchar.inspection.training import TrainingCourse

_COLUMNS = 95
_MOST_LINES = 9  # of parameters; more are summed by module
_LINES, _MARKERS = ("-", "--", ":"), "osv^Dx*"
_WIDE = 20  # range of the norms that needs a logarithmic axis


def plot_course(course: TrainingCourse) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw the losses, the learning rate and the gradient norms by step, under the diagnosis."""
    lines = grouped_norms(course.curves.parameter_norms)
    heights = (2.2, 1, 1, 1.8) if lines else (2.2, 1, 1)
    figure = new_figure(8, 1.9 * sum(heights))
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    losses, rates, norms = panels[:3]
    figure.suptitle(_title(course), fontfamily=label_fonts(), parse_math=False, fontsize=10,
                    ha="left", x=0.02)  # fmt: skip
    _draw_losses(losses, course)
    curves = course.curves
    rates.plot(curves.steps, curves.learning_rate, marker=".", color=COLORS[2])
    rates.set_ylabel("learning rate")
    rates.set_ylim(bottom=0)
    _draw_norms(norms, course)
    if lines:
        _draw_each(panels[3], course, lines)
    panels[-1].set_xlabel("step")
    panels[-1].xaxis.set_major_formatter("{x:,.0f}")
    for axes in panels:
        axes.grid(alpha=0.3)
        if not len(curves.steps):
            axes.text(0.5, 0.5, "no validation on record", ha="center", transform=axes.transAxes)
    return figure


def _title(course: TrainingCourse) -> str:
    lines = [f"{course.run.name}: {course.config.network.summary}"]
    for each in verdict(course):
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


def grouped_norms(norms: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return the norms to draw: of each parameter, or of each module if there are many."""
    found: dict[str, NDArray[np.float64]] = {}
    for name, values in norms.items():
        shown = name if len(norms) <= _MOST_LINES else name.rpartition(".")[0]
        label = shown.removeprefix("stack.")
        found[label] = np.hypot(found.get(label, 0.0), values)
    return found


def _draw_each(
    axes: Any,  # noqa: ANN401
    course: TrainingCourse,
    lines: Mapping[str, NDArray[np.float64]],
) -> None:
    for number, (label, values) in enumerate(lines.items()):
        turn, color = divmod(number, len(COLORS))
        axes.plot(course.curves.steps, values, _LINES[turn % len(_LINES)], color=COLORS[color],
                  marker=_MARKERS[number % len(_MARKERS)], ms=4.5, lw=1.5, label=label)  # fmt: skip
    show_decades(axes.yaxis, np.concatenate(list(lines.values())).tolist())
    axes.set_ylabel("gradient norm\nof each part")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)


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
