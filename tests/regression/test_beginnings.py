"""Texts after a prompt: a network that was trained for long writes no garbage from nothing."""

from __future__ import annotations

import string
from collections import Counter
from pathlib import Path

import pytest

import nextchar
from nextchar.text.builtin import StandardLibrary
from nextchar.text.datasets import fetch

RARE_SHARE, LENGTH, SEEDS = 0.001, 60, 20
GARBAGE_SHARE, ALLOWED = 1 / 12, 0.002


def rare_symbols(text: str) -> set[str]:
    """Return the rarest characters: together less than a thousandth of a text."""
    left, rare = RARE_SHARE * len(text), set()
    for character, count in reversed(Counter(text).most_common()):
        left -= count
        if left < 0:
            break
        rare.add(character)
    return rare


def is_garbage(text: str, rare: set[str]) -> bool:
    return sum(c in rare for c in text) > GARBAGE_SHARE * LENGTH


def garbage_share(model: nextchar.LanguageModel, rare: set[str]) -> float:
    """Return the share of texts after single letters that have too many rare characters."""
    texts = [
        text[1:]
        for letter in string.ascii_letters
        for text in model.generate_batch(
            letter, samples=SEEDS, length=LENGTH, seed=1, temperature=0.8
        )
    ]
    return sum(is_garbage(text, rare) for text in texts) / len(texts)


@pytest.mark.slow  # two trainings of half a minute
def test_prompts_write_garbage_no_more_often_than_people_do(tmp_path: Path) -> None:
    corpus = fetch(StandardLibrary(limit=500_000))
    text = corpus.read_text("utf-8")
    for name, probability in (("new", 0.03), ("old", 0.0)):
        nextchar.train(
            corpus,
            tmp_path / name,
            hidden_size=256,
            steps=1500,
            learning_rate=0.01,
            precision="float32",
            reset_probability=probability,
        )
    rare = rare_symbols(text)
    real = [text[place : place + LENGTH] for place in range(0, len(text) - LENGTH, LENGTH)]
    allowed = sum(is_garbage(each, rare) for each in real) / len(real)
    old = nextchar.LanguageModel.load(tmp_path / "old")
    after_line_break = garbage_share(old, rare)
    old.network.begins_after = None  # from zeros, as older versions began
    from_zeros = garbage_share(old, rare)
    new = garbage_share(nextchar.LanguageModel.load(tmp_path / "new"), rare)
    assert allowed < ALLOWED
    assert from_zeros > 3 * ALLOWED
    assert after_line_break <= ALLOWED
    assert new <= ALLOWED
