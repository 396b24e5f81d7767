"""Automata of constraints: they accept just what the expression does, in every vocabulary."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.constraints import building, constrain, expressions
from nextchar.errors import ConfigError
from nextchar.generation.automaton import Automaton
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, learn

SYMBOLS = "abAB1_- \n"
CHARS = CharVocabulary(list(SYMBOLS), unknown=True)
SHORT = ["".join(each) for n in range(4) for each in itertools.product(SYMBOLS, repeat=n)]
KOREAN = "가각간나낙 닭값다abé\n"
JAMO = learn("jamo", [KOREAN], 1)
KINDS: list[Vocabulary] = [learn("char", [KOREAN], 1), JAMO, ByteVocabulary()]

_ATOMS = st.sampled_from(
    ["a", "b", "A", "1", r"\-", r"\n", ".", "[ab]", "[^a]", "[a-b1]", "[^-b ]", r"\d", r"\w", r"\s",
     r"\W", r"\S", r"\D", r"[\d_]", r"[^\w]", "(?:)", "]", r"\x61", r"\u0062", "[0-z]", "[Z-a]",
     "[!-~]", "[B-a]", "{"]
)  # fmt: skip
_QUANTIFIERS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "{,1}", "{1,}", "*?", "{0}"])
PATTERNS = st.recursive(
    st.tuples(_ATOMS, _QUANTIFIERS).map("".join),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        st.tuples(inner, _QUANTIFIERS).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)


def accepts(automaton: Automaton, vocabulary: Vocabulary, text: str) -> bool:
    state = 0
    for symbol in vocabulary.encode(text).tolist():
        state = int(automaton.following[state, automaton.classes[symbol]])
        if state < 0:
            return False
    return bool(automaton.accepts[state])


@settings(max_examples=150)
@given(st.sampled_from(["", "(?i)", "(?s)"]), PATTERNS)
def test_an_automaton_accepts_what_the_expression_matches(flags: str, pattern: str) -> None:
    wanted = {text for text in SHORT if re.fullmatch(flags + pattern, text)}
    if not wanted:
        return  # Nothing that short: whether there is more, the other tests say.
    automaton = constrain(CHARS, match=flags + pattern)
    assert {text for text in SHORT if accepts(automaton, CHARS, text)} == wanted


@pytest.mark.parametrize("vocabulary", KINDS, ids=lambda vocabulary: vocabulary.kind)
@pytest.mark.parametrize(
    "pattern",
    ["[가-힣]+", "각*", "[가닭]다", ".", r"\w\W\w", r"\p{Lo}+", r"\P{L}|é", "[^가]", "(?i)É|다{2}"],
)
def test_characters_of_several_symbols_are_spelled(pattern: str, vocabulary: Vocabulary) -> None:
    pieces = ["", *KOREAN, "가각", "각각각", "가다", "닭다", "값다", "다다", "a b", "é\n"]
    automaton = constrain(vocabulary, match=pattern)
    peer = re.compile(
        pattern.replace(r"\p{Lo}", "[가-힣]").replace(r"\P{L}", r"[^\w]")  # of these letters
    )
    for text in pieces:
        assert accepts(automaton, vocabulary, text) == bool(peer.fullmatch(text)), text


def test_no_state_is_a_dead_end_and_distances_are_the_shortest() -> None:
    # Without a b, what begins with c cannot be finished.
    automaton = constrain(CharVocabulary(["a", "c"]), match="a{2,4}|c+b|(ac)*")
    for state, row in enumerate(automaton.following):
        after = [int(automaton.distance[new]) for new in row if new >= 0]
        assert automaton.accepts[state] or after
        shortest = 0 if automaton.accepts[state] else 1 + min(after)
        assert automaton.distance[state] == shortest
    assert automaton.following[0, automaton.classes[1]] == -1


@pytest.mark.parametrize("vocabulary", KINDS, ids=lambda vocabulary: vocabulary.kind)
def test_a_distance_counts_characters(vocabulary: Vocabulary) -> None:
    assert constrain(vocabulary, match="닭값.{3,}").distance[0] == 5


def test_the_unknown_symbol_never_follows() -> None:
    automaton = constrain(CHARS, match=".*")
    assert CHARS.unknown_id is not None
    assert (automaton.following[:, automaton.classes[CHARS.unknown_id]] == -1).all()


WORDS = st.lists(st.text("ab-", min_size=1, max_size=3), min_size=1, max_size=2)


@settings(max_examples=60)
@given(WORDS, st.sampled_from(["", "a", "b ", "-"]))
def test_forbidden_words_are_not_whole_in_the_text(words: list[str], prompt: str) -> None:
    automaton = constrain(CHARS, forbid=words, prompt=CHARS.encode(prompt))
    sides = [
        (r"\b" if w[0].isalnum() else "") + re.escape(w) + (r"\b" if w[-1].isalnum() else "")
        for w in words
    ]
    for text in SHORT:
        # What began in the prompt counts where it ends in the text.
        found = [match for side in sides for match in re.finditer(f"(?i)(?={side})", prompt + text)]
        ends = [
            match.start() + len(word)
            for word, side in zip(words, sides, strict=True)
            for match in re.finditer(f"(?i)(?={side})", prompt + text)
        ]
        banned = any(end > len(prompt) for end in ends)
        if not found or not prompt:
            assert accepts(automaton, CHARS, text) == (not banned), (text, words, prompt)


def test_a_text_may_match_and_forbid_at_once() -> None:
    automaton = constrain(CHARS, match="[ab]{2} [ab]", forbid=["ab", "b"])
    accepted = ["".join(each) for each in itertools.product("ab", "ab", " ", "ab")]
    accepted = [text for text in accepted if accepts(automaton, CHARS, text)]
    assert accepted == ["aa a", "ba a", "bb a"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(ab", "unmatched ("),
        ("ab)", "unmatched )"),
        ("[ab", "unmatched ["),
        ("*a", "nothing to repeat before *"),
        ("a**", "two quantifiers in a row"),
        ("a++", "possessive"),
        ("a{3,2}", "its minimum above its maximum"),
        ("a{20000}", "more than 10,000 times"),
        ("a\\", "a backslash at the end"),
        (r"\1", r"the escape \1 is not supported"),
        (r"a\b", r"the escape \b is not supported"),
        ("(?=a)a", "only groups (…) and (?:…) are supported"),
        ("(?x)a", "the flag 'x' is not among"),
        ("a^b", "^ is allowed only at the ends"),
        ("a$b", "$ is allowed only at the ends"),
        ("[b-a]", "the ends of a range"),
        (r"[\d-a]", "the ends of a range"),
        (r"\p{Xx}", "a Unicode category"),
        (r"\xg0", "2 hex digits"),
        (r"\012", "octal escapes are not supported"),
        ("{2}", "nothing to repeat before {2}"),
        ("(" * 400 + "a" + ")" * 400, "nested more than 100 deep"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(pattern: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(reason)) as error:
        expressions.parse(pattern)
    assert "at character" in str(error.value)


def test_what_cannot_be_written_is_refused_and_the_lacking_characters_named() -> None:
    with pytest.raises(ConfigError, match="it has no 'x', 'z'"):
        constrain(CHARS, match="a(x|b)*z|xz?")
    with pytest.raises(ConfigError, match="no text of the vocabulary's"):
        constrain(CHARS, match="[^\\s\\S]")
    with pytest.raises(ConfigError, match="at least one character"):
        constrain(CHARS, forbid=["a", ""])


def test_too_large_expressions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="more than 100,000 nodes"):
        constrain(CHARS, match="((a{1000}){10}){20}")
    with pytest.raises(ConfigError, match="more than 20,000 states"):
        constrain(CHARS, match="[ab]*a[ab]{20}")
    monkeypatch.setattr(building, "MAX_STATES", 3)
    with pytest.raises(ConfigError, match="more than 3 states"):
        constrain(CHARS, match="abab")


def test_a_repeat_without_bounds_is_any_number() -> None:
    every, same = (constrain(CHARS, match=pattern) for pattern in ("a{,}", "a*"))
    assert np.array_equal(every.following, same.following)


def test_anchors_at_the_ends_change_nothing() -> None:
    plain, anchored = (constrain(CHARS, match=pattern) for pattern in ("ab+", "^ab+$"))
    assert np.array_equal(plain.following, anchored.following)


def test_symbols_are_no_characters_that_are_not_white() -> None:
    vocabulary = CharVocabulary(["a", "+", " ", "€"])
    accepted = {
        kind: [
            text for text in "a+ €" if accepts(constrain(vocabulary, match=kind), vocabulary, text)
        ]
        for kind in (r"\p{S}", r"\P{S}", r"\p{Sc}", r"\S")
    }
    assert accepted == {
        r"\p{S}": ["+", "€"],
        r"\P{S}": ["a", " "],
        r"\p{Sc}": ["€"],
        r"\S": ["a", "+", "€"],
    }


def test_words_stay_forbidden_after_a_prompt_that_ends_inside_a_character() -> None:
    vocabulary = ByteVocabulary()
    automaton = constrain(vocabulary, forbid=["a"], prompt=vocabulary.encode("caf\udcc3"))
    assert not accepts(automaton, vocabulary, " a b")
    assert accepts(automaton, vocabulary, " ab b")
