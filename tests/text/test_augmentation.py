"""Altered copies: each kind of edit, what none may touch, and that a seed decides all."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextchar.config import AugmentationConfig
from nextchar.errors import ConfigError
from nextchar.text import augmentation
from nextchar.text.augmentation import Augmenter, augment
from nextchar.text.graphemes import clusters
from tests.conftest import english, korean

NOISE: dict[str, Any] = {
    "augment_swap": 0.1,
    "augment_drop": 0.1,
    "augment_repeat": 0.1,
    "augment_neighbor": 0.1,
    "augment_case": 0.1,
    "augment_word_drop": 0.1,
    "augment_word_swap": 0.1,
}


def test_golden_noise() -> None:
    """What a seed gives today it gives tomorrow: runs are made again from their options."""
    text = "the quick brown fox jumps over the lazy dog\n"
    assert augment(text, seed=1, **NOISE) == GOLDEN_NOISE
    assert augment(text * 2, seed=1, **NOISE).startswith(GOLDEN_NOISE)


GOLDEN_NOISE = "thhe  qqiuck Bfwo jumps foxLAzg eOf\n"


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({"augment_swap": 1.0}, "abcd e\nf", "badce \nf"),
        ({"augment_drop": 1.0}, "ab c\n\nd", "\n\n"),
        ({"augment_repeat": 1.0}, "ab c\nd", "aabb  cc\ndd"),
        ({"augment_case": 1.0}, "aB ßé\n1", "Ab ßÉ\n1"),
        ({"augment_word_drop": 1.0}, "a bc, (d e).\nf\n", ", ().\n\n"),
        ({"augment_word_swap": 1.0}, "one two, three! four five\n", "two one, four! three five\n"),
        ({"augment_word_swap": 1.0}, "one\ntwo don't\n", "one\ndon't two\n"),
    ],
)
def test_a_certain_edit_is_made_wherever_it_can(
    options: dict[str, Any], text: str, expected: str
) -> None:
    assert augment(text, **options) == expected


def test_a_dropped_word_takes_one_space_along() -> None:
    options = AugmentationConfig(augment_word_drop=0.5)
    for seed in range(30):
        (line,) = Augmenter(options).lines(["in the beginning was"], (seed,))
        assert "  " not in line.after
        assert not line.after.startswith(" ")


def test_a_neighbouring_key_is_hit() -> None:
    altered = augment("gG;" * 40, augment_neighbor=1.0)
    assert len(altered) == 120
    for original, key in zip("gG;" * 40, altered, strict=True):
        assert key in {"g": "tyfhvb", "G": "TYFHVB", ";": "p[l'./"}[original]


def test_words_are_replaced_from_the_table_in_their_case(tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text("big\tlarge\nUK\tBritain\ncity\ttown hall\n")
    options: dict[str, Any] = {"augment_synonym": 1.0, "synonyms": str(tmp_path / "table.tsv")}
    text = "A big Big BIG bigger city in the UK.\n"
    expected = "A large Large LARGE bigger town hall in the Britain.\n"
    assert augment(text, **options) == expected


@pytest.mark.parametrize(
    ("order", "text", "units"),
    [
        ("lines", "a\nb\n\nc\nd\n", ["a", "b", "", "c", "d"]),
        ("lines", "a\r\nb\r\nc", ["a", "b", "c"]),
        ("paragraphs", "a\n b\n\n\nc\n\nd\ne\n", ["a\n b", "c", "d\ne"]),
        ("paragraphs", "a\r\n\r\nb\r\n \r\nc\r\n\r\n", ["a", "b", "c"]),
    ],
)
def test_shuffling_keeps_every_unit_and_every_break_in_its_place(
    order: str, text: str, units: list[str]
) -> None:
    seen = set()
    for seed in range(60):
        shuffled = augment(text, seed=seed, augment_shuffle=order)  # type: ignore[arg-type]
        seen.add(shuffled)
        assert Counter(shuffled) == Counter(text)
        # Nothing but breaks is left where the units were.
        rest = shuffled
        for unit in filter(None, units):
            assert rest.count(unit) == 1
            rest = rest.replace(unit, "")
        if "" not in units:
            assert rest == re.sub("|".join(map(re.escape, units)), "", text)
    assert len(seen) > 3


def test_shuffled_lines_know_where_they_were() -> None:
    text = "one\ntwo\n\nthree\nfour\n\nfive"
    for order in ("lines", "paragraphs"):
        config = AugmentationConfig.from_dict({"augment_shuffle": order})
        lines = list(Augmenter(config).lines([text], (3,)))
        assert sorted(line.number for line in lines if line.before) == [1, 2, 4, 5, 7]
        assert all(text.split("\n")[n.number - 1] == n.before for n in lines if n.before)


texts = st.text(st.sampled_from("ab c.\n'Z각é😀\u0301\u200d\r\t\u1100"), max_size=60)


@given(texts, st.integers(0, 2**63 - 1), st.data())
def test_a_text_is_altered_alike_in_whatever_pieces_it_comes(
    text: str, seed: int, data: st.DataObject
) -> None:
    augmenter = Augmenter(AugmentationConfig(**NOISE))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = list(augmenter.lines([text], (seed,)))
    assert list(augmenter.lines(pieces, (seed,))) == whole
    assert "".join(line.before + line.ending for line in whole) == text


@given(texts, st.integers(0, 1000))
@example("Z.Z \u0301", 343)
def test_no_edit_touches_a_line_break_or_what_belongs_to_another_character(
    text: str, seed: int
) -> None:
    augmenter = Augmenter(AugmentationConfig(**NOISE))
    for line in augmenter.lines([text], (seed,)):
        assert line.ending in ("\n", "")
        for piece in line.pieces:
            assert "\n" not in piece.before + piece.after
            if piece.edit not in (None, "word_swap"):
                assert not set("\u0301\u200d\r\t") & set(piece.before)
            assert (piece.edit is None) == (piece.before == piece.after)
        pairs = zip(line.pieces, line.pieces[1:], strict=False)
        assert not any(b.before[:1] in ("\u0301", "\u200d") and a.edit for a, b in pairs)


joined = [
    "🇰🇷",
    "🇫🇷",
    "🇩",
    "👩\u200d🚀",
    "👍🏽",
    "❤\ufe0f",
    "क्षि",
    "\u1112\u1161\u11ab",
    "กำ",
    "e\u0301",
]


@given(
    st.lists(st.sampled_from([*joined, *"ab ㄱᄀ가\u1161\u200d\u0301\u0600\n"]), max_size=30),
    st.integers(0, 1000),
)
@example(["🇩", "a", "🇰🇷"], 11)
@example(["🇫🇷"] * 12, 5)
def test_no_edit_parts_or_joins_what_a_reader_sees_as_one_character(
    parts: list[str], seed: int
) -> None:
    for line in Augmenter(AugmentationConfig(**NOISE)).lines(parts, (seed,)):
        for side in ("before", "after"):
            groups = itertools.groupby(
                line.pieces, key=lambda piece: 0 if piece.edit is None else id(piece)
            )
            texts = ["".join(getattr(piece, side) for piece in group) for _, group in groups]
            found = [cluster for text in texts for cluster in clusters(text)]
            assert found == clusters(getattr(line, side))
        several = Counter(each for each in clusters(line.after) if len(each) > 1)
        assert several <= Counter(clusters(line.before))


def test_a_long_line_is_not_cut_inside_what_a_reader_sees_as_one_character(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(augmentation, "LONGEST_LINE", 8)
    text = "👩\u200d🚀e\u0301" * 9 + "\n"
    lines = list(Augmenter(AugmentationConfig(augment_drop=0.01)).lines([text], (1,)))
    assert [cluster for line in lines for cluster in clusters(line.before)] == clusters(text[:-1])


@given(texts, st.integers(0, 1000))
def test_no_character_is_brought_in_that_is_not_known(text: str, seed: int) -> None:
    known = set(text)
    options = AugmentationConfig(augment_neighbor=0.5, augment_case=0.5)
    altered = "".join(Augmenter(options, knows=known.__contains__).chunks(seed, 1, iter([text]), 0))
    assert set(altered) <= known


def test_probabilities_are_what_they_say() -> None:
    text = english(60_000)
    config = AugmentationConfig(augment_drop=0.03, augment_repeat=0.01, augment_word_drop=0.02)
    lines = list(Augmenter(config).lines([text], (0,)))
    made = Counter(piece.edit for line in lines for piece in line.pieces)
    characters, words = len(text) - text.count("\n"), len(re.findall(r"\w+", text))
    assert abs(made["drop"] / characters - 0.03) < 0.004
    assert abs(made["repeat"] / characters - 0.01) < 0.002
    assert abs(made["word_drop"] / words - 0.02) < 0.004


def test_copies_and_segments_and_seeds_all_differ() -> None:
    text = korean(300)
    augmenter = Augmenter(AugmentationConfig(**NOISE))
    copies = {
        "".join(augmenter.chunks(seed, copy, iter([text]), segment))
        for seed in (0, 1)
        for copy in (1, 2)
        for segment in (0, 1)
    }
    assert len(copies) == 8
    assert augment(text, seed=1, **NOISE) in copies


def test_a_line_without_an_end_is_altered_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "LONGEST_LINE", 10)
    config = AugmentationConfig(augment_repeat=1.0)
    for text in ("a" * 35, "a" * 30, "a" * 30 + "\nb"):
        for pieces in ([text], list(text)):
            lines = list(Augmenter(config).lines(pieces, (0,)))
            assert max(len(line.before) for line in lines) == 10
            assert "".join(line.before + line.ending for line in lines) == text
            assert {line.number for line in lines} == {n + 1 for n in range(1 + text.count("\n"))}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"augment_swop": 0.1}, "did you mean 'augment_swap'"),
        ({"augment_swap": -0.1}, "augment_swap must be at least 0 and at most 1; got -0.1"),
        (
            {"augment_swap": 0.6, "augment_drop": 0.6},
            "edits of characters must sum to at most 1, got 1.2",
        ),
        (
            {"augment_word_swap": 0.6, "augment_word_drop": 0.5},
            "edits of words must sum to at most 1, got 1.1",
        ),
        ({"augment_synonym": 0.1}, "augment_synonym and synonyms must be set together"),
        ({"synonyms": "table.tsv"}, "augment_synonym and synonyms must be set together"),
        ({"augment_copies": 2}, "augment_copies 2 needs an edit"),
        ({"augment_copies": -1}, "augment_copies must be at least 0"),
        ({"augment_shuffle": "words"}, "augment_shuffle must be one of none, lines, paragraphs"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        augment("text", **options)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
