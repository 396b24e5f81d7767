"""Compiled code on torch's own threads, side by side.

The threads of torch wait for their next work without a pause; a thread of ours would have to share
a core with one of them. So the work is given to that very pool, through the entry that compilers
call for OpenMP (``GOMP_parallel``, which libgomp and LLVM's library have), and begins within
microseconds. Where there is no such entry, one worker does everything.

A team splits the H units of a layer. At the end of each step its workers *meet*: nobody goes on
before all have come.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.jit import (
    compiled_for_teams,
    inlined,
    load_acquire,
    store_release,
    yield_processor,
)

Signals = NDArray[np.int64]
Work = Callable[[int], None]

UNITS_AT_ONCE = 16  # a worker's first unit is a multiple: no two write to one line of the cache
_LINE = 8  # int64 in a line of the cache
_ALWAYS = np.iinfo(np.int64).max
_PATIENCE = 20_000  # looks at the others before the processor is offered to whoever wants it
_WORTH_A_WORKER = 1 << 23  # products of values, for each worker beyond the first
_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def suggested_workers(units: int, products: int) -> int:
    """Say how many workers are worth their start: at most torch's threads, and one without a pool.

    Parameters
    ----------
    units
        H, which they split.
    products
        How many products of two values the work has.
    """
    most = min(torch.get_num_threads(), units // UNITS_AT_ONCE, 1 + products // _WORTH_A_WORKER)
    return most if most > 1 and _pool() is not None else 1


def make_signals(workers: int) -> Signals:
    """Make what the workers of one team meet by."""
    return np.zeros(workers * _LINE, np.int64)


def largest_share(units: int, workers: int) -> int:
    """Give the units of the last worker, who also has what does not divide."""
    return units - units // UNITS_AT_ONCE * (workers - 1) // workers * UNITS_AT_ONCE


@inlined
def share_of(units: int, worker: int, workers: int) -> tuple[int, int]:
    """Give a worker's first unit and the one after its last."""
    blocks = units // UNITS_AT_ONCE
    first = blocks * worker // workers * UNITS_AT_ONCE
    last = blocks * (worker + 1) // workers * UNITS_AT_ONCE
    return first, units if worker == workers - 1 else last


@compiled_for_teams
def meet(signals: Signals, worker: int, time: int) -> None:
    """Come to a meeting, the ``time``-th from 1 on, and wait for all others."""
    store_release(signals, worker * _LINE, time)
    for other in range(len(signals) // _LINE):
        looks = 0
        while load_acquire(signals, other * _LINE) < time:
            looks += 1
            if looks > _PATIENCE:
                yield_processor()


def run_team(work: Work, signals: Signals) -> bool:
    """Run ``work`` in every worker at once, with its number; most of it must not hold the GIL.

    Returns
    -------
    bool
        Whether it was run: not where fewer threads are to be had than the team has workers.

    Raises
    ------
    BaseException
        What a worker raised; then the others did not wait for it, and their results are worthless.
    """
    workers, pool = len(signals) // _LINE, _pool()
    if workers == 1 or pool is None:
        if workers == 1:
            work(0)
        return workers == 1
    numbers, raised, refused = itertools.count(), list[BaseException](), list[int]()

    def take_part(_: object) -> None:
        number = next(numbers)
        try:
            if pool.omp_get_num_threads() == workers:
                work(number)
            else:
                refused.append(number)
        except BaseException as error:  # noqa: BLE001  (it is raised again, in the caller's thread)
            raised.append(error)
            signals[number * _LINE] = _ALWAYS

    pool.GOMP_parallel(_Task(take_part), None, workers, 0)
    if raised:
        raise raised[0]
    return not refused


@cache
def _pool() -> ctypes.CDLL | None:
    """Give the library whose threads torch runs on; ``None`` where it cannot be asked."""
    if not torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        return None
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        for entry in ("GOMP_parallel", "omp_get_num_threads"):
            getattr(library, entry)
        return library
    return None
