"""Workers on torch's threads: their shares, their barriers, and no worker lost to an interrupt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.nn.kernels import threads
from nextchar.nn.kernels.slices import Array, Units
from nextchar.nn.kernels.threads import (
    Signals,
    barrier,
    join_pool,
    largest_share,
    make_signals,
    run_in_pool,
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


class Group(NamedTuple):
    """Arguments of a worker come in named tuples: passing them must not run Python either."""

    sums: Array


@compiled_without_allocation
def add_in_turn(signals: Signals, group: Group, _data: None) -> None:
    """Compute each number from the sum of those that all workers wrote before it."""
    sums = group.sums
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    for time in range(1, len(sums)):
        total = 0
        for other in range(sums.shape[1]):
            total += sums[time - 1, other]
        sums[time, worker] = total % 1000 + worker
        barrier(signals, worker, time)


@compiled_without_allocation
def shares(units: int, worker: int, workers: int, found: Array) -> None:
    found[0], found[1] = share_of(units, worker, workers)


def share(units: int, worker: int, workers: int) -> Units:
    found = np.zeros(2, np.int64)
    shares(units, worker, workers, found)
    return int(found[0]), int(found[1])


def sums_of(workers: int, times: int = 2000) -> NDArray[np.int64]:
    sums = np.ones((times, workers), np.int64)
    for time in range(1, times):
        sums[time] = sums[time - 1].sum() % 1000 + np.arange(workers)
    return sums


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_see_what_the_others_wrote_before_a_barrier(workers: int) -> None:
    torch.set_num_threads(workers)
    sums = np.ones((2000, workers), np.int64)

    run_in_pool(add_in_turn, make_signals(workers), Group(sums))

    assert np.array_equal(sums, sums_of(workers))


def test_without_a_pool_one_worker_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_pool", lambda: None)
    sums = np.ones((2000, 1), np.int64)

    assert suggested_workers(512, LARGE) == 1
    run_in_pool(add_in_turn, make_signals(1), Group(sums))

    assert np.array_equal(sums, sums_of(1))
    with pytest.raises(ValueError, match="no thread pool here, which 2 workers need"):
        run_in_pool(add_in_turn, make_signals(2), Group(sums))


INTERRUPTED = """
import signal, time
import numpy as np
from nextchar.nn.kernels.threads import make_signals, run_in_pool
from tests.nn.kernels.test_threads import Group, add_in_turn

class Alarm(Exception):
    pass

def ring(number, frame):
    raise Alarm

run_in_pool(add_in_turn, make_signals(2), Group(np.ones((20, 2), np.int64)))  # is compiled here
signal.signal(signal.SIGALRM, ring)
ends, interrupted, whole = time.monotonic() + 50, 0, 0
while min(interrupted, whole) <= 50 and time.monotonic() < ends:
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4 + interrupted % 50 * 1e-5)
        while True:
            run_in_pool(add_in_turn, make_signals(2), Group(np.ones((20, 2), np.int64)))
            whole += 1
    except Alarm:
        interrupted += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(interrupted, whole)
"""


def test_interrupts_at_any_time_leave_nobody_waiting() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=True
    )

    assert min(map(int, done.stdout.split())) > 50
    # what Python says of an interrupt that ended a worker
    assert "ctypes callback" not in done.stderr


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
