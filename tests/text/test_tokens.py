"""Tokens between blanks as symbols."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import TextError, UnknownSymbolsError
from nextchar.text.vocabularies.token import TokenVocabulary

TEXTS = ["K AE1 T", "D AO1 G", "K AO1 T"]
TOKENS = st.lists(st.text("abc가", min_size=1, max_size=3), min_size=1, max_size=8)


@given(tokens=TOKENS, unknown=st.booleans())
def test_texts_and_json_come_back(tokens: list[str], unknown: bool) -> None:
    text = " ".join(tokens)
    made = TokenVocabulary.learn([text], unknown=unknown)
    again = TokenVocabulary.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.symbols == made.symbols
    assert again.decode(again.encode(text)) == text
    assert again.encode(f"  {text}\t").tolist() == made.encode(text).tolist()


def test_tokens_are_sorted_and_rare_ones_are_unknown() -> None:
    made = TokenVocabulary.learn(TEXTS, 2)
    assert made.symbols == ("<unk>", "AO1", "K", "T")
    assert made.encode("D K", unknown="replace").tolist() == [0, 2]
    assert made.encode("D K", unknown="skip").tolist() == [2]
    with pytest.raises(UnknownSymbolsError, match="unknown tokens 'AE1', 'D': not among the 4"):
        made.encode("D AE1 T")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "token", "symbols": ["a", "a"], "unknown": True}, "distinct"),
        ({"kind": "token", "symbols": ["a b"], "unknown": True}, "must not contain white space"),
        ({"kind": "token", "symbols": [], "unknown": True}, "at least one"),
        ({"kind": "token", "symbols": "ab", "unknown": True}, "list of strings"),
        ({"kind": "token", "symbols": ["a"], "unknown": 1}, "true or false"),
        ({"kind": "token", "symbols": ["a"]}, "keys must be kind, symbols and unknown"),
    ],
)
def test_what_is_no_vocabulary_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(TextError, match=words):
        TokenVocabulary.from_dict(values)


def test_what_no_text_has_often_enough_is_refused() -> None:
    with pytest.raises(TextError, match="no token occurs 9 times, the most frequent 2 times"):
        TokenVocabulary.learn(TEXTS, 9)
