"""The picture of errors: the share of each kind, and the improvement by distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nextchar.inspection.error_report import THRESHOLD, ErrorReport
from nextchar.inspection.error_words import network_names, shown_kinds
from nextchar.rendering.figures import COLORS, label_fonts, new_figure

FEW = 5  # pairs: a mean of fewer is drawn hollow, and not joined to the others
_WIDTH = 0.8  # of the bars of a kind together


def plot_errors(reports: Sequence[ErrorReport]) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw the kinds of errors of several networks, and below them the improvement by distance."""
    has_pairs = any(report.distances for report in reports)
    figure = new_figure(9, 8 if has_pairs else 4.4)
    axes = np.ravel(figure.subplots(2 if has_pairs else 1, 1))
    names = network_names(reports)
    _draw_kinds(axes[0], reports, names)
    if has_pairs:
        _draw_distances(axes[1], reports, names)
    return figure


def _draw_kinds(axes: Any, reports: Sequence[ErrorReport], names: Sequence[str]) -> None:  # noqa: ANN401
    kinds = shown_kinds(reports)
    wide = _WIDTH / len(reports)
    for number, (name, report) in enumerate(zip(names, reports, strict=True)):
        shares = [
            100 * report.kinds[kind].errors / report.predictions if kind in report.kinds else 0.0
            for kind in kinds
        ]
        places = np.arange(len(kinds)) - _WIDTH / 2 + wide * (number + 0.5)
        whole = 100 * report.all.errors / report.predictions
        label = f"{name}: {whole:.1f} %"
        axes.bar(places, shares, wide, color=COLORS[number % len(COLORS)], label=label)
        for place, share in zip(places, shares, strict=True):
            axes.text(place, share, f"{share:.1f}", ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_ylabel("% of all predictions")
    axes.set_title(f"errors (probability below {THRESHOLD}) by kind")
    axes.margins(y=0.1)
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)
    _legend(axes)


def _draw_distances(axes: Any, reports: Sequence[ErrorReport], names: Sequence[str]) -> None:  # noqa: ANN401
    has_ngram = any(report.ngram is not None for report in reports)
    bins = sorted({(each.first, each.name) for report in reports for each in report.distances})
    pairs: dict[int, int] = {}
    for number, (name, report) in enumerate(zip(names, reports, strict=True)):
        known = [
            (place, value, each.pairs)
            for place, (first, _) in enumerate(bins)
            for each in report.distances
            if each.first == first
            for value in [each.improvement if has_ngram else each.network]
            if value is not None
        ]
        pairs.update({each.first: each.pairs for each in report.distances})
        color = COLORS[number % len(COLORS)]
        places, values, counts = np.reshape(known, (-1, 3)).T
        is_few = counts < FEW
        joined = np.where(is_few, np.nan, values)
        axes.plot(places, joined, marker="o", color=color, label=name)
        axes.plot(places[is_few], values[is_few], "o", mfc="none", color=color)
    if has_ngram:
        axes.axhline(0, color="0.45", lw=1, ls=":")
    labels = [f"{name}\n({pairs[first]:,})" for first, name in bins]
    axes.set_xticks(range(len(bins)), labels)
    axes.set_xlabel(f"distance to the opening mark in {reports[0].unit} (pairs)")
    axes.set_ylabel("bits better than the n-gram" if has_ngram else "mean log2 probability")
    axes.set_title(f"closing brackets and quotes; hollow: fewer than {FEW} pairs")
    axes.grid(alpha=0.3)
    _legend(axes)


def _legend(axes: Any) -> None:  # noqa: ANN401
    legend = axes.legend()
    for text in legend.get_texts():
        text.set(fontfamily=label_fonts(), parse_math=False)
