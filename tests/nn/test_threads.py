"""Trials of numbers of threads, with a simulated machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from nextchar.nn.threads import ThreadTrials, quick_threads, quickest_threads

BUDGET = 60.0


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Replace torch's number of threads; the last element is the current one."""
    numbers = [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: numbers[-1])
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    monkeypatch.setattr("nextchar.nn.threads._seconds_per_product", lambda _number: 1.0)
    yield numbers
    assert numbers[-1] == numbers[0]


def run(
    threads: list[int], step_seconds: Callable[[float, int], float]
) -> tuple[list[tuple[float, int]], int]:
    """Return the times at which the number of threads changed for good, and the steps done."""
    trials, now, steps = ThreadTrials(BUDGET), 0.0, 0
    used = []
    while now < BUDGET:
        used.append((now, threads[-1]))
        seconds = step_seconds(now, threads[-1])
        trials.observe(seconds)
        now += seconds
        steps += 1
    trials.close()
    return used, steps


def share_of(used: list[tuple[float, int]], number: int, begin: float, end: float) -> float:
    chosen = [threads for now, threads in used if begin <= now < end]
    return chosen.count(number) / len(chosen)


def test_a_quiet_machine_keeps_all_its_threads(threads: list[int]) -> None:
    used, steps = run(threads, lambda _now, number: 0.036 / number)
    assert share_of(used, 2, 0, BUDGET) > 0.98
    assert steps > 0.98 * BUDGET / 0.018


def test_threads_that_wait_for_each_other_become_fewer_and_later_more(threads: list[int]) -> None:
    def step_seconds(now: float, number: int) -> float:
        if number == 1:
            return 0.022
        return 0.2 if 20 < now < 40 else 0.018

    used, _ = run(threads, step_seconds)
    assert share_of(used, 2, 0, 20) > 0.98
    assert share_of(used, 1, 25, 40) > 0.98
    assert share_of(used, 2, 48, 60) > 0.98


def test_a_machine_that_is_busy_from_the_start_is_noticed(threads: list[int]) -> None:
    used, _ = run(threads, lambda _now, number: 0.022 if number == 1 else 0.2)
    assert share_of(used, 1, 5, 60) > 0.98


def test_half_of_many_threads_may_be_the_quickest(threads: list[int]) -> None:
    threads[-1] = 16

    def step_seconds(_now: float, number: int) -> float:
        return 0.2 if number > 8 else 0.16 / number

    used, _ = run(threads, step_seconds)
    assert share_of(used, 8, 5, 60) > 0.9


@pytest.mark.parametrize(("slow_from", "quickest"), [(99, 16), (16, 8), (5, 4), (2, 1)])
def test_the_start_uses_no_threads_that_wait_for_others(
    slow_from: int, quickest: int, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads[:] = [16]
    monkeypatch.setattr(
        "nextchar.nn.threads._seconds_per_product",
        lambda number: 5.0 if number >= slow_from else 1 + 0.4 / number,
    )
    assert quickest_threads() == quickest
    with quick_threads():
        assert threads[-1] == quickest


def test_products_are_timed_in_real_threads() -> None:
    before = torch.get_num_threads()
    assert 1 <= quickest_threads() <= before
    assert torch.get_num_threads() == before


def test_one_thread_has_no_trials(threads: list[int]) -> None:
    threads[-1] = 1
    used, _ = run(threads, lambda now, _number: 0.02 + 0.2 * (now > 30))
    assert {number for _, number in used} == {1}
