"""The table of a bigram model as a picture.

Legend: n symbols.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.rendering.figures import label_fonts, new_figure, saved_picture

_BLANK = "␣"


def table_picture(
    symbols: Sequence[str], probabilities: NDArray[np.float64], picture_format: str
) -> bytes:
    """Plot the transition probabilities between symbols, with a row for each symbol.

    Parameters
    ----------
    symbols
        The names of the symbols (n).
    probabilities
        The probability of each symbol after each symbol, [n, n].
    picture_format
        One of ``figures.PICTURE_FORMATS``.

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    names = [symbol.replace(" ", _BLANK) for symbol in symbols]
    figure = new_figure(9, 8)
    axes = figure.subplots()
    # The square root makes small probabilities visible; most are small.
    image = axes.imshow(np.sqrt(probabilities), cmap="Blues", vmin=0, vmax=1)
    fonts = label_fonts()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(len(names)), names, fontfamily=fonts, fontsize=9, parse_math=False)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("next symbol")
    axes.set_ylabel("symbol")
    shares = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 1)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, label="probability")
    bar.set_ticks(np.sqrt(shares), labels=[f"{share:g}" for share in shares])
    return saved_picture(figure, picture_format)
