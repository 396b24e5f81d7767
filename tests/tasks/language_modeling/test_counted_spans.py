"""The parts of a long text that are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nextchar.experts.experts import Experts
from nextchar.tasks.language_modeling import experts as counting
from nextchar.text.vocabulary import Ids
from tests.conftest import TINY, Run, english


def test_a_text_of_the_usual_size_is_counted_as_a_whole() -> None:
    assert counting._spans(1) == [(0, 1)]
    assert counting._spans(100_000_000) == [(0, 100_000_000)]


def test_of_a_longer_text_evenly_spaced_spans_are_counted() -> None:
    N = 10_737_418_240
    spans = counting._spans(N)
    assert spans[0][0] == 0
    assert spans[-1][1] == N
    assert 99_000_000 <= counting._length(spans) <= 100_000_000
    starts = np.array([start for start, _ in spans])
    assert np.ptp(np.diff(starts)) <= 1
    assert (np.diff(starts) > 1 << 20).all()


@pytest.mark.parametrize(
    ("spans", "pieces", "left"),
    [
        ([(0, 10)], [], [(0, 10)]),
        ([(0, 10)], [(2, 4), (6, 7)], [(0, 2), (4, 6), (7, 10)]),
        ([(0, 10)], [(0, 3), (8, 10)], [(3, 8)]),
        ([(0, 5), (10, 15)], [(3, 12)], [(0, 3), (12, 15)]),
        ([(0, 5), (10, 15)], [(5, 10)], [(0, 5), (10, 15)]),
        ([(4, 6)], [(2, 8)], []),
    ],
)
def test_pieces_are_taken_out_of_spans(
    spans: list[tuple[int, int]], pieces: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    assert counting._without(spans, pieces) == left


def test_training_says_how_much_of_a_long_text_it_counts(
    nextchar: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_MOST_COUNTED", 4000)
    monkeypatch.setattr(counting, "_SPAN", 500)
    counted: list[int] = []
    original = counting._count

    def watched(text: Ids, *rest: object) -> Experts:
        counted.append(len(text))
        return original(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(counting, "_count", watched)
    (tmp_path / "text.txt").write_text(english(20_000))
    outcome = nextchar("train", tmp_path / "text.txt", "--out", tmp_path / "run", *TINY)
    assert "experts: counts of 4,000 of 18,000 symbols in" in outcome.err
    assert counted == [4000]
