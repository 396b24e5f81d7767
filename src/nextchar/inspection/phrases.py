"""Passages of a text in which the same units are on.

This is the question of LSTMVis (Strobelt et al. 2018). A unit is on at a symbol where its value is
among the highest quarter of its values in the text. The units that are on throughout a chosen
passage are looked for everywhere else.

Shapes: T symbols, U units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ON = 0.75  # quantile
SHORTEST_PASSAGE = 5  # symbols: shorter ones are alike by chance
_LONGEST = 40  # symbols


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A passage, ``ids[start:end]``.

    Attributes
    ----------
    start, end
        Indices of symbols.
    share
        The share of the units that are on, averaged over its symbols.
    """

    start: int
    end: int
    share: float


def brightest_passage(values: NDArray[np.floating]) -> tuple[int, int]:
    """Return the longest passage [start, end) in which a unit, float[T], is on.

    It has at most 40 symbols. Among equally long ones the first is returned.
    """
    is_on = values > np.quantile(values, _ON)
    if not is_on.any():
        place = int(values.argmax())
        return place, place + 1
    edges = np.flatnonzero(np.diff(np.r_[False, is_on, False].astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    start = int(starts[longest])
    return start, min(int(ends[longest]), start + _LONGEST)


def units_on(values: NDArray[np.float32], start: int, end: int) -> NDArray[np.int64]:
    """Return the units, of values [T, U], that are on at every symbol of a passage."""
    limits = np.quantile(values, _ON, axis=0)
    return np.flatnonzero((values[start:end] > limits).all(0))


def similar_phrases(values: NDArray[np.float32], start: int, end: int, count: int) -> list[Phrase]:
    """Find the passages in which the most of some units are on.

    Parameters
    ----------
    values
        The units, [T, U] with U ≥ 1: those of ``units_on``.
    start, end
        The chosen passage. Others have its length and do not touch it; there are none of fewer
        than ``SHORTEST_PASSAGE`` symbols.
    count
        The maximum number of passages.

    Returns
    -------
    list[Phrase]
        The passages, best first, at least half of the units on; they do not overlap.
    """
    length = end - start
    if length < SHORTEST_PASSAGE:
        return []
    shares = (values > np.quantile(values, _ON, axis=0)).mean(1)
    sums = np.cumsum(np.r_[0.0, shares])
    means = (sums[length:] - sums[:-length]) / length
    means[max(0, start - length + 1) : end] = 0
    found: list[Phrase] = []
    while len(found) < count:
        place = int(means.argmax())
        if means[place] < 1 / 2:
            break
        found.append(Phrase(start=place, end=place + length, share=float(means[place])))
        means[max(0, place - length + 1) : place + length] = 0
    return found
