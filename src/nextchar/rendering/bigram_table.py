"""The table of a bigram model as a picture.

Legend: n symbols in the picture.
"""

from __future__ import annotations

import numpy as np

from nextchar.language_model.bigram import BigramModel
from nextchar.rendering.figures import label_fonts, new_figure, saved_picture

_BLANK = "␣"


def table_picture(model: BigramModel, picture_format: str, count: int = 40) -> bytes:
    """Plot the transition probabilities of the most frequent symbols, with a row for each symbol.

    Parameters
    ----------
    picture_format
        One of ``drawing.PICTURE_FORMATS``.
    count
        Maximum number of symbols (n).

    Raises
    ------
    NextcharError
        matplotlib is not installed.
    """
    numbers = model.by_frequency[:count]
    names = [model.vocabulary.symbols[number].replace(" ", _BLANK) for number in numbers.tolist()]
    table = model.probabilities[np.ix_(numbers, numbers)]
    figure = new_figure(9, 8)
    axes = figure.subplots()
    # The square root makes small probabilities visible; most are small.
    image = axes.imshow(np.sqrt(table), cmap="Blues", vmin=0, vmax=1)
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
