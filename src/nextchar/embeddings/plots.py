"""A map of symbol vectors in two dimensions.

Shapes: n symbols, E embedding size.
"""

from __future__ import annotations

from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import ConfigError
from nextchar.rendering.figures import label_fonts, new_figure, saved_picture
from nextchar.rendering.projection import principal_components

_BLANK = "␣"


def embedding_map(vectors: SymbolVectors, picture_format: str, count: int = 100) -> bytes:
    """Plot the most frequent symbols by the first two principal components of their vectors.

    The vectors are normalised to length 1 first, so nearby symbols have a small angle.

    Parameters
    ----------
    vectors
        The vectors of all symbols.
    picture_format
        One of ``figures.PICTURE_FORMATS``.
    count
        Number of symbols, at least 3.

    Raises
    ------
    ConfigError
        There are fewer than three symbols.
    NextcharError
        matplotlib is not installed.
    """
    numbers = vectors.by_frequency[: max(count, 0)]
    if len(numbers) < 3:
        raise ConfigError(f"a map needs at least 3 symbols, got {len(numbers)}")
    points, shares = principal_components(vectors.vectors[numbers])
    figure = new_figure(9, 7)
    axes = figure.subplots()
    axes.scatter(points[:, 0], points[:, 1], s=4, color="0.8")
    fonts = label_fonts()
    for number, (x, y) in zip(numbers.tolist(), points.tolist(), strict=True):
        name = vectors.vocabulary.symbols[number].replace(" ", _BLANK)
        axes.text(x, y, name, ha="center", va="center", fontsize=9, fontfamily=fonts,
                  parse_math=False)  # fmt: skip
    axes.set_xlabel(f"first component, {shares[0]:.0%} of the variance")
    axes.set_ylabel(f"second component, {shares[1]:.0%}")
    return saved_picture(figure, picture_format)
