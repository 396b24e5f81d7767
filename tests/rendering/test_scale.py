"""From bits to levels."""

from __future__ import annotations

import math

from nextchar.rendering.scale import STEPS, UNMEASURED, level_names, levels


def test_a_level_begins_at_its_bits() -> None:
    assert levels([0, 0.99, 1, 1.99, 2, 11.9, 12, 1000]).tolist() == [0, 0, 1, 1, 2, 7, 8, 8]


def test_what_was_not_measured_has_a_level_of_its_own() -> None:
    assert levels([math.nan]).tolist() == [UNMEASURED]


def test_every_level_has_a_name() -> None:
    names = level_names()
    assert len(names) == len(STEPS) + 1
    assert (names[0], names[2], names[-1]) == ("<1", "2-3", "12+")
