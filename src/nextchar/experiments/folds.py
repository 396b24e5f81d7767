"""Which items are held out together: pieces of a sequence, or shares of every class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.text.folds import contiguous_folds, require_folds

__all__ = ["contiguous_folds", "stratified_folds"]


def stratified_folds(labels: Sequence[Hashable], folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Share labelled items out, so that every fold has its share of every class.

    The items are shuffled, then dealt out class after class like cards: of each class, and of
    all items, any two folds differ by at most one. A class of fewer items than folds is missing
    from some.

    Parameters
    ----------
    labels
        The class of each item; classes are dealt in the order in which they appear.
    folds
        How many folds, 2 to the number of items.
    seed
        Of the shuffling, at least 0.

    Returns
    -------
    list
        The items of each fold, int64, ascending; together they are all items, each once.

    Raises
    ------
    ConfigError
        Fewer than two folds, or more than there are items.
    """
    require_folds(len(labels), folds)
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    classes = np.array([numbers[label] for label in labels])
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    dealt = shuffled[np.argsort(classes[shuffled], kind="stable")]
    return [np.sort(dealt[fold::folds]) for fold in range(folds)]
