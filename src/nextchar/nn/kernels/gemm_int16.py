"""Machine code for products of 16-bit integers, and for quantisation (see ``fixed_point``).

Written in LLVM IR, because LLVM compiles no loop to the required instructions: each adds the
products of two neighbouring int16 pairs to an int32, in 16 lanes at once.
"""

# ruff: noqa: ANN401  (Numba's compiler passes values that it does not type)

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from nextchar.compilation.jit import processor_has
from nextchar.nn.kernels.hardware import INTEGER_LANES

LANES = INTEGER_LANES
ROUNDING = np.float32(3 << 22)  # plus x below 2²² in size: the low bits are the nearest integer
LOW = np.int32(0xFFFF)
MAGNITUDE = np.int32(0x7FFFFFFF)  # of a float32's bits, all but the sign

_INDEX, _LANE = ir.IntType(64), ir.IntType(32)
_INTEGERS, _REALS = ir.VectorType(_LANE, LANES), ir.VectorType(ir.FloatType(), LANES)

# Without this, LLVM ends the process at an instruction by its name. Stored code may contain one at
# any time, as it is linked with new code.
llvmlite.binding.initialize_native_asmparser()


def has_instruction() -> bool:
    """Return whether the processor has the instruction; others replace it otherwise."""
    return processor_has("avx512vnni")


def integer_kernel_of(rows: int, vectors: int, *, adds: bool = False) -> Callable[..., None]:
    """Make the GEMM micro-kernel for this number of rows and of vectors of columns.

    The values of row r for pair k are ``xs[x_start + r · x_row + k · x_k]``, those of the columns
    ``panel[p_start + k · p_k :]``, both int32. The sum of chunk n is multiplied by
    ``scales[s_start + n // each · s_k]``, and the total of the chunks by ``factors[f_start:]``, one
    factor per column. The result is stored in ``out[o_start + r · o_row :]``, or added to it.
    """

    def kernel(
        _typing: Any, xs: Any, _x_start: Any, _x_row: Any, _x_k: Any, panel: Any, _p_start: Any,
        _p_k: Any, _pairs: Any, _chunk: Any, scales: Any, _s_start: Any, _s_k: Any, _each: Any,
        factors: Any, _f_start: Any, out: Any, _o_start: Any, _o_row: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = [
                context.make_array(signature.args[place])(context, builder, arguments[place]).data
                for place in (0, 4, 9, 13, 15)
            ]
            _MicroKernel(builder, rows, vectors, adds, *data).multiply(
                arguments[1:4], arguments[5:7], arguments[7:9], arguments[10:13], arguments[14],
                arguments[16:18],
            )  # fmt: skip
            return context.get_dummy_value()

        i = numba.intp
        kinds = (xs, i, i, i, panel, i, i, i, i, scales, i, i, i, factors, i, out, i, i)
        return numba.void(*kinds), generate

    return cast(Callable[..., None], intrinsic(kernel))


class _MicroKernel:
    """Writes the code of ``integer_kernel_of``."""

    def __init__(
        self, builder: Any, rows: int, vectors: int, adds: bool, xs: Any, panel: Any, scales: Any,
        factors: Any, out: Any,
    ) -> None:  # fmt: skip
        self.builder, self.rows, self.vectors, self.adds = builder, rows, vectors, adds
        self.xs = builder.bitcast(xs, _LANE.as_pointer())
        self.panel = builder.bitcast(panel, _LANE.as_pointer())
        self.scales, self.factors, self.out = (
            builder.bitcast(each, ir.FloatType().as_pointer()) for each in (scales, factors, out)
        )

    def multiply(self, x: Any, panel: Any, inner: Any, scales: Any, factors: Any, out: Any) -> None:
        """Sum each chunk as integers in an inner loop, and the chunks as floats in an outer one."""
        builder, (pairs, chunk) = self.builder, inner
        before = builder.block
        outer, body, chunk_end, done = (
            builder.append_basic_block(name) for name in ("outer", "inner", "chunk_end", "done")
        )
        lines = [builder.add(x[0], builder.mul(x[1], _INDEX(row))) for row in range(self.rows)]
        builder.branch(outer)

        builder.position_at_end(outer)
        number, first = builder.phi(_INDEX), builder.phi(_INDEX)
        totals = [builder.phi(_REALS) for _ in range(self.rows * self.vectors)]
        beyond = builder.add(first, chunk)
        end = builder.select(builder.icmp_signed("<", beyond, pairs), beyond, pairs)
        builder.branch(body)

        builder.position_at_end(body)
        chunk_sums = self._sum_chunk((first, end), x[2], lines, panel, (outer, body, chunk_end))

        builder.position_at_end(chunk_end)
        place = builder.add(scales[0], builder.mul(builder.udiv(number, scales[2]), scales[1]))
        scale = _broadcast(builder, builder.load(builder.gep(self.scales, [place])), _REALS)
        grown = [
            self._multiply_add(builder.sitofp(new, _REALS), scale, total)
            for new, total in zip(chunk_sums, totals, strict=True)
        ]
        later = builder.add(number, _INDEX(1))
        builder.cbranch(builder.icmp_signed("<", end, pairs), outer, done)
        for phi, following in ((number, later), (first, end)):
            phi.add_incoming(_INDEX(0), before)
            phi.add_incoming(following, chunk_end)
        for total, new in zip(totals, grown, strict=True):
            total.add_incoming(ir.Constant(_REALS, [0.0] * LANES), before)
            total.add_incoming(new, chunk_end)

        builder.position_at_end(done)
        self._store(grown, factors, out)

    def _sum_chunk(
        self, pairs: tuple[Any, Any], x_k: Any, lines: list[Any], panel: Any, blocks: Any
    ) -> list[Any]:
        """Write the inner loop over the pairs of a chunk; return its sums."""
        builder, (outer, body, chunk_end) = self.builder, blocks
        k = builder.phi(_INDEX)
        sums = [builder.phi(_INTEGERS) for _ in range(self.rows * self.vectors)]
        added = self._added(k, x_k, lines, panel, sums)
        following = builder.add(k, _INDEX(1))
        builder.cbranch(builder.icmp_signed("<", following, pairs[1]), body, chunk_end)
        k.add_incoming(pairs[0], outer)
        k.add_incoming(following, body)
        for each, new in zip(sums, added, strict=True):
            each.add_incoming(ir.Constant(_INTEGERS, [0] * LANES), outer)
            each.add_incoming(new, body)
        return added

    def _store(self, totals: list[Any], factors: Any, out: Any) -> None:
        """Multiply the totals by the factors of their columns and store or add them."""
        builder = self.builder
        columns = [self._load(self.factors, factors, each, _REALS) for each in range(self.vectors)]
        for number, value in enumerate(totals):
            row, vector = divmod(number, self.vectors)
            start = builder.add(out[0], builder.mul(out[1], _INDEX(row)))
            target = self._at(self.out, start, vector, _REALS)
            product = builder.fmul(value, columns[vector])
            if self.adds:
                product = builder.fadd(product, builder.load(target, align=4))
            builder.store(product, target, align=4)

    def _added(self, k: Any, x_k: Any, lines: list[Any], panel: Any, sums: list[Any]) -> list[Any]:
        """Add the products of one pair k."""
        builder = self.builder
        start = builder.add(panel[0], builder.mul(k, panel[1]))
        weights = [self._load(self.panel, start, each, _INTEGERS) for each in range(self.vectors)]
        along = builder.mul(k, x_k)
        added = []
        for place, total in enumerate(sums):
            row, vector = divmod(place, self.vectors)
            if vector == 0:
                found = builder.load(builder.gep(self.xs, [builder.add(lines[row], along)]))
                value = _broadcast(builder, found, _INTEGERS)
            added.append(self._dot(total, weights[vector], value))
        return added

    def _dot(self, total: Any, ours: Any, theirs: Any) -> Any:
        """Add to each int32 lane the products of its two int16 pairs."""
        builder = self.builder
        if has_instruction():
            # By its name: LLVM would split it into two others, at the rate of float32.
            kind = ir.FunctionType(_INTEGERS, [_INTEGERS] * 3)
            instruction = ir.InlineAsm(kind, "vpdpwssd $3, $2, $0", "=v,0,v,v")
            return builder.call(instruction, [total, ours, theirs])
        half = ir.Constant(_INTEGERS, [16] * LANES)
        high = builder.mul(builder.ashr(ours, half), builder.ashr(theirs, half))
        ours, theirs = (builder.ashr(builder.shl(each, half), half) for each in (ours, theirs))
        return builder.add(builder.add(total, builder.mul(ours, theirs)), high)

    def _multiply_add(self, value: Any, scale: Any, total: Any) -> Any:
        product = self.builder.fmul(value, scale, flags=("contract",))
        return self.builder.fadd(product, total, flags=("contract",))

    def _load(self, data: Any, start: Any, place: int, vector: Any) -> Any:
        return self.builder.load(self._at(data, start, place, vector), align=4)

    def _at(self, data: Any, start: Any, place: int, vector: Any) -> Any:
        first = self.builder.add(start, _INDEX(place * LANES))
        return _vector_at(self.builder, data, first, vector)


def _largest_magnitude(_typing: Any, values: Any, _start: Any, _stride: Any, _rows: Any) -> Any:
    """Return the largest magnitude in 16 columns of at least one row, as bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, start, stride, rows = arguments
        data = context.make_array(signature.args[0])(context, builder, values).data
        data = builder.bitcast(data, _LANE.as_pointer())
        before = builder.block
        body, done = (builder.append_basic_block(name) for name in ("magnitudes", "largest"))
        builder.branch(body)
        builder.position_at_end(body)
        row, magnitudes = builder.phi(_INDEX), builder.phi(_INTEGERS)
        found = builder.load(
            _vector_at(builder, data, _place(builder, start, row, stride)), align=4
        )
        magnitude = builder.and_(found, ir.Constant(_INTEGERS, [int(MAGNITUDE)] * LANES))
        larger = builder.select(
            builder.icmp_signed(">", magnitude, magnitudes), magnitude, magnitudes
        )
        following = builder.add(row, _INDEX(1))
        builder.cbranch(builder.icmp_signed("<", following, rows), body, done)
        row.add_incoming(_INDEX(0), before)
        row.add_incoming(following, body)
        magnitudes.add_incoming(ir.Constant(_INTEGERS, [0] * LANES), before)
        magnitudes.add_incoming(larger, body)
        builder.position_at_end(done)
        name = f"llvm.vector.reduce.smax.v{LANES}i32"
        kind = ir.FunctionType(_LANE, [_INTEGERS])
        return builder.call(_function(builder, kind, name), [larger])

    whole = numba.intp
    return numba.int32(values, whole, whole, whole), generate


def _quantize_pairs(
    _typing: Any, values: Any, _start: Any, _stride: Any, _pairs: Any, _inverse: Any, rows: Any,
    _row_start: Any, _row_stride: Any, stored: Any, _stored_start: Any,
) -> Any:  # fmt: skip
    """Quantise 16 columns of some pairs of rows: as rows of int16, and as pairs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, start, stride, pairs, inverse, rows, row_start, row_stride, stored, stored_start = (
            arguments
        )
        reals, shorts, wholes = (
            context.make_array(signature.args[place])(context, builder, array).data
            for place, array in ((0, values), (5, rows), (8, stored))
        )
        inverses = _broadcast(builder, inverse, _REALS)
        rounding = ir.Constant(_REALS, [float(ROUNDING)] * LANES)
        narrow = ir.VectorType(ir.IntType(16), LANES)

        def integers(row: Any) -> Any:
            found = builder.load(
                _vector_at(builder, reals, _place(builder, start, row, stride), _REALS), align=4
            )
            scaled = builder.fmul(found, inverses, flags=("contract",))
            sums = builder.fadd(scaled, rounding, flags=("contract",))
            bits = builder.bitcast(sums, _INTEGERS)
            target = _vector_at(
                builder, shorts, _place(builder, row_start, row, row_stride), narrow
            )
            builder.store(builder.trunc(bits, narrow), target, align=2)
            return bits

        with _each(builder, pairs) as pair:
            row = builder.shl(pair, _INDEX(1))
            low, high = integers(row), integers(builder.add(row, _INDEX(1)))
            low = builder.and_(low, ir.Constant(_INTEGERS, [int(LOW)] * LANES))
            high = builder.shl(high, ir.Constant(_INTEGERS, [16] * LANES))
            target = _vector_at(builder, wholes, _place(builder, stored_start, pair, _INDEX(LANES)))
            builder.store(builder.or_(low, high), target, align=4)
        return context.get_dummy_value()

    whole = numba.intp
    kinds = (values, whole, whole, whole, numba.float32, rows, whole, whole, stored, whole)
    return numba.void(*kinds), generate


def _function(builder: Any, kind: Any, name: str) -> Any:
    utilities: Any = cgutils  # which has no types
    return utilities.get_or_insert_function(builder.module, kind, name)


@contextmanager
def _each(builder: Any, count: Any) -> Iterator[Any]:
    """Write a loop over 0, …, count − 1."""
    utilities: Any = cgutils
    with utilities.for_range(builder, count) as loop:
        yield loop.index


def _place(builder: Any, start: Any, number: Any, stride: Any) -> Any:
    return builder.add(start, builder.mul(number, stride))


def _vector_at(builder: Any, data: Any, place: Any, vector: Any = _INTEGERS) -> Any:
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


def _broadcast(builder: Any, value: Any, vector: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, _LANE(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_INTEGERS, [0] * LANES))


# The arguments are (values, start, stride, rows) and (values, start, stride, pairs, inverse, rows,
# row_start, row_stride, stored, stored_start); places are counted in values.
largest_magnitude = cast(Callable[..., np.int32], intrinsic(_largest_magnitude))
quantize_pairs = cast(Callable[..., None], intrinsic(_quantize_pairs))
