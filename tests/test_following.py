"""Work that tells how far it has come."""

from __future__ import annotations

import numpy as np
import pytest

from nextchar.following import each_a_part, followed_by, report_part, report_symbols
from nextchar.text.batches import by_length


def test_parts_of_parts_add_up() -> None:
    told: list[float] = []
    with followed_by(told.append):
        for _ in each_a_part("ab"):
            for _ in each_a_part("cd"):
                report_part(0.5)
                report_part(1.0)
        report_part(1.0)
    assert told == [1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1.0, 1.0]


def test_symbols_are_a_part_of_their_number_and_never_all() -> None:
    told: list[float] = []
    with followed_by(told.append, symbols=10):
        for _ in range(3):
            report_symbols(5)
    assert told == [0.5, 0.999, 0.999]


def test_nobody_has_to_follow() -> None:
    report_part(0.5)
    report_symbols(3)
    assert list(each_a_part("ab")) == ["a", "b"]


def test_batches_of_items_tell_the_part_of_the_symbols() -> None:
    told: list[float] = []
    with followed_by(told.append):
        batches = list(by_length(np.array([10, 20, 10, 40, 20]), 40))
    assert [len(batch) for batch in batches] == [1, 2, 2]
    assert told == pytest.approx([0.4, 0.8, 1.0])
