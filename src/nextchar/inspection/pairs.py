"""Closing brackets and quotes, by the distance to the opening one.

A model that remembers the opening mark predicts the closing one better, from however far away.

Shapes: N symbols.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.inspection.predicates import bracket_spans, characters_of, quoted_spans
from nextchar.text.vocabulary import Vocabulary

_LAST = (2, 5, 10, 20, 50, 100, 200, 500)  # distances of each bin but the last one

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Distance:
    """The closing marks at similar distances.

    Attributes
    ----------
    first, last
        The distances in symbols, from the opening mark to the closing one; ``last`` is ``None`` for
        all longer ones.
    pairs
        Number of pairs.
    network, ngram
        The mean log2 probability of the closing mark; ``ngram`` is ``None`` without an n-gram.
    """

    first: int
    last: int | None
    pairs: int
    network: float
    ngram: float | None

    @property
    def name(self) -> str:
        """The distances, such as ``"3–5"``."""
        return f"{self.first:,} or more" if self.last is None else f"{self.first}–{self.last}"

    @property
    def improvement(self) -> float | None:
        """How much better the network predicts the mark than the n-gram, in bits."""
        return None if self.ngram is None else self.network - self.ngram

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "first_distance_symbols": self.first,
            "last_distance_symbols": self.last,
            "pairs": self.pairs,
            "network_mean_log2_probability": self.network,
            "ngram_mean_log2_probability": self.ngram,
            "improvement_bits": self.improvement,
        }


def closing_marks(ids: NDArray[np.int64], vocabulary: Vocabulary) -> list[tuple[int, int, int]]:
    """Return the place of the opening mark, and start and end of the closing one, of each pair.

    Brackets and quotes are those of the labels ``brackets`` and ``quotes``; see ``predicates``.
    """
    text = vocabulary.decode(ids)
    characters = characters_of(ids, vocabulary, len(text))
    spans = sorted({*bracket_spans(text), *quoted_spans(text)}, key=lambda span: span[1])
    if not spans:
        return []
    opening, closing = np.array(spans).T
    starts = np.searchsorted(characters, closing)
    ends = np.searchsorted(characters, closing, side="right")
    places = np.searchsorted(characters, opening)
    return list(zip(places.tolist(), starts.tolist(), ends.tolist(), strict=True))


def by_distance(
    marks: Sequence[tuple[int, int, int]], network: _Floats, ngram: _Floats | None
) -> tuple[Distance, ...]:
    """Return the mean log2 probability of closing marks, by their distance.

    Parameters
    ----------
    marks
        Those of ``closing_marks``.
    network, ngram
        The nats of each symbol, float64[N]; the first one, which is not predicted, is ignored.
    """
    if not marks:
        return ()
    opening, starts, ends = np.array(marks).T
    bins = np.searchsorted(_LAST, starts - opening)

    def log2(nats: _Floats, chosen: NDArray[np.bool_]) -> float:
        sums = np.r_[0.0, np.cumsum(nats)]
        return float(-(sums[ends] - sums[starts])[chosen].mean() / math.log(2))

    return tuple(
        Distance(
            first=1 if number == 0 else _LAST[number - 1] + 1,
            last=_LAST[number] if number < len(_LAST) else None,
            pairs=int(chosen.sum()),
            network=log2(network, chosen),
            ngram=None if ngram is None else log2(ngram, chosen),
        )
        for number in np.unique(bins).tolist()
        for chosen in [bins == number]
    )
