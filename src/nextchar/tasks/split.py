"""The random train/validation split."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def train_validation_split(
    count: int, fraction: float, seed: int, *, labels: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the indices of ``count`` items at random into a training and a validation part.

    Parameters
    ----------
    count
        Number of items.
    fraction
        Share of the validation part, 0 to below 1.
    seed
        Seed of the split.
    labels
        Labels of the items, [count], for a stratified split. Every label keeps at least one
        training item.

    Returns
    -------
    NDArray, NDArray
        The indices of the training part and of the validation part, both ascending.
    """
    draw = np.random.default_rng([seed, count])
    groups = np.zeros(count, dtype=np.int64) if labels is None else np.asarray(labels)
    held: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for group in np.unique(groups):
        members = draw.permutation(np.flatnonzero(groups == group))
        held.append(members[: min(len(members) - 1, round(fraction * len(members)))])
    held_out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(count), held_out, assume_unique=True), held_out
