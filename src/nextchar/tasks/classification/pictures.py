"""A figure of a classifier's confusion matrix and reliability diagram."""

from __future__ import annotations

from typing import Any

import numpy as np

from nextchar.rendering.figures import label_fonts, new_figure, saved_picture
from nextchar.tasks.labelled.figures import ClassificationFigures

_MOST_NUMBERED = 30
_DARK = 0.5


def evaluation_picture(figures: ClassificationFigures, picture_format: str) -> bytes:
    """Draw the confusion matrix and, next to it, the reliability diagram.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.

    Returns
    -------
    bytes
        The image file. Rows of the matrix are true labels. Colours show the share of a cell in its
        row; numbers are counts of items.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    side = max(3.6, min(14.0, 0.42 * len(figures.labels) + 1.5))
    figure = new_figure(side + 4.8, max(3.8, side))
    left, right = figure.subplots(1, 2, width_ratios=(side, 4.2))
    _draw_confusion(left, figures)
    _draw_reliability(right, figures)
    return saved_picture(figure, picture_format)


def _draw_confusion(axes: Any, figures: ClassificationFigures) -> None:  # noqa: ANN401
    counts = figures.confusion
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places, fonts = range(len(figures.labels)), label_fonts()
    rotation = 0 if len(figures.labels) <= 5 else 90
    axes.set_xticks(places, figures.labels, rotation=rotation, fontfamily=fonts)
    axes.set_yticks(places, figures.labels, fontfamily=fonts)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"accuracy {figures.accuracy:.3f}, macro F1 {figures.macro_f1:.3f}", size=10)
    if len(figures.labels) > _MOST_NUMBERED:
        return
    for row, column in np.argwhere(counts > 0):
        color = "white" if shares[row, column] > _DARK else "black"
        axes.text(
            column, row, f"{counts[row, column]}", ha="center", va="center", size=7, color=color
        )


def _draw_reliability(axes: Any, figures: ClassificationFigures) -> None:  # noqa: ANN401
    bins = [each for each in figures.bins if each.items]
    axes.plot([0, 1], [0, 1], color="0.6", lw=1, ls="--")
    most = max(each.items for each in bins)
    axes.bar(
        [(each.low + each.high) / 2 for each in bins],
        [0.3 * each.items / most for each in bins],
        width=0.09,
        color="0.85",
        label="items (scaled)",
    )
    axes.plot(
        [each.confidence for each in bins],
        [each.accuracy for each in bins],
        marker="o",
        color="C0",
        label="accuracy",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.set_box_aspect(1)
    axes.set_xlabel("confidence")
    axes.set_title(f"calibration error {figures.calibration_error:.3f}", size=10)
    axes.legend(fontsize="small", loc="upper left")
