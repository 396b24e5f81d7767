"""Folds of items for cross-validation: contiguous, or stratified by class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.text.folds import contiguous_folds, require_folds

__all__ = ["contiguous_folds", "stratified_folds"]


def stratified_folds(labels: Sequence[Hashable], folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Distribute labelled items over folds with equal shares of every class.

    The items are shuffled, and each class in turn is dealt out to the folds like cards. Any two
    folds differ by at most one item in each class and in total. A class with fewer items than
    folds is missing from some folds.

    Parameters
    ----------
    labels
        The class of each item; classes are dealt in order of first appearance.
    folds
        Number of folds, 2 to the number of items.
    seed
        Seed of the shuffling, at least 0.

    Returns
    -------
    list
        The indices of the items in each fold, int64, ascending; every item is in one fold.

    Raises
    ------
    ConfigError
        ``folds`` is below 2 or above the number of items.
    """
    require_folds(len(labels), folds)
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    classes = np.array([numbers[label] for label in labels])
    shuffled = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    dealt = shuffled[np.argsort(classes[shuffled], kind="stable")]
    return [np.sort(dealt[fold::folds]) for fold in range(folds)]
