"""The number of threads that torch computes with.

The threads of a parallel loop wait for each other many times in a step. Where another process takes
one of the cores, all wait until its time slice ends: on two cores, a step of 18 ms took 100 to
350 ms with two threads and 22 ms with one. The quickest number therefore depends on the other work
on the machine. On some processors, a different number of threads rounds differently: training
without a time budget keeps its number, so that the same command gives the same weights.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections import deque
from collections.abc import Iterator

import torch

TRIAL_STEPS = 4
RECENT_STEPS = 8
FIRST_TRIAL, SHORTEST_WAIT = 0.02, 0.05  # shares of the budget
DISTURBED = 1.5  # times the usual duration of a step or a matrix product: slowed by other work
HOPELESS = 3.0  # times the current duration: the end of a trial
BETTER = 0.9  # times the current duration: a number of threads to keep
_ROWS, _COLUMNS = 32, 256  # of a matrix product as in training
_PRODUCTS, _LONGEST = 300, 0.2  # the most products of a measurement, and its most seconds


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread in the block."""
    with _threads(1):
        yield


@contextlib.contextmanager
def quick_threads() -> Iterator[None]:
    """Use the quickest number of threads in the block."""
    with _threads(quickest_threads()):
        yield


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    usual = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def quickest_threads() -> int:
    """Return the largest number of threads that is not slowed down by other work on the machine."""
    most = torch.get_num_threads()
    numbers = [most >> halvings for halvings in range(most.bit_length())]
    try:
        seconds = {number: _seconds_per_product(number) for number in numbers}
    finally:
        torch.set_num_threads(most)
    return max(n for n in numbers if seconds[n] <= DISTURBED * min(seconds.values()))


def _seconds_per_product(threads: int) -> float:
    """Return the mean time of a product in this number of threads, which wait at its end."""
    torch.set_num_threads(threads)
    left, right = torch.ones(_ROWS, _COLUMNS), torch.ones(_COLUMNS, 4 * _COLUMNS)
    left @ right  # The first product starts the threads.
    began, done, seconds = time.perf_counter(), 0, 0.0
    while done < _PRODUCTS and seconds < _LONGEST:
        left @ right
        done, seconds = done + 1, time.perf_counter() - began
    return seconds / done


class ThreadTrials:
    """Tries other numbers of threads from time to time, and keeps the quickest.

    Parameters
    ----------
    seconds
        The time budget, or a nominal one. The waiting time between trials is a share of it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._most = torch.get_num_threads()
        self._threads = quickest_threads()
        torch.set_num_threads(self._threads)
        self._recent: deque[float] = deque(maxlen=RECENT_STEPS)
        self._trial: list[float] | None = None
        self._usual: float | None = None
        self._spent = 0.0
        self._next = FIRST_TRIAL * seconds
        self._wait = SHORTEST_WAIT * seconds
        self._upwards = False

    def observe(self, seconds: float) -> None:
        """Record the duration of a step; begin or end a trial."""
        self._spent += seconds
        if self._trial is not None:
            self._trial.append(seconds)
            self._judge(self._trial)
            return
        self._recent.append(seconds)
        if self._most > 1 and len(self._recent) == RECENT_STEPS:
            usual = statistics.median(self._recent)
            self._usual = min(usual, self._usual or usual)
            if self._spent >= self._next or self._is_disturbed(usual):
                self._begin()

    def close(self) -> None:
        """Restore the number of threads that was set at the start."""
        torch.set_num_threads(self._most)

    def _is_disturbed(self, usual: float) -> bool:
        rested = self._spent >= self._next - self._wait + FIRST_TRIAL * self._seconds
        return rested and self._usual is not None and usual > DISTURBED * self._usual

    def _begin(self) -> None:
        """Set the number of threads of a trial: twice as many, or half as many, in turn."""
        fewer, more = self._threads // 2, min(self._most, 2 * self._threads)
        self._upwards = fewer < 1 or (more > self._threads and not self._upwards)
        self._trial = []
        torch.set_num_threads(more if self._upwards else fewer)

    def _judge(self, trial: list[float]) -> None:
        """End a trial that has its steps or is much slower; keep its number if that is better."""
        current = statistics.median(self._recent)
        slower = trial[-1] > HOPELESS * current
        if len(trial) < TRIAL_STEPS and not slower:
            return
        self._trial = None
        if not slower and statistics.median(trial) < BETTER * current:
            self._threads, self._usual = torch.get_num_threads(), None
            self._recent.clear()
            self._wait = SHORTEST_WAIT * self._seconds
        else:
            torch.set_num_threads(self._threads)
            self._wait *= 2
        self._next = self._spent + self._wait
