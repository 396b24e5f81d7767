"""Batches: a pure function of text and step that leaves nothing out and invents nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextchar.errors import ConfigError, CorpusError, TextError
from nextchar.text.stored_ids import IdsFile, StoredIds
from nextchar.text.streams import NO_TARGET, Batch, Streams
from nextchar.text.vocabulary import Ids


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


def stored(path: Path, ids: Ids) -> StoredIds:
    path.write_bytes(ids.tobytes())
    with path.open("rb") as file:
        return StoredIds(IdsFile(file, path, ids.dtype), 0, len(ids))


def streams(length: int, batch_size: int, sequence_length: int, **options: Any) -> Streams:
    ids = np.arange(length, dtype=np.uint16)
    return Streams(ids=ids, batch_size=batch_size, sequence_length=sequence_length, **options)


def test_golden_batches_of_two_segments_of_six_and_five_symbols() -> None:
    # The windows are 0-2 and 3-4, then 6-8 and 9: nothing is predicted from 5, which ends a text.
    made = streams(11, 2, 3, boundaries=(6,))
    expected: list[tuple[list[list[int]], list[list[int]], list[bool]]] = [
        ([[0, 6], [1, 7], [2, 8]], [[1, 7], [2, 8], [3, 9]], [True, True]),
        ([[3, 9], [4, 9], [4, 9]], [[4, 10], [5, -100], [-100, -100]], [False, False]),
        ([[6, 0], [7, 1], [8, 2]], [[7, 1], [8, 2], [9, 3]], [True, True]),
    ]
    for step, (inputs, targets, reset) in enumerate(expected):
        batch = made.batch(step)
        assert batch.inputs.tolist() == inputs
        assert batch.targets.tolist() == targets
        assert batch.reset.tolist() == reset
    assert made.epoch(2) == 1.0


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
    for step, (inputs, targets, reset) in enumerate(expected):
        batch = made.batch(step)
        assert batch.inputs.tolist() == inputs
        assert batch.targets.tolist() == targets
        assert batch.reset.tolist() == reset


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
        if after.reset[column]:
            assert after.inputs[0, column] == 0
            assert len(made.ids) - 1 in before.targets[:, column]
        else:
            assert after.inputs[0, column] == before.targets[-1, column]


@st.composite
def segments(draw: st.DrawFn) -> tuple[list[int], int, int]:
    """Draw the lengths of segments, and B and T for which they are long enough."""
    batch_size, sequence_length = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(1, 12), max_size=8))
    lengths.insert(draw(st.integers(0, len(lengths))), batch_size * sequence_length + 1)
    return lengths, batch_size, sequence_length


@given(segments(), st.data())
def test_every_prediction_is_made_once_a_pass_and_none_crosses_a_border(
    drawn: tuple[list[int], int, int], data: st.DataObject
) -> None:
    lengths, _, sequence_length = drawn
    ends = np.cumsum(lengths).tolist()
    windows = sum(-(-(length - 1) // sequence_length) for length in lengths)
    # Where the streams have equally many windows, each reads its share and no other's.
    most = (sum(lengths) - len(lengths)) // sequence_length
    batch_size = data.draw(
        st.sampled_from([each for each in range(1, most + 1) if windows % each == 0])
    )
    world = data.draw(
        st.sampled_from([each for each in range(1, batch_size + 1) if batch_size % each == 0])
    )
    made = [
        streams(
            ends[-1],
            batch_size,
            sequence_length,
            boundaries=tuple(ends[:-1]),
            rank=rank,
            world=world,
        )
        for rank in range(world)
    ]
    pairs = [
        pair
        for step in range(windows // batch_size)
        for share in made
        for pair in predictions(share.batch(step))
    ]
    expected = [(place, place + 1) for place in range(ends[-1]) if place + 1 not in ends]
    assert sorted(pairs) == expected
    assert made[0].epoch(windows // batch_size) == 1.0


@given(segments(), st.integers(0, 300))
def test_state_is_reset_exactly_at_the_start_of_a_segment(
    drawn: tuple[list[int], int, int], step: int
) -> None:
    lengths, batch_size, sequence_length = drawn
    ends = np.cumsum(lengths).tolist()
    made = streams(ends[-1], batch_size, sequence_length, boundaries=tuple(ends[:-1]))
    before, after = made.batch(step), made.batch(step + 1)
    for column in range(batch_size):
        begins = int(after.inputs[0, column]) in [0, *ends]
        assert bool(after.reset[column]) == begins
        if not begins:
            assert after.inputs[0, column] == before.targets[-1, column]


@given(segments(), st.integers(0, 300), st.integers(1, 8), st.data())
def test_the_parts_of_a_batch_are_the_batch_in_pieces_of_time(
    drawn: tuple[list[int], int, int], step: int, parts: int, data: st.DataObject
) -> None:
    lengths, batch_size, sequence_length = drawn
    world = data.draw(st.sampled_from([each for each in (1, batch_size) if each > 0]))
    ends = np.cumsum(lengths).tolist()
    targets = []
    for rank in range(world):
        made = streams(
            ends[-1],
            batch_size,
            sequence_length,
            boundaries=tuple(ends[:-1]),
            reset_probability=0.3,
            rank=rank,
            world=world,
        )
        parts = min(parts, made.most_parts(step))
        whole = made.batch(step)
        pieces = [made.batch(step, part, parts) for part in range(parts)]
        assert predictions_by_stream(pieces) == predictions_by_stream([whole])
        assert np.array_equal(pieces[0].reset, whole.reset)
        assert not any(piece.reset.any() for piece in pieces[1:])
        lasting = sum(len(piece.inputs) for piece in pieces)
        assert lasting == (made.most_parts(step) if parts > 1 else sequence_length)
        targets.append([int((piece.targets != NO_TARGET).sum()) for piece in pieces])
        shares = [piece.target_share for piece in pieces]
        assert all(0 <= share <= 1 for share in shares)
    assert all(sum(counts) > 0 for counts in zip(*targets, strict=True))


def predictions_by_stream(batches: list[Batch]) -> list[list[tuple[int, int]]]:
    found: list[list[tuple[int, int]]] = [[] for _ in batches[0].reset]
    for batch in batches:
        for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
            for column, target in enumerate(targets.tolist()):
                if target != NO_TARGET:
                    found[column].append((int(inputs[column]), target))
    return found


@given(segments())
def test_a_text_too_small_counts_what_a_border_costs(drawn: tuple[list[int], int, int]) -> None:
    lengths, _, sequence_length = drawn
    boundaries = tuple(np.cumsum(lengths)[:-1].tolist())
    have = sum(lengths) - len(lengths)
    batch_size = have // sequence_length + 1
    with pytest.raises(TextError) as caught:
        streams(sum(lengths), batch_size, sequence_length, boundaries=boundaries)
    needed = batch_size * sequence_length + len(lengths)
    assert f"{sum(lengths)} symbols" in str(caught.value)
    assert f"which need {needed};" in str(caught.value)


@pytest.mark.parametrize("boundaries", [(0,), (5, 5), (7, 3), (100,), (-1,)])
def test_rejects_invalid_boundaries(boundaries: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="boundaries must ascend from 1 to 99"):
        streams(100, 2, 3, boundaries=boundaries)


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

    for name in ("inputs", "targets", "reset"):
        assert np.array_equal(joined(name), getattr(whole, name))
    assert whole.target_share == 1.0
    for share in shares:
        assert share.target_share == len(predictions(share)) / len(predictions(whole))


@pytest.mark.parametrize(("batch_size", "sequence_length"), [(32, 64), (4, 500), (2000, 2)])
def test_a_text_too_small_names_values_that_work(batch_size: int, sequence_length: int) -> None:
    with pytest.raises(TextError, match="1000 symbols") as caught:
        streams(1000, batch_size, sequence_length)
    suggestion = caught.value.for_command_line.split("; set ")[1]
    suggested = re.findall(r"--(batch-size|sequence-length) (\d+)(?= or|$)", suggestion)
    assert suggested
    for option, value in suggested:
        fitting = {"batch_size": batch_size, "sequence_length": sequence_length}
        fitting[option.replace("-", "_")] = int(value)
        streams(1000, **fitting)


def test_one_symbol_alone_is_no_text() -> None:
    with pytest.raises(TextError, match="use more text"):
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


@settings(deadline=None)
@given(segments(), st.integers(1, 40), st.integers(1, 3))
def test_ids_in_a_file_make_the_same_batches_as_ids_in_memory(
    scratch: Path, drawn: tuple[list[int], int, int], ahead_bytes: int, world: int
) -> None:
    lengths, batch_size, sequence_length = drawn
    ids = np.random.default_rng(len(lengths)).integers(0, 60_000, sum(lengths), np.uint16)
    options: dict[str, Any] = {
        "batch_size": batch_size * world,
        "sequence_length": sequence_length,
        "boundaries": tuple(np.cumsum(lengths)[:-1].tolist()),
        "world": world,
    }
    ids = np.concatenate([ids] * world)
    with mock.patch("nextchar.text.stored_ids._AHEAD_BYTES", ahead_bytes):
        for rank in range(world):
            here = Streams(ids=ids, rank=rank, **options)
            there = Streams(ids=stored(scratch / "ids.bin", ids), rank=rank, **options)
            for step in [*range(12), 3, 40, 0]:
                left, right = here.batch(step), there.batch(step)
                for name in ("inputs", "targets", "reset", "target_share"):
                    assert np.array_equal(getattr(left, name), getattr(right, name))
                    assert type(getattr(left, name)) is type(getattr(right, name))


def test_a_file_that_changes_is_an_error_at_the_next_batch(tmp_path: Path) -> None:
    made = Streams(
        ids=stored(tmp_path / "ids.bin", np.arange(99, dtype=np.uint8)),
        batch_size=2,
        sequence_length=3,
    )
    made.batch(0)
    os.truncate(tmp_path / "ids.bin", 98)
    with pytest.raises(CorpusError, match="was modified while in use"):
        made.batch(1)


def test_streams_are_cleared_in_the_middle_of_a_text_as_often_as_asked() -> None:
    made = streams(100_000, 8, 4, reset_probability=0.1, seed=3)
    cleared = np.concatenate([made.batch(step).reset for step in range(2, 1000)])
    assert cleared.mean() == pytest.approx(0.1, abs=0.01)
    # It is another stream each time, and another seed draws others.
    assert cleared.reshape(-1, 8).mean(axis=0) == pytest.approx(0.1, abs=0.04)
    other = streams(100_000, 8, 4, reset_probability=0.1, seed=4)
    assert any((other.batch(step).reset != made.batch(step).reset).any() for step in range(20))


@given(st.integers(0, 10_000), st.integers(0, 2**63 - 1), st.sampled_from([1, 2, 4]))
def test_the_streams_that_are_cleared_do_not_depend_on_the_processes(
    step: int, seed: int, world: int
) -> None:
    options: dict[str, Any] = {"reset_probability": 0.5, "seed": seed}
    whole = streams(1000, 4, 8, **options).batch(step).reset
    ranks = [streams(1000, 4, 8, rank=rank, world=world, **options) for rank in range(world)]
    assert np.concatenate([each.batch(step).reset for each in ranks]).tolist() == whole.tolist()
