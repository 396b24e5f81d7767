"""Samples: the first characters of a text, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nextchar.errors import TextError
from nextchar.inspection.sample import Sample, sample_of_ids, sample_of_text
from nextchar.text.normal_forms import NormalForm
from nextchar.text.vocabulary import learn


def read(
    pieces: list[str] | Iterator[str], limit: int, kind: str = "char", count: int = 1
) -> Sample:
    vocabulary = learn(kind, ["가각나 abc"] * 2 + ["z"], count)  # type: ignore[arg-type]
    form = NormalForm(vocabulary, "none")
    return sample_of_text(pieces, vocabulary, form, name="text", limit=limit)


def test_a_short_text_is_read_whole() -> None:
    sample = read(["abc", "cba"], 6)
    assert (len(sample.ids), sample.is_whole) == (6, True)
    assert sample.description == "text: all 6 symbols read"
    assert sample.to_dict()["symbols_read"] == 6


def test_no_more_is_read_of_an_endless_text_than_needed() -> None:
    def endless() -> Iterator[str]:
        for _ in range(3):
            yield "abc" * 2000
        raise AssertionError("read too far")

    sample = read(endless(), 7000)
    assert (len(sample.ids), sample.is_whole) == (7000, False)
    assert sample.description == "text: the first 7,000 symbols read"


@pytest.mark.parametrize(("kind", "length"), [("char", 4), ("byte", 3), ("jamo", 2)])
def test_no_character_is_cut(kind: str, length: int) -> None:
    sample = read(["가각나abc"], 4, kind)
    assert (len(sample.ids), sample.is_whole) == (length, False)
    vocabulary = learn(kind, ["가각나 abc"], 1)  # type: ignore[arg-type]
    stored = sample_of_ids(vocabulary.encode("가각나abc"), vocabulary, name="part", limit=4)
    assert (len(stored.ids), stored.is_whole) == (length, False)


def test_unknown_characters_are_skipped_and_counted_up_to_the_end_of_the_sample() -> None:
    sample = read(["aXbYcXXXX"], 3)
    assert (len(sample.ids), sample.skipped) == (3, 6)
    assert read(["aXbYc", "ba"], 4).skipped == 2
    assert "2 unknown characters skipped" in read(["aXbYc", "ba"], 4).description


def test_unknown_characters_become_the_symbol_for_them_if_there_is_one() -> None:
    sample = read(["aXb"], 3, count=2)
    assert (len(sample.ids), sample.skipped) == (3, 0)


def test_a_text_that_is_too_short_is_refused_in_one_line() -> None:
    with pytest.raises(TextError, match="text is too short: a strip needs 5 known symbols; got 3"):
        read(["abc"], 9).require(5, "a strip")
    assert np.array_equal(read([], 9).ids, [])
