"""Plots of experiments."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

from nextchar.experiments.comparison import Comparison
from nextchar.experiments.trials import Tuning
from nextchar.rendering.figures import new_figure, saved_picture

_AROUND = 0.6  # margin of the axis before the first and after the last trial


def learning_curves(comparison: Comparison, picture_format: str) -> bytes:
    """Plot validation bits per character over seconds of training, with a colour per variant.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Returns
    -------
    bytes
        The picture: a thin line for each run, and the mean of the best values in the legend.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    figure = new_figure(8, 5)
    axes = figure.subplots()
    lowest, highest = math.inf, -math.inf
    for place, group in enumerate(comparison.groups):
        for run in group.runs:
            seconds, nats = zip(*run.curve, strict=True)
            bits = [each / math.log(2) for each in nats]
            first = run is group.runs[0]
            label = f"{group.variant}: {group.mean_bits:.3f}" if first else None
            style = ("-", "--", ":", "-.")[place // 10 % 4]
            axes.plot(seconds, bits, color=f"C{place % 10}", ls=style, lw=1.3, label=label)
            lowest, highest = min(lowest, *bits), max(highest, bits[min(1, len(bits) - 1)])
    axes.set_ylim(lowest - 0.05, highest + 0.05)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("bits per character, validation")
    axes.grid(alpha=0.3)
    axes.legend(title="best, mean of the seeds", fontsize="small")
    return saved_picture(figure, picture_format)


def search_picture(tuning: Tuning, picture_format: str) -> bytes:
    """Plot a search: the trials with the best loss so far, and the importance of the options.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Returns
    -------
    bytes
        The picture. Pruned trials are plotted at their loss when they were stopped. Outliers are
        plotted at the upper edge, next to their loss.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    names = list(tuning.importance)[::-1]
    figure = new_figure(11 if names else 7, 4.5)
    ratios = (3, 2) if names else (1,)
    history, *others = figure.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    _draw_history(history, tuning)
    for importance in others:  # None if there are too few trials.
        importance.barh(range(len(names)), [tuning.importance[name] for name in names])
        importance.set_xlabel("importance")
        importance.set_xlim(0, 1)
        importance.set_yticks(range(len(names)), names)
    return saved_picture(figure, picture_format)


def _draw_history(axes: Any, tuning: Tuning) -> None:  # noqa: ANN401
    """Plot the trials, all inside the axes, and the best loss so far."""
    measured = {
        trial.number: trial.nats_per_char / math.log(2)
        for trial in tuning.trials
        if trial.nats_per_char is not None
    }
    count, top, edge, bottom = _extent(tuning, measured)
    styles = {"complete": ("o", "C0"), "pruned": ("x", "0.5"), "failed": ("v", "C3")}
    for state, (marker, color) in styles.items():
        numbers = [
            trial.number
            for trial in tuning.trials
            if trial.state == state and (state == "failed" or trial.number in measured)
        ]
        heights = [edge if state == "failed" else min(measured[n], edge) for n in numbers]
        if numbers:
            axes.scatter(numbers, heights, s=22, c=color, marker=marker, label=state, zorder=3)
        for number in numbers:
            if state != "failed" and measured[number] > edge:
                label = f" ↑ {measured[number]:.1f}"
                axes.annotate(label, (number, edge), size=7, color=color, va="center")
    best = [
        (float(number), nats / math.log(2))
        for number, nats in enumerate(tuning.history(), 1)
        if nats is not None
    ]
    # Extend the last best loss to the end of the axis, even if it is the only one.
    best.append((count + _AROUND, best[-1][1]))
    axes.step(*zip(*best, strict=True), where="post", color="C1", label="best so far")
    axes.set_xlim(1 - _AROUND, count + _AROUND)
    axes.set_ylim(bottom, top)
    axes.set_xlabel("trial")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.set_ylabel("bits per character, validation")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _extent(tuning: Tuning, measured: Mapping[int, float]) -> tuple[int, float, float, float]:
    """Return the number of trials, the top of the axis and of the data, and the bottom.

    Outliers are clipped so that they do not compress the other trials. The first trial is never an
    outlier.
    """
    complete = [measured[trial.number] for trial in tuning.trials if trial.state == "complete"]
    lowest, highest = min(complete), max(measured.values())
    first = measured.get(tuning.trials[0].number, lowest)
    far = lowest + 1.5 * max(statistics.median(complete) - lowest, first - lowest, 0.02)
    # Without outliers, the axis ends above the highest.
    edge = max(min(highest, far), lowest + 0.02)
    return len(tuning.trials), edge + 0.08 * (edge - lowest), edge, lowest - 0.08 * (edge - lowest)
