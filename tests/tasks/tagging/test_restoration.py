"""Text that is taken apart and put together again."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nextchar.config import RESTORATION_KINDS, RestorationKind
from nextchar.errors import TextError
from nextchar.tasks.tagging.letters import Letter, compose, decompose, is_composable
from nextchar.tasks.tagging.restoration import START, Restoration
from nextchar.text.graphemes import clusters, inner_places

ALL_KINDS = [
    kinds
    for size in range(1, len(RESTORATION_KINDS) + 1)
    for kinds in itertools.combinations(RESTORATION_KINDS, size)
]
ODD = " ,.!|+-_'aAéÉe\u0301\u0308\u0335İıßẞﬁǅǄ한국ᄒ말łŁÅ\u212bが\u3099\t\r\xa0\u3000\ud83d\udc80"
texts = st.text(st.characters() | st.sampled_from(ODD))


@given(st.sampled_from(ALL_KINDS), texts)
def test_what_was_taken_off_is_put_back_exactly(
    kinds: tuple[RestorationKind, ...], text: str
) -> None:
    restoration = Restoration(kinds)
    characters, labels = restoration.split(text)
    assert restoration.join(characters, labels) == text
    assert len(characters) == len(labels)


@given(st.sampled_from(ALL_KINDS), texts, st.integers(0, 10))
def test_a_text_in_two_pieces_is_taken_apart_as_in_one(
    kinds: tuple[RestorationKind, ...], text: str, place: int
) -> None:
    restoration = Restoration(kinds)
    parser = restoration.parser()
    parser.add(text[:place])
    parser.add(text[place:])
    assert (
        [each.character for each in parser.places],
        [restoration.label(each.change) for each in parser.places],
    ) == restoration.split(text)


@given(texts)
def test_nothing_of_what_is_taken_off_is_left(text: str) -> None:
    # What combines with something else is one character for a reader, and stays.
    text = "".join(cluster for cluster in clusters(text) if len(cluster) == 1)
    assume(not inner_places(text))
    left = {kind: "".join(Restoration([kind]).split(text)[0]) for kind in RESTORATION_KINDS}
    assert " " not in left["spaces"]
    assert not any(unicodedata.category(c).startswith("P") for c in left["punctuation"])
    assert not any("A" <= c <= "Z" for c in left["case"])
    assert not any("À" <= c <= "Å" for c in left["diacritics"])


@given(texts)
def test_a_label_that_a_text_has_is_allowed_where_it_stands(text: str) -> None:
    restoration = Restoration(["spaces", "case", "punctuation"])
    for character, label in zip(*restoration.split(text), strict=True):
        assert restoration.allows(character, label)


@given(st.characters(), st.booleans(), st.booleans())
def test_a_letter_has_what_was_taken_off_it(character: str, case: bool, diacritics: bool) -> None:
    letter = decompose(character, case=case, diacritics=diacritics)
    assert compose(letter) == character
    assert is_composable(letter)


@pytest.mark.parametrize(
    ("kind", "text", "characters", "labels"),
    [
        ("spaces", " a  b ", ["", "a", "b"], [" ", "  ", " "]),
        ("spaces", "오늘 뭐해", ["", *"오늘뭐해"], ["", "", " ", "", ""]),
        ("spaces", "   ", [""], ["   "]),
        ("case", "Éa1ǅ", [*"éa1ǆ"], ["upper", "", "", "title"]),
        ("case", "ẞİ", [*"ẞİ"], ["", ""]),
        ("diacritics", "Łódź", [*"Lodz"], ["\u0335", "\u0301", "", "\u0301"]),
        ("diacritics", "e\u0301é", [*"ee"], ["+\u0301", "\u0301"]),
        ("diacritics", "\u212b한", ["\u212b", "한"], ["", ""]),
        ("punctuation", '"Yes!", I', ["", *"Yes I"], ['"', "", "", '!",', "", ""]),
    ],
)
def test_a_text_is_taken_apart_into_characters_and_labels(
    kind: RestorationKind, text: str, characters: list[str], labels: list[str]
) -> None:
    assert Restoration([kind]).split(text) == (characters, labels)


def test_several_kinds_make_one_label_of_several_fields() -> None:
    restoration = Restoration(["case", "diacritics", "punctuation"])
    assert restoration.split("É, e") == (["", "e", " ", "e"], ["||", "upper|\u0301|,", "||", "||"])
    assert restoration.parts("upper|\u0301|,") == ["upper", "◌\u0301", ","]
    assert restoration.unchanged == "||"


@pytest.mark.parametrize(
    ("kind", "character", "label", "allowed"),
    [
        ("case", "a", "upper", True),
        ("case", "1", "upper", False),
        ("case", "ß", "upper", False),
        ("case", "한", "upper", False),
        ("diacritics", "e", "\u0301", True),
        ("diacritics", "x", "\u0327", False),
        ("diacritics", "l", "\u0335", True),
        ("diacritics", "k", "\u0335", False),
        ("diacritics", "1", "+\u0301", False),
        ("diacritics", "x", "+\u0301", True),
        ("spaces", START, " ", True),
    ],
)
def test_a_label_stands_only_where_it_can(
    kind: RestorationKind, character: str, label: str, allowed: bool
) -> None:
    assert Restoration([kind]).allows(character, label) is allowed


def test_vowel_signs_are_letters_and_tone_marks_are_diacritics() -> None:
    assert Restoration(["diacritics"]).split("हिन्दी")[0][:2] == ["ह", "ि"]
    assert Restoration(["diacritics"]).split("ệ") == (["e"], ["\u0323\u0302"])


def test_a_label_of_other_kinds_is_refused() -> None:
    with pytest.raises(TextError, match=r"expected a label of case\+punctuation, got 'upper'"):
        Restoration(["case", "punctuation"]).change("upper")


def test_a_mark_that_a_letter_cannot_have_makes_two_characters() -> None:
    assert compose(Letter("x", "", "\u0301")) == "x\u0301"


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("punctuation", "#\ufe0f\u20e3!", ["", "#", "\ufe0f", "\u20e3"]),
        ("spaces", "a \u0301b c", ["", "a", " ", "\u0301", "b", "c"]),
        ("diacritics", "e\u0301é", ["e", "e"]),
        ("diacritics", "é\u0308\u20dd", ["é", "\u0308", "\u20dd"]),
        ("diacritics", "क्ष", ["क", "्", "ष"]),
        ("case", "E\u0301E\u20dd", ["e", "\u0301", "e", "\u20dd"]),
    ],
)
def test_what_a_reader_sees_as_one_character_is_not_taken_apart_but_for_its_diacritics(
    kind: RestorationKind, text: str, expected: list[str]
) -> None:
    assert Restoration([kind]).split(text)[0] == expected


@given(st.sampled_from(ALL_KINDS), texts)
def test_nothing_stands_behind_a_character_that_goes_on(
    kinds: tuple[RestorationKind, ...], text: str
) -> None:
    parser = Restoration(kinds).parser()
    parser.add(text)
    for place in parser.places:
        assert not place.is_open or place.change._replace(case="") == ("", "", "", "")
