"""Compiled code on torch's own threads, side by side.

The threads of torch wait for their next work without a pause; a thread of ours would have to share
a core with one of them. So the work is given to that very pool, through the entry that compilers
call for OpenMP (``GOMP_parallel``, which libgomp and LLVM's library have), and begins within
microseconds. Where there is no such entry, one worker does everything.

A team splits the H units of a layer. At the end of each step its workers *meet*: nobody goes on
before all have come. So none may be lost on its way. What a thread calls is therefore compiled
through and through: were there a line of Python in it, an interrupt could end it there, and the
others would wait for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.compilation.jit import (
    compiled_for_teams,
    count,
    inlined,
    load_acquire,
    store_release,
    yield_processor,
)

Signals = NDArray[np.int64]
Work = Callable[..., None]

UNITS_AT_ONCE = 16  # a worker's first unit is a multiple: no two write to one line of floats
_LINE = 8  # int64 in a line of the cache
_PATIENCE = 20_000  # looks at the others before the processor is offered to whoever wants it
_WORTH_A_WORKER = 1 << 23  # products of values, for each worker beyond the first
_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_ENTRIES = ("GOMP_parallel", "omp_in_parallel", "omp_get_dynamic", "omp_get_thread_limit")


def suggested_workers(units: int, products: int) -> int:
    """Say how many workers are worth their start, of those that can be had.

    Parameters
    ----------
    units
        H, which they split.
    products
        How many products of two values the work has.
    """
    wanted = min(torch.get_num_threads(), units // UNITS_AT_ONCE, 1 + products // _WORTH_A_WORKER)
    pool = _pool()
    if wanted <= 1 or pool is None or pool.omp_in_parallel() or pool.omp_get_dynamic():
        return 1
    return min(wanted, int(pool.omp_get_thread_limit()))


def make_signals(workers: int) -> Signals:
    """Make what the workers of one team are numbered and meet by."""
    return np.zeros((workers + 1) * _LINE, np.int64)


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


@inlined
def join_team(signals: Signals) -> tuple[int, int]:
    """Come into the team: give a worker's number, and how many they are."""
    workers = len(signals) // _LINE - 1
    return count(signals, workers * _LINE), workers


@compiled_for_teams
def meet(signals: Signals, worker: int, time: int) -> None:
    """Come to a meeting, the ``time``-th from 1 on, and wait for all others."""
    store_release(signals, worker * _LINE, time)
    for other in range(len(signals) // _LINE - 1):
        looks = 0
        while load_acquire(signals, other * _LINE) < time:
            looks += 1
            if looks > _PATIENCE:
                yield_processor()


def run_team(work: Work, signals: Signals, *arguments: Any) -> None:  # noqa: ANN401
    """Run a compiled function in every worker of a team at once.

    Parameters
    ----------
    work
        Takes the signals, the arguments and ``None``; begins with ``join_team``, and ends there
        for a worker whose number is not below theirs.
    signals
        Of at most as many workers as were suggested.
    arguments
        Of types that Numba recognises without Python: arrays and numbers.

    Raises
    ------
    ValueError
        There are several workers, and no pool to have them from: they would wait for each other.
    """
    workers, pool = len(signals) // _LINE - 1, _pool()
    if workers == 1:
        work(signals, *arguments, None)
        return
    if pool is None:
        raise ValueError(f"torch has no pool of threads here, and the team has {workers} workers")
    # Who comes too late goes at once; but the work is compiled then, in Python, where an interrupt
    # finds no worker that waits.
    late = signals.copy()
    late[workers * _LINE] = workers
    work(late, *arguments, None)
    pool.GOMP_parallel(_Task(partial(work, signals, *arguments)), None, workers, 0)


@cache
def _pool() -> ctypes.CDLL | None:
    """Give the library whose threads torch runs on; ``None`` where it cannot be asked."""
    if not torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        return None
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        for entry in _ENTRIES:
            getattr(library, entry)
        return library
    return None
