"""Matrix products with weights that are used many times, in compiled code.

For several rows the weights are packed into *panels* of a few columns. A *micro-kernel* computes
some rows of the result for one panel and keeps their sums in vector registers over the whole inner
dimension (Goto & van de Geijn 2008). A value of the result is the sum of its products in their
order, for any number of rows, panels and threads.

LLVM does not generate such a loop from plain ones, so the micro-kernel is written in LLVM IR. On
processors without the vectors below, LLVM splits each into narrower ones.

A single row is too little work for packing: ``multiply_rows`` and ``multiply_columns`` read the
weights in place. Their sums do not depend on the number of threads either, but are in another order
than those of panels.

Shapes: B rows, K inner dimension, N columns, C columns of a panel. float32 or float64.
"""

# ruff: noqa: ANN401  (Numba's compiler passes values that it does not type)

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir
from numba.extending import intrinsic

from nextchar.compilation.jit import (
    compiled_without_allocation,
    inlined,
    processor_has,
    use_widest_vectors,
)
from nextchar.nn.kernels.slices import Array, Units, of


def _micro_kernel_shape() -> tuple[int, int, int]:
    """Return the bytes of a vector, and the rows and vectors of a micro-kernel.

    Rows times vectors is the number of sums in registers. There are 32 registers of 64 bytes with
    AVX-512, 16 of 32 with AVX2, and at least 16 of 16 elsewhere.
    """
    if processor_has("avx512f"):
        return 64, 8, 2
    return (32, 4, 2) if processor_has("avx2") else (16, 4, 2)


VECTOR_BYTES, ROWS, VECTORS = _micro_kernel_shape()
# Lines of weights that are packed together. Lines a power of two apart share few sets of the cache,
# so more of them would exclude each other.
_LINES_TOGETHER = 8
# For a single row: enough independent sums to hide the latency of an addition.
VECTORS_OF_A_ROW = min(8, 256 // VECTOR_BYTES)
_INDEX, _LANE = ir.IntType(64), ir.IntType(32)

MicroKernel = Callable[..., None]


def panel_columns(itemsize: int) -> int:
    """Return C for values of this many bytes."""
    return VECTORS * VECTOR_BYTES // itemsize


def micro_kernel(rows: int, vectors: int) -> MicroKernel:
    """Make the GEMM micro-kernel for this number of rows and of vectors of a panel.

    It writes ``out[row : row + rows, column : column + width]`` as the product of
    ``xs[row : row + rows]`` [·, K] and the columns of ``panel`` [K · C] from ``start`` on; C is
    ``stride``. The panel has the type of xs, or int8.
    """

    def kernel(
        _typing: Any,
        xs: Any,
        _row: Any,
        panel: Any,
        _start: Any,
        _stride: Any,
        out: Any,
        _column: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number = context.get_value_type(signature.args[0].dtype)
            arrays = [
                context.make_array(signature.args[place])(context, builder, arguments[place])
                for place in (0, 2, 5)
            ]
            code = _MicroKernel(builder, number, rows, vectors, *arrays)
            code.multiply(arguments[1], arguments[3], arguments[4], arguments[6])
            return context.get_dummy_value()

        whole = numba.intp
        return numba.void(xs, whole, panel, whole, whole, out, whole), generate

    return cast(MicroKernel, intrinsic(kernel))


class _MicroKernel:
    """Writes the code of ``micro_kernel``."""

    def __init__(
        self, builder: Any, number: Any, rows: int, vectors: int, xs: Any, panel: Any, out: Any
    ) -> None:
        self.builder, self.rows, self.vectors = builder, rows, vectors
        self.xs, self.panel, self.out = xs, panel, out
        self.itemsize = 4 if isinstance(number, ir.FloatType) else 8
        self.lanes = VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(number, self.lanes)

    def multiply(self, row: Any, start: Any, stride: Any, column: Any) -> None:
        """Sum over k in registers, then store."""
        builder = self.builder
        inner = builder.extract_value(self.xs.shape, 1)
        before = builder.block
        body, done = (builder.append_basic_block(name) for name in ("inner", "done"))
        lines = [self._line(self.xs, row, each) for each in range(self.rows)]
        builder.branch(body)
        builder.position_at_end(body)
        k = builder.phi(_INDEX)
        k.add_incoming(_INDEX(0), before)
        sums = [builder.phi(self.vector) for _ in range(self.rows * self.vectors)]
        for each in sums:
            each.add_incoming(ir.Constant(self.vector, [0.0] * self.lanes), before)
        place = builder.add(builder.mul(k, stride), start)
        added = self._added(k, builder.gep(self.panel.data, [place]), lines, sums)
        following = builder.add(k, _INDEX(1))
        k.add_incoming(following, body)
        for each, new in zip(sums, added, strict=True):
            each.add_incoming(new, body)
        builder.cbranch(builder.icmp_signed("<", following, inner), body, done)
        builder.position_at_end(done)
        for number, value in enumerate(added):
            target = builder.gep(self._line(self.out, row, number // self.vectors), [column])
            self._store(value, target, number % self.vectors)

    def _added(self, k: Any, start: Any, lines: list[Any], sums: list[Any]) -> list[Any]:
        """Add the products of one k: a value of each row times the vectors of the panel."""
        builder = self.builder
        weights = [self._load(start, place) for place in range(self.vectors)]
        added = []
        for place, total in enumerate(sums):
            if place % self.vectors == 0:
                value = self._broadcast(
                    builder.load(builder.gep(lines[place // self.vectors], [k]))
                )
            product = builder.fmul(value, weights[place % self.vectors], flags=("contract",))
            added.append(builder.fadd(product, total, flags=("contract",)))
        return added

    def _line(self, array: Any, row: Any, offset: int) -> Any:
        builder = self.builder
        stride = builder.extract_value(array.strides, 0)
        values = builder.sdiv(stride, _INDEX(self.itemsize))
        return builder.gep(array.data, [builder.mul(builder.add(row, _INDEX(offset)), values)])

    def _broadcast(self, value: Any) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, _LANE(0))
        places = ir.Constant(ir.VectorType(_LANE, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, places)

    def _load(self, start: Any, place: int) -> Any:
        whole = start.type.pointee
        if not isinstance(whole, ir.IntType):
            return self.builder.load(self._at(start, self.vector, place), align=self.itemsize)
        small = ir.VectorType(whole, self.lanes)
        wide = ir.VectorType(_LANE, self.lanes)
        stored = self.builder.load(self._at(start, small, place), align=1)
        return self.builder.sitofp(self.builder.sext(stored, wide), self.vector)

    def _store(self, value: Any, start: Any, place: int) -> None:
        self.builder.store(value, self._at(start, self.vector, place), align=self.itemsize)

    def _at(self, start: Any, vector: Any, place: int) -> Any:
        vectors = self.builder.bitcast(start, vector.as_pointer())
        return self.builder.gep(vectors, [_INDEX(place)])


_HALF = ROWS // 2
_many, _half, _one = (micro_kernel(rows, VECTORS) for rows in (ROWS, _HALF, 1))


@compiled_without_allocation
def multiply(xs: Array, panels: Array, out: Array) -> None:
    """Multiply xs [B, K] with panels [N / C, K · C] into out [B, N]; C is ``panel_columns``."""
    B, C = len(xs), panels.shape[1] // xs.shape[1]
    for place in range(len(panels)):
        panel, row = panels[place], 0
        while row + ROWS <= B:
            _many(xs, row, panel, 0, C, out, place * C)
            row += ROWS
        if row + _HALF <= B:
            _half(xs, row, panel, 0, C, out, place * C)
            row += _HALF
        while row < B:
            _one(xs, row, panel, 0, C, out, place * C)
            row += 1


@compiled_without_allocation
def multiply_rows(x: Array, weight: Array, gates: int, units: Units, out: Array) -> None:
    """Multiply the rows of some units of each gate of weight [G·H, K] with x [K], in place."""
    use_widest_vectors()
    H, count = len(weight) // gates, units[1] - units[0]
    fours = count // 4 * 4
    for gate in range(gates):
        first, place = gate * H + units[0], gate * count
        for unit in range(0, fours, 4):
            row = first + unit
            of_a, of_b, of_c, of_d = weight[row], weight[row + 1], weight[row + 2], weight[row + 3]
            a = b = c = d = x.dtype.type(0)
            for k in range(len(x)):
                a += x[k] * of_a[k]
                b += x[k] * of_b[k]
                c += x[k] * of_c[k]
                d += x[k] * of_d[k]
            out[place + unit], out[place + unit + 1] = a, b
            out[place + unit + 2], out[place + unit + 3] = c, d
        for unit in range(fours, count):
            of_a, a = weight[first + unit], x.dtype.type(0)
            for k in range(len(x)):
                a += x[k] * of_a[k]
            out[place + unit] = a


@compiled_without_allocation
def multiply_columns(x: Array, weight: Array, units: Units, out: Array) -> None:
    """Multiply x [K] with the columns of some units of weight [K, H], in place."""
    use_widest_vectors()
    count, fours = units[1] - units[0], len(x) // 4 * 4
    for j in range(count):
        out[j] = 0
    for k in range(0, fours, 4):
        a, b, c, d = x[k], x[k + 1], x[k + 2], x[k + 3]
        of_a, of_b = of(weight[k], units), of(weight[k + 1], units)
        of_c, of_d = of(weight[k + 2], units), of(weight[k + 3], units)
        for j in range(count):
            out[j] += a * of_a[j] + b * of_b[j] + c * of_c[j] + d * of_d[j]
    for k in range(fours, len(x)):
        a, of_a = x[k], of(weight[k], units)
        for j in range(count):
            out[j] += a * of_a[j]


@inlined
def pack_rows(weight: Array, gates: int, units: Units, panels: Array) -> None:
    """Pack the rows of some units of each gate of weight [G·H, K], for x · Wᵀ."""
    K = weight.shape[1]
    C, H, count = panels.shape[1] // K, len(weight) // gates, units[1] - units[0]
    for place in range(len(panels)):
        panel = panels[place]
        for column in range(C):
            row = place * C + column
            if row >= gates * count:
                for k in range(K):
                    panel[k * C + column] = 0
            else:
                line = weight[row // count * H + units[0] + row % count]
                for k in range(K):
                    panel[k * C + column] = line[k]


@inlined
def pack_columns(weight: Array, units: Units, panels: Array) -> None:
    """Pack the columns of some units of weight [K, H], for x · W."""
    K = len(weight)
    C = panels.shape[1] // K
    for begin in range(0, K, _LINES_TOGETHER):
        end = min(K, begin + _LINES_TOGETHER)
        for place in range(len(panels)):
            panel, start = panels[place], units[0] + place * C
            count = max(0, min(C, units[1] - start))
            for k in range(begin, end):
                for column in range(count):
                    panel[k * C + column] = weight[k, start + column]
                for column in range(count, C):
                    panel[k * C + column] = 0
