"""Streams without the held-out pieces of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.text.streams import NO_TARGET, Batch, Streams

Piece = tuple[int, int]


@dataclass(frozen=True)
class Drawn:
    """A text whose ids are its positions, with held-out pieces and boundaries."""

    length: int
    boundaries: tuple[int, ...]
    held_out: tuple[Piece, ...]
    sequence_length: int

    def streams(self, batch_size: int = 1, rank: int = 0, world: int = 1) -> Streams:
        return Streams(
            ids=np.arange(self.length, dtype=np.uint16),
            batch_size=batch_size,
            sequence_length=self.sequence_length,
            boundaries=self.boundaries,
            held_out=self.held_out,
            rank=rank,
            world=world,
        )

    @property
    def segments(self) -> list[list[int]]:
        """The positions that are read, without a jump in a segment."""
        found: list[list[int]] = [[]]
        hidden = {place for start, end in self.held_out for place in range(start, end)}
        ends = {start for start, _ in self.held_out} | {end for _, end in self.held_out}
        for place in range(self.length):
            if place in ends or place in self.boundaries:
                found.append([])
            if place not in hidden:
                found[-1].append(place)
        return [each for each in found if each]

    @property
    def expected(self) -> list[Piece]:
        return [(place, place + 1) for each in self.segments for place in each[:-1]]

    @property
    def windows(self) -> int:
        return sum(-(-(len(each) - 1) // self.sequence_length) for each in self.segments)


def predictions(batch: Batch) -> list[Piece]:
    real = batch.targets != NO_TARGET
    return list(zip(batch.inputs[real].tolist(), batch.targets[real].tolist(), strict=True))


@st.composite
def texts(draw: st.DrawFn) -> Drawn:
    """Draw pieces and boundaries, which may lie inside of pieces, at their edges, or elsewhere."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=2, max_size=9))
    T = draw(st.integers(1, 7))
    lengths[draw(st.integers(0, 1))] = T + 1  # one piece that is long enough to be read
    edges = [0, *np.cumsum(lengths).tolist()]
    held = range(0 if lengths[1] == T + 1 and lengths[0] != T + 1 else 1, len(lengths), 2)
    held_out = tuple((edges[number], edges[number + 1]) for number in held)
    inside = st.integers(1, edges[-1] - 1)
    places = draw(st.sets(st.one_of(inside, st.sampled_from(edges[1:-1])), max_size=6))
    made = Drawn(edges[-1], tuple(sorted(places)), held_out, T)
    if len(made.expected) < T:
        return Drawn(edges[-1], (), held_out, T)
    return made


@given(texts())
def test_all_other_predictions_are_made_once_an_epoch(drawn: Drawn) -> None:
    made = drawn.streams()
    pairs = [pair for step in range(drawn.windows) for pair in predictions(made.batch(step))]
    assert pairs == drawn.expected
    assert made.epoch(drawn.windows) == 1.0


@given(texts(), st.integers(1, 4), st.integers(0, 100))
def test_no_batch_has_a_held_out_symbol_or_crosses_a_piece(
    drawn: Drawn, batch_size: int, step: int
) -> None:
    batch_size = min(batch_size, len(drawn.expected) // drawn.sequence_length)
    batch = drawn.streams(batch_size).batch(step)
    read = {place for each in drawn.segments for place in each}
    assert set(batch.inputs.ravel().tolist()) <= read
    assert set(batch.targets.ravel().tolist()) <= read | {NO_TARGET}
    assert set(predictions(batch)) <= set(drawn.expected)


@given(texts(), st.integers(0, 50))
def test_the_text_after_a_piece_begins_without_a_state(drawn: Drawn, step: int) -> None:
    batch_size = max(1, len(drawn.expected) // drawn.sequence_length // 2)
    batch = drawn.streams(batch_size).batch(step)
    begins = {each[0] for each in drawn.segments}
    assert batch.reset.tolist() == [first in begins for first in batch.inputs[0].tolist()]


@given(texts(), st.integers(0, 20))
def test_ranks_share_the_text_without_the_pieces(drawn: Drawn, step: int) -> None:
    batch_size = len(drawn.expected) // drawn.sequence_length // 2 * 2
    if batch_size == 0:
        return
    whole = drawn.streams(batch_size).batch(step)
    shares = [drawn.streams(batch_size, rank, 2).batch(step) for rank in (0, 1)]
    assert np.array_equal(np.hstack([each.inputs for each in shares]), whole.inputs)
    assert np.array_equal(np.hstack([each.targets for each in shares]), whole.targets)


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [
        ((), [(0, 1), (1, 2), (6, 7), (7, 8), (8, 9)]),
        ((4,), [(0, 1), (1, 2), (6, 7), (7, 8), (8, 9)]),  # inside
        ((3,), [(0, 1), (1, 2), (6, 7), (7, 8), (8, 9)]),  # at its start
        ((6,), [(0, 1), (1, 2), (6, 7), (7, 8), (8, 9)]),  # at its end
        ((3, 4, 5, 6), [(0, 1), (1, 2), (6, 7), (7, 8), (8, 9)]),
        ((2, 7), [(0, 1), (7, 8), (8, 9)]),  # beside it
        ((2, 4, 8), [(0, 1), (6, 7), (8, 9)]),
    ],
)
def test_boundaries_around_a_piece(boundaries: tuple[int, ...], expected: list[Piece]) -> None:
    drawn = Drawn(10, boundaries, ((3, 6),), 1)
    made = drawn.streams()
    assert drawn.expected == expected
    assert [predictions(made.batch(step))[0] for step in range(len(expected))] == expected


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [
        (((0, 3),), [(3, 4), (4, 5), (5, 6), (6, 7)]),
        (((5, 8),), [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (((0, 2), (6, 8)), [(2, 3), (3, 4), (4, 5)]),
        (((2, 4), (4, 6)), [(0, 1), (6, 7)]),
        (((1, 2), (3, 4)), [(4, 5), (5, 6), (6, 7)]),
    ],
)
def test_pieces_at_the_ends_and_beside_each_other(
    held_out: tuple[Piece, ...], expected: list[Piece]
) -> None:
    made = Drawn(8, (), held_out, 1).streams()
    assert [predictions(made.batch(step))[0] for step in range(len(expected))] == expected
    assert made.epoch(len(expected)) == 1.0
