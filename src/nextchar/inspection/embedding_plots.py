"""The picture of symbols: their map, and their distances beside those of one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nextchar.inspection.embedding_space import ONE_HOT_DISTANCE
from nextchar.inspection.embedding_words import shown_words
from nextchar.rendering.characters import width
from nextchar.rendering.figures import COLORS, label_fonts, new_figure
from nextchar.rendering.label_places import place_labels

if TYPE_CHECKING:
    from nextchar.inspection.embedding_space import EmbeddingSpace

_FONT = 10.0  # points
_APART = 3.0  # points between a mark and its name, from which on a line joins them
_SMALLEST, _LARGEST = 12.0, 130.0  # areas of marks, in square points
_DARK = "#333333"
# Kinds that occur together differ in colour and form.
_MARKS = {
    "vowel": (COLORS[1], "o"),
    "consonant": (COLORS[0], "s"),
    "capital": (COLORS[2], "^"),
    "digit": (COLORS[3], "D"),
    "punctuation": ("#888888", "X"),
    "space": ("#000000", "*"),
    "initial": (COLORS[0], "<"),
    "medial": (COLORS[1], "v"),
    "final": (COLORS[4], ">"),
    "open syllable": (COLORS[1], "h"),
    "closed syllable": (COLORS[0], "p"),
    "single jamo": (COLORS[5], "d"),
    "first byte": (COLORS[5], "P"),
    "continuation byte": (COLORS[4], "H"),
    "other": ("#bbbbbb", "8"),
}


def plot_space(space: EmbeddingSpace) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw the geometry of symbols; see ``EmbeddingSpace.plot``."""
    figure = new_figure(10, 11)
    above, below = figure.subfigures(2, 1, height_ratios=[2.5, 1])
    title = f"{shown_words(space)}, {space.size:,} numbers each ({space.source})"
    axes = above.subplots()
    axes.set_title(title, fontsize=12)
    _draw_marks(axes, space)
    histogram, table = below.subplots(1, 2, width_ratios=[1.15, 1])
    _draw_distances(histogram, space)
    _draw_kinds(table, space)
    figure.draw_without_rendering()  # fixes the size of the axes
    figure.set_layout_engine("none")
    _draw_labels(axes, space)
    return figure


def _areas(space: EmbeddingSpace) -> NDArray[np.float64]:
    """Return the area of each mark, [n]: by the root of the count, or equal without counts."""
    counts = np.array([1 if each.count is None else each.count for each in space.symbols])
    if not space.has_counts:
        return np.full(len(counts), 3 * _SMALLEST)
    areas: NDArray[np.float64] = np.maximum(_SMALLEST, _LARGEST * np.sqrt(counts / counts.max()))
    return areas


def _draw_marks(axes: Any, space: EmbeddingSpace) -> None:  # noqa: ANN401
    areas = _areas(space)
    kinds = np.array([each.kind for each in space.symbols])
    rare = np.array([each.is_rare for each in space.symbols])
    for kind in space.kinds:
        color, marker = _MARKS[kind]
        axes.scatter([], [], s=45, color=color, marker=marker, label=kind)
        for is_rare in (False, True):
            chosen = (kinds == kind) & (rare == is_rare)
            axes.scatter(
                *space.points[chosen].T, s=areas[chosen], marker=marker, edgecolors=color,
                facecolors="white" if is_rare else color, linewidths=1.2, zorder=2,
            )  # fmt: skip
    if rare.any():
        axes.scatter([], [], s=45, facecolors="white", edgecolors=_DARK, label="hollow: rare")
    axes.margins(0.07)
    first, second = space.variance_shares
    axes.set_xlabel(f"first component, {first:.0%} of the variance")
    axes.set_ylabel(f"second component, {second:.0%}")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _draw_labels(axes: Any, space: EmbeddingSpace) -> None:  # noqa: ANN401
    """Write the names, without overlap, in points of the page."""
    scale = 72 / axes.get_figure(root=True).dpi
    points = axes.transData.transform(space.points) * scale
    box = axes.get_window_extent()
    room = np.array([[box.x0, box.y0], [box.x1, box.y1]]) * scale
    sizes = np.array([_label_size(each.name) for each in space.symbols])
    radii = np.sqrt(_areas(space)) / 2
    centres = place_labels(points, sizes, radii, room)
    back, fonts = axes.transData.inverted(), label_fonts()
    gaps = np.hypot(*np.maximum(np.abs(centres - points) - sizes / 2, 0).T) - radii
    for symbol, point, centre, gap in zip(
        space.symbols, space.points, back.transform(centres / scale), gaps, strict=True
    ):
        if np.isnan(centre[0]):
            continue
        if gap > _APART:
            axes.plot(*np.stack([point, centre]).T, color="#bbbbbb", lw=0.6, zorder=1)
        axes.text(
            *centre, symbol.name, ha="center", va="center", fontsize=_FONT, color=_DARK,
            fontfamily=fonts, parse_math=False, in_layout=False, zorder=3, gid="label",
            bbox={"boxstyle": "square,pad=0", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip
    left_out = int(np.isnan(centres[:, 0]).sum())
    if left_out:
        axes.text(
            0.99, 0.01, f"{left_out} of {len(centres)} names left out where there is no room",
            transform=axes.transAxes, ha="right", va="bottom", fontsize=9, color=_DARK,
            in_layout=False, zorder=4,
        )  # fmt: skip


def _label_size(name: str) -> tuple[float, float]:
    """Return the width and height of a name in points, rather too large than too small."""
    return _FONT * max(1.05, 0.72 * width(name) + 0.1), _FONT * 1.25


def _draw_distances(axes: Any, space: EmbeddingSpace) -> None:  # noqa: ANN401
    kinds = np.array([each.kind for each in space.symbols])
    upper = np.triu_indices(len(kinds), 1)
    is_alike = (kinds[:, None] == kinds)[upper]
    distances = space.distances[upper]
    edges = np.linspace(0, 2, 51)
    for chosen, name, color in (
        (is_alike, "same kind", COLORS[1]),
        (~is_alike, "different kinds", COLORS[0]),
    ):
        if chosen.any():
            weights = np.full(int(chosen.sum()), 1 / chosen.sum())
            axes.hist(
                distances[chosen], edges, weights=weights, histtype="stepfilled", alpha=0.35,
                color=color,
            )  # fmt: skip
            axes.hist(
                distances[chosen], edges, weights=weights, histtype="step", color=color, lw=1.8,
                label=name,
            )  # fmt: skip
    axes.axvline(ONE_HOT_DISTANCE, color="black", ls="--", label="one-hot: all √2")
    axes.set_xlim(max(0.0, float(distances.min()) - 0.1), max(1.5, float(distances.max()) + 0.05))
    axes.set_xlabel("distance of two symbols")
    axes.set_ylabel("share of the pairs")
    axes.legend(loc="upper left", fontsize=9)
    axes.grid(alpha=0.3)


def _draw_kinds(axes: Any, space: EmbeddingSpace) -> None:  # noqa: ANN401
    means = space.kind_distances
    drawn = axes.imshow(means, cmap="cividis", aspect="auto")
    low, high = drawn.get_clim()
    for (row, column), value in np.ndenumerate(means):
        if not np.isnan(value):
            color = "white" if value < (low + high) / 2 else "black"
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=9
            )
    names = [
        f"{kind} ({each.symbols})" for kind, each in zip(space.kinds, space.by_kind, strict=True)
    ]
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(names)), space.kinds, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_title("mean distance by kind; one-hot 1.41", fontsize=10)
