"""Durations and speeds in words."""

from __future__ import annotations

import pytest

from nextchar.rendering.training_words import duration, speed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (185, "3:05"), (3723, "1:02:03")],
)
def test_a_duration_is_as_long_as_it_needs(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("characters", "words"), [(850, "850"), (27_100, "27.1k")])
def test_a_high_speed_is_in_thousands(characters: float, words: str) -> None:
    assert speed(characters) == words
