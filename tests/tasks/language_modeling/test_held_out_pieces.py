"""The pieces of a training text that the mixture with experts is fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config, ExpertsConfig, TextConfig, TrainingConfig
from nextchar.tasks.language_modeling.data import held_out_pieces, training_streams
from nextchar.text.corpus import Corpus
from nextchar.text.streams import NO_TARGET


@dataclass(frozen=True)
class Length:
    """Stands for ids of which only the number counts."""

    N: int

    def __len__(self) -> int:
        return self.N


@dataclass(frozen=True)
class Text:
    """Stands for a corpus."""

    train: Any
    highest: int = 59
    augmented: int = 0
    boundaries: tuple[int, ...] = ()


def pieces(N: int, V: int = 60, augmented: int = 0, **options: Any) -> tuple[tuple[int, int], ...]:
    text = cast(Corpus, Text(Length(N), V - 1, augmented))
    return held_out_pieces(text, ExpertsConfig(**options))


def total(found: tuple[tuple[int, int], ...]) -> int:
    return sum(end - start for start, end in found)


def test_a_short_text_has_none() -> None:
    assert pieces(99_999) == ()
    assert len(pieces(100_000)) == 32


def test_augmented_texts_and_runs_without_experts_have_none() -> None:
    assert pieces(1_000_000) != ()
    assert pieces(1_000_000, augmented=1) == ()
    assert pieces(1_000_000, experts="none") == ()
    assert pieces(1_000_000, mixing_fraction=0.0) == ()


@given(st.integers(100_000, 10**12), st.integers(2, 30_000), st.floats(0.02, 0.5))
def test_pieces_ascend_inside_of_the_text_and_are_a_small_share(
    N: int, V: int, fraction: float
) -> None:
    found = pieces(N, V, mixing_fraction=fraction)
    edges = [edge for piece in found for edge in piece]
    assert edges == sorted(set(edges))
    assert edges[0] > 0
    assert edges[-1] < N
    assert len(found) == 32
    assert total(found) <= min(fraction * N, 1 << 16)
    assert len({end - start for start, end in found}) == 1
    # They are spread evenly: no part of a tenth of the text has none.
    gaps = np.diff([0, *(start for start, _ in found), N])
    assert gaps.max() <= N / 10


def test_the_usual_share_is_two_percent_of_a_text_up_to_a_limit() -> None:
    assert 0.0195 * 200_000 < total(pieces(200_000)) <= 0.02 * 200_000
    assert total(pieces(10**9)) == 1 << 16


@pytest.mark.parametrize("boundaries", [(), (7, 50_000, 99_000)])
def test_training_reads_all_but_the_pieces(boundaries: tuple[int, ...]) -> None:
    N, T = 100_000, 100
    text = cast(Corpus, Text(np.arange(N, dtype=np.uint32), boundaries=boundaries))
    config = Config(text=TextConfig(), training=TrainingConfig(batch_size=1, sequence_length=T))
    streams = training_streams(text, config)
    read = np.zeros(N, np.int64)
    step = 0
    while streams.epoch(step) < 1:
        batch = streams.batch(step)
        real = batch.targets != NO_TARGET
        assert (batch.targets[real] == batch.inputs[real] + 1).all()
        read[batch.targets[real]] += 1
        step += 1
    expected = np.ones(N, np.int64)
    expected[[0, *boundaries]] = 0
    for start, end in held_out_pieces(text, config.experts):
        expected[start : end + 1] = 0  # nothing predicts the symbol after a piece
    assert np.array_equal(read, expected)
