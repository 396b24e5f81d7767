import json
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import VocabularyKind
from nextchar.errors import TextError, UnknownSymbolsError
from nextchar.text import hangul
from nextchar.text.vocabularies import code
from nextchar.text.vocabulary import (
    ByteVocabulary,
    CharVocabulary,
    JamoVocabulary,
    Unknown,
    Vocabulary,
    from_dict,
    grow,
    learn,
)

KINDS: tuple[VocabularyKind, ...] = ("char", "byte", "jamo")
LETTERS = list(hangul.CONJOINING)
KOREAN = st.text(
    st.sampled_from("가각힣한ㄱㅏ\u1100\u1161\u11a8\u1112\u1175\u11c2\u115f a\n\0😀")
    | st.characters(codec="utf-8")
)


def jamo(text: str) -> JamoVocabulary:
    vocabulary = learn("jamo", [text], 1)
    assert isinstance(vocabulary, JamoVocabulary)
    return vocabulary


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=KOREAN.filter(bool), size=st.integers(1, 5))
def test_decoding_gives_back_every_text(kind: VocabularyKind, text: str, size: int) -> None:
    with mock.patch.object(code, "_BLOCK", size):
        vocabulary = learn(kind, [text], 1)
        assert vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=KOREAN.filter(bool))
def test_as_many_symbols_start_a_character_as_there_are_characters(
    kind: VocabularyKind, text: str
) -> None:
    vocabulary = learn(kind, [text], 1)
    assert vocabulary.starts_character[vocabulary.encode(text)].sum() == len(text)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(pieces=st.lists(st.lists(st.integers(0, 255), max_size=5)))
def test_a_decoder_gives_the_same_text_in_any_pieces(
    kind: VocabularyKind, pieces: list[list[int]]
) -> None:
    vocabulary = learn(kind, ["가 나 각 é 😀 a\u1100\u1161"], 1)
    pieces = [[number % len(vocabulary) for number in piece] for piece in pieces]
    decoder = vocabulary.decoder()
    for _ in range(2):  # after a flush the decoder is as new
        text = "".join(decoder.feed(piece) for piece in pieces) + decoder.flush()
        assert text == vocabulary.decode([number for piece in pieces for number in piece])


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=KOREAN.filter(bool), min_count=st.integers(1, 2))
def test_json_gives_back_an_equal_vocabulary(
    kind: VocabularyKind, text: str, min_count: int
) -> None:
    vocabulary = learn(kind, [text, "aa"], min_count)
    again = from_dict(json.loads(json.dumps(vocabulary.to_dict(), ensure_ascii=False)))
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert np.array_equal(
        again.encode("a" + text, unknown="skip"), vocabulary.encode("a" + text, unknown="skip")
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(chunks=st.lists(KOREAN))
def test_a_vocabulary_does_not_depend_on_the_chunks(
    kind: VocabularyKind, chunks: list[str]
) -> None:
    assert learn(kind, [*chunks, "a"], 1) == learn(kind, ["".join(chunks) + "a"], 1)


def test_char_symbols_are_sorted_by_code_point() -> None:
    vocabulary = learn("char", ["😀b\n", "가a\n"], 1)
    assert vocabulary.symbols == ("\\n", "a", "b", "가", "😀")
    assert vocabulary.encode("ab가").tolist() == [1, 2, 3]
    assert vocabulary.unknown_id is None


def test_every_symbol_has_a_printable_name() -> None:
    assert CharVocabulary(["\0", "\t", " ", "\\", "\u200b", "é"]).symbols == (
        "\\x00", "\\t", " ", "\\", "\\u200b", "é",
    )  # fmt: skip
    symbols = ByteVocabulary().symbols
    assert (symbols[0x0A], symbols[ord("a")], symbols[0xFF]) == ("0x0a", "a", "0xff")
    for kind in KINDS:
        assert all(name.isprintable() for name in learn(kind, ["\0가\u1100\u202e"], 1).symbols)


@pytest.mark.parametrize(
    ("size", "dtype"), [(1, "u1"), (256, "u1"), (257, "u2"), (65536, "u2"), (65537, "u4")]
)
def test_ids_have_the_smallest_type_that_holds_them(size: int, dtype: str) -> None:
    vocabulary = CharVocabulary([chr(0x10000 + index) for index in range(size)])
    ids = vocabulary.encode(chr(0x10000 + size - 1) + chr(0x10000))
    assert vocabulary.dtype == ids.dtype == np.dtype(dtype)
    assert ids.tolist() == [size - 1, 0]


def test_rare_symbols_become_unk_with_id_0() -> None:
    vocabulary = learn("char", ["aaabbc"], 2)
    assert vocabulary.symbols == ("<unk>", "a", "b")
    assert vocabulary.unknown_id == 0
    assert vocabulary.encode("abcd", unknown="replace").tolist() == [1, 2, 0, 0]
    assert vocabulary.decode([1, 0]) == "a\ufffd"


def test_there_is_no_unk_when_nothing_is_dropped() -> None:
    assert learn("char", ["aabb"], 2).symbols == ("a", "b")


def test_a_text_whose_symbols_are_all_rare_is_an_error() -> None:
    with pytest.raises(TextError, match="no symbol occurs 3 times, the most frequent 2 times"):
        learn("char", ["aab"], 3)


@pytest.mark.parametrize("kind", ["char", "jamo"])
def test_an_empty_text_has_no_vocabulary(kind: VocabularyKind) -> None:
    with pytest.raises(TextError, match="the text is empty"):
        learn(kind, ["", ""], 1)


def test_unknown_symbols_are_listed_and_can_be_skipped() -> None:
    vocabulary = CharVocabulary(["a", "b"])
    assert vocabulary.encode("a\nbé", unknown="skip").tolist() == [0, 1]
    with pytest.raises(UnknownSymbolsError) as caught:
        vocabulary.encode("aé\né")
    assert str(caught.value) == (
        r"unknown symbols '\n', 'é': not among the 2 symbols of the vocabulary, the first at "
        'line 1, column 2; unknown="skip" drops them'
    )


def test_with_unk_the_message_says_that_symbols_can_be_replaced() -> None:
    vocabulary = learn("char", ["aab"], 2)
    with pytest.raises(UnknownSymbolsError, match='skip" drops them, unknown="replace" reads'):
        vocabulary.encode("ab")


def test_at_most_ten_unknown_symbols_are_listed() -> None:
    with pytest.raises(UnknownSymbolsError, match="'k', 'l' and 2 more: not among"):
        CharVocabulary(["a", "b"]).encode("cdefghijklmn")


def test_replacing_needs_unk() -> None:
    with pytest.raises(UnknownSymbolsError, match=r"'b' cannot be replaced: .* has no <unk>"):
        CharVocabulary(["a"]).encode("ab", unknown="replace")
    assert CharVocabulary(["a"]).encode("aa", unknown="replace").tolist() == [0, 0]


@pytest.mark.parametrize("unknown", ["error", "skip", "replace"])
def test_bytes_are_never_unknown(unknown: Unknown) -> None:
    assert ByteVocabulary().encode("é\0", unknown=unknown).tolist() == [0xC3, 0xA9, 0]


@pytest.mark.parametrize("kind", ["char", "jamo"])
def test_a_lone_surrogate_is_named_with_its_position(kind: VocabularyKind) -> None:
    vocabulary = learn(kind, ["a"], 1)
    text = "a" * 70_000 + "\udc80"
    for use in (vocabulary.encode, lambda text: learn(kind, [text], 1)):
        with pytest.raises(TextError, match=r"lone surrogate U\+DC80 at line 1, column 70001"):
            use(text)


def test_surrogate_escapes_are_the_bytes_meant() -> None:
    vocabulary = ByteVocabulary()
    ids = vocabulary.encode("a\udcff")
    assert vocabulary.decode_bytes(ids) == b"a\xff"
    assert vocabulary.decode(ids) == "a\ufffd"
    with pytest.raises(TextError, match=r"lone surrogate U\+D800 at line 1, column 2"):
        vocabulary.encode("a\ud800")


@settings(deadline=None)
@given(data=st.binary())
def test_bytes_come_back_exactly(data: bytes) -> None:
    vocabulary = ByteVocabulary()
    ids = vocabulary.encode(data.decode("utf-8", "surrogateescape"))
    assert vocabulary.decode_bytes(ids) == data


def test_ids_can_be_written_to() -> None:
    for kind in KINDS:
        assert learn(kind, ["ab"], 1).encode("ab").flags.writeable


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [-1, 300])
def test_an_id_outside_the_vocabulary_is_an_error(kind: VocabularyKind, wrong: int) -> None:
    with pytest.raises(TextError, match=f"id {wrong} is not in the vocabulary: ids are 0 to "):
        learn(kind, ["ab"], 1).decode([0, wrong])


def test_no_ids_are_no_text() -> None:
    for kind in KINDS:
        vocabulary = learn(kind, ["ab"], 1)
        assert vocabulary.decode([]) == ""
        assert vocabulary.encode("").dtype == vocabulary.dtype
        assert len(vocabulary.encode("")) == 0


def test_a_syllable_is_two_or_three_symbols() -> None:
    vocabulary = jamo("각가")
    names = [vocabulary.symbols[number] for number in vocabulary.encode("각가")]
    assert names == ["\u1100", "\u1161", "\u11a8", "\u1100", "\u1161"]


def test_jamo_in_the_text_are_other_symbols_than_letters_of_syllables() -> None:
    vocabulary = jamo("가\u1100\u1161")
    names = [vocabulary.symbols[number] for number in vocabulary.encode("가\u1100\u1161")]
    assert names == ["\u1100", "\u1161", "literal \u1100", "literal \u1161"]
    assert vocabulary.decode(vocabulary.encode("\u1100\u1161가")) == "\u1100\u1161가"


def test_no_syllable_is_unknown_to_a_jamo_vocabulary() -> None:
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    vocabulary = learn("jamo", ["aab"], 2)
    assert vocabulary.decode(vocabulary.encode(syllables)) == syllables
    assert vocabulary.symbols == ("<unk>", "a", *LETTERS)


def test_a_jamo_decoder_holds_back_only_what_may_go_on() -> None:
    vocabulary = jamo("각a")
    initial, medial, final, a = (
        vocabulary.symbols.index(symbol) for symbol in ("\u1100", "\u1161", "\u11a8", "a")
    )
    decoder = vocabulary.decoder()
    assert [decoder.feed([number]) for number in (initial, medial, final)] == ["", "", "각"]
    assert [decoder.feed([number]) for number in (initial, medial, a)] == ["", "", "가a"]
    assert [decoder.feed([number]) for number in (medial, final, initial)] == ["ㅏ", "ㄱ", ""]
    assert decoder.flush() == "ㄱ"


def test_the_json_of_a_vocabulary_can_be_read() -> None:
    assert json.dumps(learn("char", ["\n a가a\"'"], 1).to_dict(), ensure_ascii=False) == (
        r"""{"kind": "char", "symbols": ["\n", " ", "\"", "'", "a", "가"], "unknown": false}"""
    )
    assert learn("char", ["aab"], 2).to_dict() == {
        "kind": "char",
        "symbols": ["a"],
        "unknown": True,
    }
    assert learn("byte", [], 1).to_dict() == {"kind": "byte"}
    assert learn("jamo", ["\u1100a가"], 1).to_dict() == {
        "kind": "jamo",
        "symbols": ["a", "literal \u1100", *LETTERS],
        "unknown": False,
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "kind must be char, byte, jamo or word, got None"),
        ({"kind": "line"}, "kind must be char, byte, jamo or word, got 'line'"),
        ({"kind": ["char"]}, r"kind must be char, byte, jamo or word, got \['char'\]"),
        ({"kind": "char"}, "keys must be .'kind', 'symbols', 'unknown'.*, got .'kind'"),
        ({"kind": "byte", "symbols": []}, r"keys must be \['kind'\], got"),
        ({"kind": "char", "symbols": "abc", "unknown": False}, "must be a list of strings"),
        ({"kind": "char", "symbols": ["a", 1], "unknown": False}, "must be a list of strings"),
        ({"kind": "char", "symbols": ["a"], "unknown": 1}, "must be true or false, got 1"),
        ({"kind": "char", "symbols": [], "unknown": True}, "at least one symbol, got none"),
        ({"kind": "char", "symbols": ["a", "b", "a"], "unknown": False}, "distinct, got 'a' more"),
        ({"kind": "char", "symbols": ["ab"], "unknown": False}, "one character, got 'ab'"),
        ({"kind": "char", "symbols": [""], "unknown": False}, "one character, got ''"),
        ({"kind": "char", "symbols": ["\ud800"], "unknown": False}, r"character, got '\\ud800'"),
        ({"kind": "jamo", "symbols": ["a"], "unknown": False}, "needs all 67 letters, '\u1100' is"),
        ({"kind": "jamo", "symbols": ["literal a"], "unknown": False}, "one conjoining jamo, got"),
        ({"kind": "jamo", "symbols": ["literal "], "unknown": False}, "one conjoining jamo, got"),
    ],
)
def test_a_damaged_vocabulary_is_an_error(values: dict[str, Any], message: str) -> None:
    with pytest.raises(TextError, match=message):
        from_dict(values)


def test_vocabularies_are_equal_when_their_symbols_and_kinds_are() -> None:
    assert learn("char", ["ab"], 1) == CharVocabulary(["a", "b"])
    different: list[Vocabulary] = [
        CharVocabulary(["a", "b"]),
        CharVocabulary(["b", "a"]),
        CharVocabulary(["a", "b"], unknown=True),
        ByteVocabulary(),
        jamo("ab"),
    ]
    assert len(set(different)) == len(different)
    assert different[0] != "ab"


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(st.text("abc가각ᄀ😀", min_size=1), st.text("abcde가각나ᄂ", min_size=1), st.integers(1, 3))
def test_a_grown_vocabulary_keeps_the_old_symbols_and_reads_the_new_text(
    kind: VocabularyKind, old_text: str, new_text: str, min_count: int
) -> None:
    old = learn(kind, [old_text], 1)
    new = grow(old, [new_text[:2], new_text[2:]], min_count)
    moved = 0 if new.unknown_id is None else 1  # <unk> is always id 0
    assert new.symbols[moved : moved + len(old)] == old.symbols
    ids = new.encode(new_text, unknown="error" if new.unknown_id is None else "replace")
    counts = np.bincount(ids, minlength=len(new))
    assert (counts[moved + len(old) :] >= min_count).all()
    assert (counts[:moved] > 0).all()
    if not moved:
        assert new.decode(ids) == new_text
        assert (new.encode(old_text) == old.encode(old_text)).all()
    assert grow(new, [new_text], min_count) == new


def test_what_was_unknown_stays_unknown_or_gets_a_symbol_of_its_own() -> None:
    old = learn("char", ["aab"], 2)
    assert old.symbols == ("<unk>", "a")
    assert grow(old, ["abc"], 1).symbols == ("<unk>", "a", "b", "c")
    assert grow(old, ["abbc"], 2).symbols == ("<unk>", "a", "b")
    assert grow(learn("char", ["ba"], 1), ["acc"], 2).symbols == ("a", "b", "c")
    assert grow(learn("char", ["ba"], 1), ["ac"], 2).symbols == ("<unk>", "a", "b")
    with pytest.raises(TextError, match="the text is empty"):
        grow(old, [""], 1)
