"""Running text: nothing but what is put back changes, however the text comes."""

from __future__ import annotations

import functools
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import RESTORATION_KINDS
from nextchar.errors import ConfigError
from nextchar.tasks.tagging.encoding import cut
from nextchar.tasks.tagging.letters import is_mark
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.tasks.tagging.tagger import Tagger
from nextchar.text.graphemes import clusters
from tests.tasks.tagging.models import TEXT, WINDOW, untrained

tagger_of = functools.cache(untrained)
kinds = st.sampled_from([*RESTORATION_KINDS, "case+punctuation", "spaces+diacritics"])
pieces = st.text(st.sampled_from("ab,. É\u0301한국\n\r\udc80") | st.characters(), max_size=60)
texts = st.lists(pieces | st.just("\n") | st.just(TEXT), max_size=4).map("".join)


def in_pieces(tagger: Tagger, text: str, size: int, *, keep: bool = False) -> str:
    stream = tagger.stream(keep=keep)
    fed = [stream.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join([*fed, stream.finish()])


@settings(max_examples=60)
@given(kinds, texts, st.integers(1, 40), st.booleans())
def test_a_text_in_pieces_is_repaired_as_in_one(
    restore: str, text: str, size: int, keep: bool
) -> None:
    tagger = tagger_of(restore)
    assert in_pieces(tagger, text, size, keep=keep) == tagger.apply(text, keep=keep)


@settings(max_examples=60)
@given(kinds, texts)
def test_a_text_is_repaired_line_by_line(restore: str, text: str) -> None:
    tagger = tagger_of(restore)
    lines = re.split("(\r?\n)", text)
    by_line = "".join(
        line if number % 2 else tagger.apply(line) for number, line in enumerate(lines)
    )
    assert tagger.apply(text) == by_line


@settings(max_examples=60)
@given(kinds, texts, st.booleans())
def test_all_else_stays_as_it_is(restore: str, text: str, keep: bool) -> None:
    restoration = Restoration(tagger_of(restore).config.tagging.kinds)
    repaired = tagger_of(restore).apply(text, keep=keep)
    ends = re.findall("\r?\n", text)
    assert re.findall("\r?\n", repaired) == ends
    assert [restoration.split(line)[0] for line in re.split("\r?\n", repaired)] == [
        restoration.split(line)[0] for line in re.split("\r?\n", text)
    ]


JOINED = [
    *("e\u0301", "z\u0351\u036b", " \u0301", "#\ufe0f\u20e3", "👩\u200d🚀", "👍🏽", "❤\ufe0f"),
    *("🇰🇷", "🇫🇷", "\u1112\u1161\u11ab", "하\u11ab", "क्षि", "ก็", "กำ", "葛\U000e0100"),
]


@settings(max_examples=150)
@given(
    kinds,
    st.text(st.sampled_from("abE .\u200d\u0301\ufe0f🇰🚀\u1161\n") | st.characters(), max_size=80)
    | st.lists(st.sampled_from([*JOINED, "a", "B", ".", " ", "\n"]), max_size=80).map("".join),
    st.integers(1, 40),
    st.booleans(),
)  # fmt: skip
def test_nothing_is_put_inside_what_a_reader_sees_as_one_character(
    restore: str, text: str, size: int, keep: bool
) -> None:
    repaired, at = in_pieces(tagger_of(restore), text, size, keep=keep), 0
    for cluster in clusters(text):
        taken = "diacritics" in restore and all(map(is_mark, cluster[1:]))
        if len(cluster) == 1 or taken:
            continue
        written = re.compile(re.escape(cluster), re.IGNORECASE).search(repaired, at)
        assert written, cluster
        at = written.end()


@given(texts)
def test_what_is_there_is_kept_where_it_is_to_be(text: str) -> None:
    kept = tagger_of("spaces").apply(text, keep=True)
    places = iter(kept)
    assert all(character in places for character in text)
    upper = tagger_of("case").apply(text, keep=True)
    assert all(new == old or old.islower() for new, old in zip(upper, text, strict=True))


@pytest.mark.parametrize("restore", ["spaces", "case", None])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 28, 29, 100, 1000])
def test_a_long_line_is_labelled_in_a_stream_as_at_once(restore: str | None, length: int) -> None:
    tagger = tagger_of(restore)
    text = (TEXT * 20)[:length]
    whole = tagger.tag(text)
    if tagger.model.labels.restoration is None:
        expected = "".join(f"{character}\t{label}\n" for character, label in whole) + "\n"
        assert in_pieces(tagger, text + "\n", 7) == expected
    else:
        expected = tagger.model.labels.restoration.join(*zip(*whole, strict=True))
        assert in_pieces(tagger, text, 7) == expected


@given(st.integers(1, 200), st.integers(16, 64))
def test_windows_label_each_place_once_and_in_order(length: int, window: int) -> None:
    characters = [chr(ord("a") + number) for number in range(length)]
    cuts = list(cut(characters, window))
    labelled = [c for piece in cuts for c in piece.characters[piece.first : piece.end]]
    assert labelled == characters
    assert all(len(piece.characters) <= window for piece in cuts)
    assert [piece.is_last for piece in cuts] == [False] * (len(cuts) - 1) + [True]
    assert [piece.begins for piece in cuts] == [True] + [False] * (len(cuts) - 1)


def test_a_stream_gives_a_line_when_it_ends_and_holds_a_window_of_a_long_one() -> None:
    stream = tagger_of("case").stream()
    assert stream.feed("one day\ntwo").lower() == "one day\n"
    given = sum(len(stream.feed("x" * 10)) for _ in range(100))
    assert 1003 - given <= WINDOW
    assert len(stream.finish()) == 1003 - given


def test_a_stream_that_was_finished_is_as_new() -> None:
    stream = tagger_of("spaces").stream()
    first = stream.feed("abc\ndef") + stream.finish()
    assert stream.feed("abc\ndef") + stream.finish() == first


def test_labels_are_written_as_labelled_files_are() -> None:
    written = tagger_of(None).apply("ab\n\nc")
    assert re.fullmatch(r"a\t\S+\nb\t\S+\n\n\nc\t\S+\n\n?", written)


def test_nothing_is_put_between_bytes_that_could_not_be_decoded() -> None:
    text = "\udcb3\udcaa \udcb4" * 30
    assert tagger_of("spaces").apply(text).lstrip() == text


def test_nothing_can_be_kept_by_a_run_that_gives_labels() -> None:
    with pytest.raises(ConfigError, match="keep is for runs that restore marks"):
        tagger_of(None).apply("a", keep=True)


def test_rules_hold_across_windows() -> None:
    tagger = untrained(None, transitions="bio")
    labels = ["O"] + [label for _, label in tagger.tag(TEXT * 10)]
    follows = set(itertools.pairwise(labels))
    assert ("O", "I-v") not in follows
    assert ("B-v", "I-v") in follows
