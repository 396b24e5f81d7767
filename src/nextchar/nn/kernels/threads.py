"""Compiled code on torch's own thread pool.

torch's threads poll for their next work; a thread of ours would have to share a core with one of
them. So the work runs on that pool, through the entry that compilers call for OpenMP
(``GOMP_parallel``, which libgomp and LLVM's library have), and begins within microseconds. Without
such an entry, one worker does all the work.

The workers split the H units of a layer and wait for each other at a *barrier* at the end of each
step. So no worker may end early. The function of a worker is therefore compiled code alone: in a
line of Python, an interrupt could end one worker, and the others would wait forever.
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
    compiled_without_allocation,
    count,
    inlined,
    load_acquire,
    store_release,
    yield_processor,
)

Signals = NDArray[np.int64]
Work = Callable[..., None]

UNITS_AT_ONCE = 16  # a worker's first unit is a multiple: no two write to one cache line
_LINE = 8  # int64 in a cache line
_SPINS = 20_000  # looks at the others before the processor is yielded to other threads
_PRODUCTS_PER_WORKER = 1 << 23  # of values, for each worker beyond the first
_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_ENTRIES = ("GOMP_parallel", "omp_in_parallel", "omp_get_dynamic", "omp_get_thread_limit")


def suggested_workers(units: int, products: int) -> int:
    """Return how many of the available workers pay off.

    Parameters
    ----------
    units
        H, which they split.
    products
        The number of products of two values in the work.
    """
    wanted = min(
        torch.get_num_threads(), units // UNITS_AT_ONCE, 1 + products // _PRODUCTS_PER_WORKER
    )
    pool = _pool()
    if wanted <= 1 or pool is None or pool.omp_in_parallel() or pool.omp_get_dynamic():
        return 1
    return min(wanted, int(pool.omp_get_thread_limit()))


def make_signals(workers: int) -> Signals:
    """Make the counters by which the workers are numbered and synchronised."""
    return np.zeros((workers + 1) * _LINE, np.int64)


def largest_share(units: int, workers: int) -> int:
    """Return the number of units of the last worker, which includes the remainder."""
    return units - units // UNITS_AT_ONCE * (workers - 1) // workers * UNITS_AT_ONCE


@inlined
def share_of(units: int, worker: int, workers: int) -> tuple[int, int]:
    """Return a worker's first unit and the one after its last."""
    blocks = units // UNITS_AT_ONCE
    first = blocks * worker // workers * UNITS_AT_ONCE
    last = blocks * (worker + 1) // workers * UNITS_AT_ONCE
    return first, units if worker == workers - 1 else last


@inlined
def join_pool(signals: Signals) -> tuple[int, int]:
    """Return the number of this worker, each once, and the number of workers."""
    workers = len(signals) // _LINE - 1
    return count(signals, workers * _LINE), workers


@compiled_without_allocation
def barrier(signals: Signals, worker: int, phase: int) -> None:
    """Wait until all workers have reached this phase, counted from 1."""
    store_release(signals, worker * _LINE, phase)
    for other in range(len(signals) // _LINE - 1):
        spins = 0
        while load_acquire(signals, other * _LINE) < phase:
            spins += 1
            if spins > _SPINS:
                yield_processor()


def run_in_pool(work: Work, signals: Signals, *arguments: Any) -> None:  # noqa: ANN401
    """Run a compiled function in all workers at once.

    Parameters
    ----------
    work
        Takes the signals, the arguments and ``None``. It begins with ``join_pool`` and returns at
        once if the worker's number is not below the number of workers.
    signals
        Of at most ``suggested_workers``.
    arguments
        Of types that Numba recognises without Python: arrays, numbers and named tuples of them.

    Raises
    ------
    ValueError
        There are several workers and no pool: they would wait for each other forever.
    """
    workers, pool = len(signals) // _LINE - 1, _pool()
    if workers == 1:
        work(signals, *arguments, None)
        return
    if pool is None:
        raise ValueError(f"torch has no thread pool here, which {workers} workers need")
    # A surplus worker returns at once. This call compiles the work in Python, where no worker waits
    # yet if an interrupt comes.
    surplus = signals.copy()
    surplus[workers * _LINE] = workers
    work(surplus, *arguments, None)
    pool.GOMP_parallel(_Task(partial(work, signals, *arguments)), None, workers, 0)


@cache
def _pool() -> ctypes.CDLL | None:
    """Return the library whose threads torch runs on, or ``None`` if it lacks the entries."""
    if not torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        return None
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        for entry in _ENTRIES:
            getattr(library, entry)
        return library
    return None
