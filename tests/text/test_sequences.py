"""Sequences of different lengths: what goes in comes out, side by side or alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import CorpusError
from nextchar.text.sequences import Sequences

many = st.lists(st.lists(st.integers(0, 255), max_size=6), max_size=8)


@given(many)
def test_each_sequence_comes_back(given_ones: list[list[int]]) -> None:
    joined = Sequences.of(given_ones, np.dtype(np.uint8))
    assert [joined[index].tolist() for index in range(len(joined))] == given_ones
    assert joined.lengths.tolist() == [len(each) for each in given_ones]


@given(many, st.data())
def test_those_that_are_taken_stand_side_by_side_and_padded(
    given_ones: list[list[int]], data: st.DataObject
) -> None:
    joined = Sequences.of(given_ones, np.dtype(np.uint8))
    places = range(len(given_ones))
    indices = data.draw(st.lists(st.sampled_from(places), max_size=5)) if places else []
    padded = joined.padded(np.array(indices, dtype=np.int64), -1)
    for column, index in enumerate(indices):
        expected = given_ones[index] + [-1] * (len(padded) - len(given_ones[index]))
        assert padded[:, column].tolist() == expected
    taken = joined.subset(indices)
    assert [taken[place].tolist() for place in range(len(taken))] == [
        given_ones[index] for index in indices
    ]


def test_offsets_that_do_not_fit_are_refused() -> None:
    values = np.zeros(3, dtype=np.uint8)
    for offsets in ([0, 4], [1, 3], [0, 2, 1, 3], []):
        with pytest.raises(CorpusError, match="offsets of sequences must increase from 0 to 3"):
            Sequences(values, np.array(offsets, dtype=np.int64))
