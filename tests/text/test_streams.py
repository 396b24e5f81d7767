"""Batches: a pure function of text and step that leaves nothing out and invents nothing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextchar.errors import ConfigError, CorpusError, TextError
from nextchar.text.streams import NO_TARGET, Batch, Streams


def streams(length: int, batch_size: int, sequence_length: int, **options: Any) -> Streams:
    ids = np.arange(length, dtype=np.uint16)
    return Streams(ids=ids, batch_size=batch_size, sequence_length=sequence_length, **options)


sizes = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(0, 60)).map(
    lambda drawn: (drawn[0] * drawn[1] + 1 + drawn[2], drawn[0], drawn[1])
)


def test_golden_batches_of_eleven_symbols_in_two_streams_of_three() -> None:
    # Ten predictions are the windows 0-2, 3-5, 6-8 and 9; the streams start at windows 0 and 2.
    made = streams(11, 2, 3)
    expected: list[tuple[list[list[int]], list[list[int]], list[bool]]] = [
        ([[0, 6], [1, 7], [2, 8]], [[1, 7], [2, 8], [3, 9]], [True, False]),
        ([[3, 9], [4, 9], [5, 9]], [[4, 10], [5, -100], [6, -100]], [False, False]),
        ([[6, 0], [7, 1], [8, 2]], [[7, 1], [8, 2], [9, 3]], [False, True]),
    ]
    for step, (inputs, targets, fresh) in enumerate(expected):
        batch = made.batch(step)
        assert batch.inputs.tolist() == inputs
        assert batch.targets.tolist() == targets
        assert batch.fresh.tolist() == fresh


def predictions(batch: Batch) -> list[tuple[int, int]]:
    real = batch.targets != NO_TARGET
    return list(zip(batch.inputs[real].tolist(), batch.targets[real].tolist(), strict=True))


@given(sizes)
def test_a_stream_makes_every_prediction_of_the_text_once_a_pass(
    drawn: tuple[int, int, int],
) -> None:
    length, _, sequence_length = drawn
    made = streams(length, 1, sequence_length)
    steps = -(-(length - 1) // sequence_length)
    pairs = [pair for step in range(steps) for pair in predictions(made.batch(step))]
    assert pairs == [(position, position + 1) for position in range(length - 1)]
    assert made.epoch(steps) == 1.0


@given(sizes, st.integers(0, 1000))
def test_a_window_continues_the_window_before_or_begins_the_text(
    drawn: tuple[int, int, int], step: int
) -> None:
    made = streams(*drawn)
    before, after = made.batch(step), made.batch(step + 1)
    for column in range(made.batch_size):
        if after.fresh[column]:
            assert after.inputs[0, column] == 0
            assert made.ids[-1] in before.targets[:, column]
        else:
            assert after.inputs[0, column] == before.targets[-1, column]


@given(sizes, st.integers(0, 10**12))
def test_a_step_is_the_same_whether_reached_or_sought(
    drawn: tuple[int, int, int], step: int
) -> None:
    first, second = streams(*drawn).batch(step), streams(*drawn).batch(step)
    assert np.array_equal(first.inputs, second.inputs)
    assert first.inputs.dtype == first.targets.dtype == np.int64


@given(sizes, st.integers(1, 3), st.integers(0, 50))
def test_the_ranks_together_have_the_whole_batch(
    drawn: tuple[int, int, int], world: int, step: int
) -> None:
    length, batch_size, sequence_length = drawn
    length, batch_size = length * world, batch_size * world
    whole = streams(length, batch_size, sequence_length).batch(step)
    shares = [
        streams(length, batch_size, sequence_length, rank=rank, world=world).batch(step)
        for rank in range(world)
    ]

    def joined(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(share, name) for share in shares], axis=-1)

    for name in ("inputs", "targets", "fresh"):
        assert np.array_equal(joined(name), getattr(whole, name))


@pytest.mark.parametrize(("batch_size", "sequence_length"), [(32, 64), (4, 500), (2000, 2)])
def test_a_text_too_small_names_values_that_work(batch_size: int, sequence_length: int) -> None:
    with pytest.raises(TextError, match="1000 symbols") as caught:
        streams(1000, batch_size, sequence_length)
    for option, value in re.findall(r"--(batch-size|sequence-length) (\d+)(?= or|$)",
                                    str(caught.value).split("give")[1]):  # fmt: skip
        fitting = {"batch_size": batch_size, "sequence_length": sequence_length}
        fitting[option.replace("-", "_")] = int(value)
        streams(1000, **fitting)


def test_one_symbol_alone_is_no_text() -> None:
    with pytest.raises(TextError, match="give more text"):
        streams(1, 1, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"sequence_length": -1},
        {"world": 0},
        {"world": 3},
        {"world": 2, "rank": 2},
        {"world": 2, "rank": -1},
    ],
)
def test_impossible_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        streams(100, **{"batch_size": 4, "sequence_length": 5, **options})


def test_the_text_is_checked_before_it_is_read() -> None:
    def changed() -> None:
        raise CorpusError("it has changed")

    made = Streams(ids=np.arange(99), batch_size=2, sequence_length=3, check=changed)
    with pytest.raises(CorpusError, match="changed"):
        made.batch(0)
