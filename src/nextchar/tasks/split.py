"""Which items are held out from training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hold_out(
    count: int, fraction: float, seed: int, *, labels: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw which of ``count`` items are held out.

    Parameters
    ----------
    count
        Number of items.
    fraction
        Share that is held out, 0 to below 1.
    seed
        Of the draw.
    labels
        Of the items, [count]; then the share is held out of each label (stratified), and every
        label keeps an item to learn from.

    Returns
    -------
    NDArray, NDArray
        The items to learn from and those that are held out, both ascending.
    """
    draw = np.random.default_rng([seed, count])
    groups = np.zeros(count, dtype=np.int64) if labels is None else np.asarray(labels)
    held: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for group in np.unique(groups):
        members = draw.permutation(np.flatnonzero(groups == group))
        held.append(members[: min(len(members) - 1, round(fraction * len(members)))])
    held_out = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(count), held_out, assume_unique=True), held_out
