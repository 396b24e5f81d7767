"""A map of symbol vectors in two dimensions.

Shapes: n symbols, E embedding size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import ConfigError
from nextchar.rendering.figures import label_fonts, new_figure, saved_picture

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


def principal_components(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normalise vectors [n, E] to length 1, and project them onto two principal components.

    Returns
    -------
    points, shares
        The points [n, 2], and each component's share of the variance [2]. For E = 1, the second
        component is 0.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    left, sizes, right = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    # The sign of a component is arbitrary. A positive largest coordinate makes maps reproducible.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    points, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    found = min(2, len(sizes))
    points[:, :found] = (left * sizes * signs)[:, :2]
    shares[:found] = (sizes**2 / max(float((sizes**2).sum()), 1e-12))[:2]
    return points, shares
