"""Scores that are made up, as a model would give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nextchar.evaluation.score import Score

NAMES = ("a", "b", " ", "\\n", "</script><!--")


def score_of(
    text: str,
    bits: Sequence[float] | None = None,
    *,
    expected: float = 2.0,
    unknown: Sequence[int] = (),
) -> Score:
    """Make a score of a text with a symbol a character; NaN is a character that was left out."""
    each = np.array([0.0] + [1.5] * (len(text) - 1) if bits is None else bits, dtype=np.float64)
    read = ~np.isnan(each)
    symbols = int(read.sum())
    ids = np.tile(np.arange(3), (symbols, 1)) + np.arange(symbols)[:, None] % 3
    probabilities = np.tile(np.array([[0.5, 0.25, 0.0004]], dtype=np.float32), (symbols, 1))
    ids[0], probabilities[0] = -1, 0
    return Score(
        text=text,
        bits=each,
        expected_bits=np.where(read, expected, np.nan),
        symbol_ids=np.zeros(symbols, dtype=np.int64),
        symbol_bits=each[read],
        symbol_character=np.flatnonzero(read),
        alternative_ids=ids,
        alternative_probabilities=probabilities,
        names=NAMES,
        unknown=np.isin(np.arange(len(text)), unknown),
        characters=max(0, symbols - 1),
        seconds=0.5,
    )
