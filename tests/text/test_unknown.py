"""Unknown symbols: each occurrence is counted, and the first is located."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nextchar.text.places import Place
from nextchar.text.unknown import SkippedCharacter, UnknownSymbols, default_treatment
from nextchar.text.vocabulary import CharVocabulary, learn

VOCABULARY = CharVocabulary(["\n", "a", "b"])


def test_counts_occurrences_and_locates_the_first() -> None:
    unknown = UnknownSymbols(learn("char", ["abc\n"], 1))
    assert unknown.note() == ""
    unknown.read("abc\n", Place(name="a.txt"))
    unknown.read("a§b§\n☃", Place(4, 1, "a.txt"))
    unknown.read("§", Place(9, 9, "a.txt"))
    assert unknown.count == 4
    assert unknown.note() == (
        "4 characters are not in the vocabulary and read as <unk>: '§', '☃'; the first at a.txt, "
        "line 4, column 2"
    )


def test_note_states_the_treatment() -> None:
    unknown = UnknownSymbols(learn("char", ["abc"], 1))
    unknown.read("ab☃", "names.csv, line 3")
    assert unknown.note(unknown="skip") == (
        "1 character is not in the vocabulary and skipped: '☃'; the first at names.csv, line 3, "
        "column 3"
    )


def test_word_vocabularies_count_words() -> None:
    unknown = UnknownSymbols(learn("word", ["the cat"], 1))
    unknown.read("the  dog\tsat", "line 1")
    assert unknown.note().startswith("2 words are not in the vocabulary and read as <unk>: 'dog'")
    assert unknown.first == "line 1, column 6"


def test_note_names_a_few_symbols() -> None:
    unknown = UnknownSymbols(learn("char", ["abc"], 1))
    unknown.read("defghij")
    assert "'d', 'e', 'f', 'g', 'h', …; the first at column 1" in unknown.note()


@given(pieces=st.lists(st.text("ab\nX", max_size=8), max_size=8))
def test_finds_the_first_in_any_division_into_pieces(pieces: list[str]) -> None:
    unknown, place = UnknownSymbols(VOCABULARY), Place()
    for piece in pieces:
        assert unknown.read(piece, place) == piece.count("X")
        place = place.after(piece)
    text = "".join(pieces)
    assert unknown.count == text.count("X")
    before = text.partition("X")[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    expected = SkippedCharacter(character="X", line=line, column=column) if "X" in text else None
    assert unknown.first_skipped == expected


def test_evaluation_treats_unknown_symbols_as_training_by_default() -> None:
    assert default_treatment(VOCABULARY, None) == "skip"
    assert default_treatment(CharVocabulary(["a"], unknown=True), None) == "replace"
    assert default_treatment(VOCABULARY, "error") == "error"
