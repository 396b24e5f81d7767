"""Terms of texts: which there are, how often, and that a text has its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.text import terms
from nextchar.text.terms import Terms, terms_of

ROWS = 1 << 22


def of_text(found: Terms, place: int) -> dict[int, float]:
    part = slice(found.offsets[place], found.offsets[place + 1])
    return dict(zip(found.rows[part].tolist(), found.counts[part].tolist(), strict=True))


def words(text: str) -> dict[int, float]:
    found = of_text(terms_of([text], ROWS), 0)
    return {row: count for row, count in found.items() if row < ROWS // 2}


def ngrams(text: str) -> int:
    found = of_text(terms_of([text], ROWS), 0)
    return sum(row >= ROWS // 2 for row in found)


def test_words_and_pairs_of_neighbours_are_counted_once_a_text() -> None:
    assert sorted(words("a b a b").values()) == [1, 2, 2, 2]  # b a; a, b, a b
    assert len(words("don't stop!")) == 5 + 4
    assert words("Straße") == words("STRASSE")
    assert words("a b").keys() & words("b a").keys() == words("a").keys() | words("b").keys()


def test_ngrams_lie_within_what_stands_between_spaces() -> None:
    # "ab" with a space before and behind: 2 of one character, 3 of two, 2 of three, 1 of four.
    assert ngrams("ab") == 2 + 3 + 2 + 1
    assert ngrams("ab cd") == 2 * ngrams("ab")
    assert ngrams(" ab\t\n cd  ") == ngrams("ab cd")
    assert ngrams("") == ngrams("  ") == 0


@given(st.lists(st.text(alphabet="ab é漢\n.e\u0301\ud800", max_size=12), max_size=6))
def test_a_text_has_the_same_terms_whatever_is_read_beside_it(texts: list[str]) -> None:
    together = terms_of(texts, 1 << 12)
    assert len(together) == len(texts)
    for place, text in enumerate(texts):
        assert of_text(together, place) == of_text(terms_of([text], 1 << 12), 0)


def test_texts_read_in_portions_have_the_terms_that_they_have_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["one two", "", "three", "four five six", "seven"]
    whole = terms_of(texts, 1 << 12)
    monkeypatch.setattr(terms, "_CHARACTERS_AT_ONCE", 8)
    parts = terms_of(texts, 1 << 12)
    assert all(
        np.array_equal(getattr(whole, name), getattr(parts, name))
        for name in ("rows", "counts", "offsets")
    )


def test_few_terms_share_a_row() -> None:
    many = [f"{n:05}" for n in range(4000)]
    whole = len(np.unique(terms_of(many, 1 << 30).rows))
    assert len(np.unique(terms_of(many, 1 << 22).rows)) > 0.99 * whole
