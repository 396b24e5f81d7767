"""The vocabulary of words, and what it is refused for."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config
from nextchar.errors import ConfigError, TextError, UnknownSymbolsError
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabularies.word import count_words, split_words
from nextchar.text.vocabulary import WordVocabulary, from_dict, grow, learn

TEXTS = st.text(st.sampled_from("ab가학'’- \n\t.,😀\u0301\u3000_1") | st.characters(codec="utf-8"))
PIECES = st.lists(TEXTS)


@given(TEXTS.filter(bool))
def test_decoding_gives_back_every_text(text: str) -> None:
    vocabulary = learn("word", [text], 1)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert "".join(split_words(text)) == text


@given(PIECES)
def test_words_do_not_depend_on_the_pieces_of_the_text(pieces: list[str]) -> None:
    assert count_words(pieces) == count_words(["".join(pieces)])


@given(TEXTS.filter(bool), st.integers(1, 2))
def test_json_gives_back_an_equal_vocabulary(text: str, min_count: int) -> None:
    vocabulary = learn("word", [text, " ", text, " a a"], min_count)
    again = from_dict(json.loads(json.dumps(vocabulary.to_dict(), ensure_ascii=False)))
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert np.array_equal(
        again.encode(text, unknown="skip"), vocabulary.encode(text, unknown="skip")
    )


@given(st.lists(st.lists(st.integers(0, 6), max_size=5)))
def test_a_decoder_gives_the_same_text_in_any_pieces(pieces: list[list[int]]) -> None:
    vocabulary = learn("word", ["나는 학교에, don't a 😀"], 1)
    decoder = vocabulary.decoder()
    text = "".join(decoder.feed(piece) for piece in pieces) + decoder.flush()
    assert text == vocabulary.decode([number for piece in pieces for number in piece])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't, he said.", ["I", " ", "don't", ",", " ", "he", " ", "said", "."]),
        ("  two\n", [" ", " ", "two", "\n"]),
        ("나는 학교에 갔다.", ["나는", " ", "학교에", " ", "갔다", "."]),
        ("'tis dogs' a-b", ["'", "tis", " ", "dogs", "'", " ", "a", "-", "b"]),
        ("e\u0301te\u0301 हिन्दी 3_000", ["e\u0301te\u0301", " ", "हिन्दी", " ", "3_000"]),
        ("ㅋㅋㅋ ㅠㅠ 😀😀", ["ㅋㅋㅋ", " ", "ㅠㅠ", " ", "😀", "😀"]),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_words_spaces_and_marks(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_words_are_sorted_and_the_ids_of_a_known_text_are_these() -> None:
    vocabulary = learn("word", ["b a\n", "가 a"], 1)
    assert vocabulary.symbols == ("\\n", " ", "a", "b", "가")
    assert vocabulary.keys == ("\n", " ", "a", "b", "가")
    assert vocabulary.encode("a 가\n").tolist() == [2, 1, 4, 0]
    assert vocabulary.dtype == np.uint8
    assert vocabulary.to_dict() == {
        "kind": "word",
        "symbols": ["\n", " ", "a", "b", "가"],
        "unknown": False,
    }
    assert len(vocabulary.starts_character) == 5
    assert isinstance(vocabulary, WordVocabulary)
    assert vocabulary.is_space.tolist() == [True, True, False, False, False]


def test_rare_words_become_unk_with_id_0() -> None:
    vocabulary = learn("word", ["a a b"], 2)
    assert vocabulary.symbols == ("<unk>", " ", "a")
    assert vocabulary.encode("a b", unknown="replace").tolist() == [2, 1, 0]
    assert vocabulary.decode([0, 2]) == "\ufffda"
    with pytest.raises(TextError, match="no symbol occurs 9 times, the most frequent 2 times"):
        learn("word", ["a a b"], 9)
    with pytest.raises(TextError, match="the text is empty"):
        learn("word", [""], 1)


def test_unknown_words_are_named_or_left_out() -> None:
    vocabulary = learn("word", ["a dog"], 1)
    assert vocabulary.encode("a cat", unknown="skip").tolist() == vocabulary.encode("a ").tolist()
    with pytest.raises(UnknownSymbolsError, match="unknown symbols 'cat', 'the': not among the 3"):
        vocabulary.encode("the cat")
    with pytest.raises(UnknownSymbolsError, match="cannot be replaced"):
        vocabulary.encode("the cat", unknown="replace")
    with pytest.raises(TextError, match="lone surrogate U\\+D800 at line 1, column 2"):
        vocabulary.encode("a\ud800")
    with pytest.raises(TextError, match="id 3 is not in the vocabulary"):
        vocabulary.decode([3])


def test_a_grown_vocabulary_keeps_the_old_words() -> None:
    old = learn("word", ["dog a"], 1)
    assert grow(old, ["zoo cat"], 1).keys == (" ", "a", "dog", "cat", "zoo")
    assert grow(old, ["zoo zoo cat"], 2).keys == ("<unk>", " ", "a", "dog", "zoo")
    assert grow(old, ["dog"], 5) == old


@pytest.mark.parametrize(
    ("symbols", "problem"),
    [
        ([], "at least one symbol"),
        (["a", "b", "a"], "distinct, got 'a' more than once"),
        (["a b"], "one word or one other character, got 'a b'"),
        ([""], "got ''"),
        (["\ud800"], "lone surrogate"),
    ],
)
def test_what_is_no_list_of_words_is_refused(symbols: list[str], problem: str) -> None:
    with pytest.raises(TextError, match=problem):
        from_dict({"kind": "word", "symbols": symbols, "unknown": False})


def test_a_language_model_of_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vocabulary must be char, byte or jamo; got word"):
        LanguageModel.create(Config(), learn("word", ["a dog"], 1))
    with pytest.raises(ConfigError, match="vocabulary must be one of char, byte, jamo; got 'word'"):
        Config.from_options({"vocabulary": "word"})


def test_an_unknown_word_is_placed_where_it_stands_alone() -> None:
    vocabulary = learn("word", ["the cat dog\n"], 1)
    with pytest.raises(UnknownSymbolsError, match="line 1, column 9"):
        vocabulary.encode("the cat at dog")
