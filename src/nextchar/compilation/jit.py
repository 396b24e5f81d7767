"""Compiled loops: the decorators for them, and the instructions that Numba lacks.

This module contains all of Numba's compiler options. The first call of a function in a new
installation compiles it, which takes seconds; later processes load the cached code
(``compilation.cache``). The compiler may reorder sums, but must not make assumptions about NaN and
infinity, because divergence must remain visible.

A change in this module does not invalidate the cached code of other modules. Touch them, or delete
their ``__pycache__``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, codegen
from numba.extending import intrinsic
from numpy.typing import NDArray

from nextchar.compilation.cache import keep, require_compiler

require_compiler()

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_FASTMATH = {"reassoc", "contract", "arcp", "nsz"}


def compiled(function: FunctionT) -> FunctionT:
    """Compile a function at its first call; the compiled code releases the interpreter lock."""
    return _compiled(function, reference_counting=True)


def compiled_without_allocation(function: FunctionT) -> FunctionT:
    """Compile a function that allocates no arrays.

    Reference counting is disabled. Otherwise each call, and each view of an array, would change an
    atomic counter of every array, which takes as long as a small recurrent step. Between threads,
    it would also move the counters between the caches of the cores.
    """
    return _compiled(function, reference_counting=False)


def _compiled(function: FunctionT, *, reference_counting: bool) -> FunctionT:
    options: dict[str, Any] = {"nogil": True, "fastmath": _FASTMATH, "error_model": "numpy"}
    if not reference_counting:
        options["_nrt"] = False  # Numba's runtime, which includes reference counting
    dispatcher = cast(FunctionT, numba.njit(**options)(function))
    keep(dispatcher)
    return dispatcher


def inlined(function: FunctionT) -> FunctionT:
    """Inline a function into its callers, which lets the compiler vectorise their loops."""
    inlining = numba.njit(inline="always", fastmath=_FASTMATH, error_model="numpy")
    return cast(FunctionT, inlining(function))


@cache
def processor_has(feature: str) -> bool:
    """Return whether Numba compiles for a processor feature, by its LLVM name."""
    settings: Any = numba.config  # untyped, as is the module below
    if settings.CPU_NAME or settings.CPU_FEATURES:  # another processor was selected
        return False
    target: Any = codegen
    return f"+{feature}" in target.get_host_cpu_features().split(",")


def _load_acquire(typing: Any, array: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(builder.gep(data, [arguments[1]]), "acquire", 8)

    return numba.int64(array, numba.intp), generate


def _store_release(typing: Any, array: Any, place: Any, value: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        builder.store_atomic(arguments[2], builder.gep(data, [arguments[1]]), "release", 8)
        return context.get_dummy_value()

    return numba.void(array, numba.intp, numba.int64), generate


def _count(typing: Any, array: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        counter = builder.gep(data, [arguments[1]])
        return builder.atomic_rmw("add", counter, ir.Constant(ir.IntType(64), 1), "acq_rel")

    return numba.int64(array, numba.intp), generate


# Synchronisation of threads in compiled code, through ``array[place]`` of an int64[n]. After a
# thread has loaded a number, it sees everything written before the number was stored. ``count``
# increments the number atomically and returns its previous value.
load_acquire = cast(Callable[[NDArray[np.int64], int], int], intrinsic(_load_acquire))
store_release = cast(Callable[[NDArray[np.int64], int, int], None], intrinsic(_store_release))
count = cast(Callable[[NDArray[np.int64], int], int], intrinsic(_count))


def _prefetch(typing: Any, array: Any, place: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        utilities: Any = cgutils  # untyped
        entry = utilities.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        for_reading, in_all_caches, data_cache = number(0), number(3), number(1)
        builder.call(entry, [place, for_reading, in_all_caches, data_cache])
        return context.get_dummy_value()

    return numba.void(array, numba.intp), generate


# Begins to load a value of an array into the caches, and does not wait for it.
prefetch = cast(Callable[[NDArray[Any], int], None], intrinsic(_prefetch))


def _yield_processor(typing: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
        if hasattr(os, "sched_yield"):
            kind = ir.FunctionType(ir.IntType(32), [])
            utilities: Any = cgutils  # untyped
            entry = utilities.get_or_insert_function(builder.module, kind, "sched_yield")
            builder.call(entry, [])
        return context.get_dummy_value()

    return numba.void(), generate


# Yields the processor to another thread, if one is waiting.
yield_processor = cast(Callable[[], None], intrinsic(_yield_processor))


def _widest_vectors(typing: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
        # llvmlite rejects attributes with a value, so this one bypasses its check.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return numba.void(), generate


# A call anywhere in a compiled function makes its loops use the widest vectors available. By
# default, LLVM uses 32 bytes even on processors with 64.
use_widest_vectors = cast(Callable[[], None], intrinsic(_widest_vectors))
