"""Characters that a vocabulary does not have, in a text that comes piece by piece."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nextchar.text.skipped import Skipped, SkippedCharacter, measured_as
from nextchar.text.vocabulary import CharVocabulary

VOCABULARY = CharVocabulary(["\n", "a", "b"])


@given(pieces=st.lists(st.text("ab\nX", max_size=8), max_size=8))
def test_the_first_is_found_wherever_the_text_is_cut(pieces: list[str]) -> None:
    skipped, text = Skipped(VOCABULARY), "".join(pieces)
    for piece in pieces:
        skipped.add(piece, piece.count("X"))
    assert skipped.count == text.count("X")
    before = text.partition("X")[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    expected = SkippedCharacter(character="X", line=line, column=column) if "X" in text else None
    assert skipped.first == expected


def test_a_measurement_reads_them_as_training_did() -> None:
    assert measured_as(VOCABULARY, None) == "skip"
    assert measured_as(CharVocabulary(["a"], unknown=True), None) == "replace"
    assert measured_as(VOCABULARY, "error") == "error"
