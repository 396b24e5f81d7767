"""Workers on torch's threads: who does what, when they meet, and what happens when one fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextchar.jit import compiled_for_teams
from nextchar.nn import team
from nextchar.nn.lines import Array, Units
from nextchar.nn.team import (
    Signals,
    largest_share,
    make_signals,
    meet,
    run_team,
    share_of,
    suggested_workers,
)

LARGE = 1 << 40


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


@compiled_for_teams
def add_in_turn(worker: int, signals: Signals, sums: Array) -> None:
    """Make each number of the sum of all that the workers wrote before it."""
    for time in range(1, len(sums)):
        total = 0
        for other in range(sums.shape[1]):
            total += sums[time - 1, other]
        sums[time, worker] = total % 1000 + worker
        meet(signals, worker, time)


@compiled_for_teams
def shares(units: int, worker: int, workers: int, found: Array) -> None:
    found[0], found[1] = share_of(units, worker, workers)


def share(units: int, worker: int, workers: int) -> Units:
    found = np.zeros(2, np.int64)
    shares(units, worker, workers, found)
    return int(found[0]), int(found[1])


def test_workers_see_what_the_others_wrote_before_they_met() -> None:
    expected, sums = np.ones((2000, 2), np.int64), np.ones((2000, 2), np.int64)
    for time in range(1, 2000):
        expected[time] = expected[time - 1].sum() % 1000 + np.arange(2)
    signals = make_signals(2)

    assert run_team(lambda worker: add_in_turn(worker, signals, sums), signals)

    assert np.array_equal(sums, expected)


def test_each_worker_is_a_thread_of_its_own() -> None:
    threads: dict[int, int] = {}

    assert run_team(lambda worker: threads.update({worker: threading.get_ident()}), make_signals(2))

    assert sorted(threads) == [0, 1]
    assert len(set(threads.values())) == 2


def test_what_a_worker_raises_reaches_the_caller_and_nobody_waits_for_it() -> None:
    signals, sums = make_signals(2), np.ones((50, 2), np.int64)

    def work(worker: int) -> None:
        if worker == 1:
            raise KeyboardInterrupt
        add_in_turn(worker, signals, sums)

    with pytest.raises(KeyboardInterrupt):
        run_team(work, signals)


def test_a_team_of_one_needs_no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "_pool", lambda: None)
    done: list[int] = []

    assert run_team(done.append, make_signals(1))
    assert not run_team(done.append, make_signals(2))

    assert done == [0]
    assert suggested_workers(512, LARGE) == 1


def test_workers_are_no_more_than_threads_and_than_the_work_is_worth() -> None:
    assert suggested_workers(512, LARGE) == 2
    assert suggested_workers(512, 1000) == 1
    assert suggested_workers(17, LARGE) == 1
    torch.set_num_threads(1)
    assert suggested_workers(512, LARGE) == 1


@given(units=st.integers(16, 700), workers=st.integers(1, 6))
def test_shares_follow_each_other_and_are_all_units(units: int, workers: int) -> None:
    parts = [share(units, worker, workers) for worker in range(workers)]

    assert [first for first, _ in parts] == [0, *(last for _, last in parts[:-1])]
    assert parts[-1][1] == units
    assert max(last - first for first, last in parts) == largest_share(units, workers)
