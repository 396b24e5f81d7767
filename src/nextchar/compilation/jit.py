"""Compiled loops: the decorators for them, and the instructions that Numba lacks.

The only file that says how Numba compiles. The first call of a function in a new installation
compiles it (seconds); later processes load the stored code (``machine_code``). Reordering of
sums is allowed, assumptions about NaN and infinity are not: divergence must remain visible.

A change here does not reach the stored code of other files: touch them, or delete their
``__pycache__``.
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
    """Compile a function at its first call; it then runs without the interpreter's lock."""
    return _compiled(function, counting=True)


def compiled_for_threads(function: FunctionT) -> FunctionT:
    """Compile a function that several threads run on the same arrays, and that makes none.

    It does not count who has an array: the counts would go to and fro between the cores at each
    view, which takes as long as all else that a step of a recurrence does with a line.
    """
    return _compiled(function, counting=False)


def _compiled(function: FunctionT, *, counting: bool) -> FunctionT:
    options: dict[str, Any] = {"nogil": True, "fastmath": _FASTMATH, "error_model": "numpy"}
    if not counting:
        options["_nrt"] = False  # Numba's runtime, of which the counts are a part
    made = cast(FunctionT, numba.njit(**options)(function))
    keep(made)
    return made


def inlined(function: FunctionT) -> FunctionT:
    """Compile a function into those that call it, so that their loops become vector code."""
    inlining = numba.njit(inline="always", fastmath=_FASTMATH, error_model="numpy")
    return cast(FunctionT, inlining(function))


@cache
def processor_has(feature: str) -> bool:
    """Say whether Numba compiles for a processor with some instructions, by LLVM's name of them."""
    chosen: Any = numba.config  # which has no types, like what follows
    if chosen.CPU_NAME or chosen.CPU_FEATURES:  # it is not for this processor
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


# How threads that run compiled code talk: what one has written before it stores a number in
# ``array[place]`` of an int64[n], the other sees after it has loaded that number. Who counts gets
# the number that was there, which nobody else gets.
load_acquire = cast(Callable[[NDArray[np.int64], int], int], intrinsic(_load_acquire))
store_release = cast(Callable[[NDArray[np.int64], int, int], None], intrinsic(_store_release))
count = cast(Callable[[NDArray[np.int64], int], int], intrinsic(_count))


def _yield_processor(typing: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
        if hasattr(os, "sched_yield"):
            kind = ir.FunctionType(ir.IntType(32), [])
            utilities: Any = cgutils  # which has no types
            entry = utilities.get_or_insert_function(builder.module, kind, "sched_yield")
            builder.call(entry, [])
        return context.get_dummy_value()

    return numba.void(), generate


# Lets another thread run on this processor, if one waits for it.
yield_processor = cast(Callable[[], None], intrinsic(_yield_processor))


def _widest_vectors(typing: Any) -> Any:  # noqa: ANN401, ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
        # llvmlite knows no attribute that has a value, and would refuse this one.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return numba.void(), generate


# Called anywhere in a compiled function: its loops become code for the widest vectors there are.
# LLVM by itself is content with 32 bytes where a processor has 64.
use_widest_vectors = cast(Callable[[], None], intrinsic(_widest_vectors))
