"""Products with a matrix that is used many times, in compiled code.

The weights stand in *panels* of a few columns, so that a *tile* of the result, some rows by one
panel, stays in vector registers while the inner dimension goes by: the scheme of every fast
product (Goto & van de Geijn 2008). A value of the result is the sum of its products in their
order, whatever the number of rows, panels and threads.

LLVM makes no such loop of plain ones, so the tile is written in its own language. On processors
without the vectors named below it makes several narrower ones of each.

Shapes: B rows, K inner dimension, N columns, C columns of a panel. float32 or float64.
"""

# ruff: noqa: ANN401  (Numba's compiler hands over what it does not type)

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
from llvmlite import ir
from numba.extending import intrinsic

from nextchar.compilation.jit import compiled_for_teams, inlined, processor_has
from nextchar.nn.kernels.slices import Array, Units


def _shape_of_tiles() -> tuple[int, int, int]:
    """Give the bytes of a vector, and the rows and vectors of a tile.

    Rows times vectors are the sums that stay in registers, of which there are 32 of 64 bytes with
    AVX-512, else 16 of 32 or, taken for all others, of 16.
    """
    if processor_has("avx512f"):
        return 64, 8, 2
    return (32, 4, 2) if processor_has("avx2") else (16, 4, 2)


VECTOR_BYTES, ROWS, VECTORS = _shape_of_tiles()
# Of a single row, so many sums at once that none waits for the one before.
VECTORS_OF_A_ROW = min(8, 256 // VECTOR_BYTES)
_INDEX, _LANE = ir.IntType(64), ir.IntType(32)

Tile = Callable[..., None]


def panel_columns(itemsize: int) -> int:
    """Give C for a tile's vectors of values of so many bytes."""
    return VECTORS * VECTOR_BYTES // itemsize


def tile_of(rows: int, vectors: int) -> Tile:
    """Make the function that multiplies so many rows with so many vectors of a panel.

    It writes ``out[row : row + rows, column : column + width]`` as the product of
    ``xs[row : row + rows]`` [·, K] and the columns of ``panel`` [K · C] from ``start`` on; C is
    ``stride``. The panel has numbers of the type of xs, or int8.
    """

    def tile(
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
            made = _Tile(builder, number, rows, vectors, *arrays)
            made.multiply(arguments[1], arguments[3], arguments[4], arguments[6])
            return context.get_dummy_value()

        whole = numba.intp
        return numba.void(xs, whole, panel, whole, whole, out, whole), generate

    return cast(Tile, intrinsic(tile))


class _Tile:
    """Writes the code of ``tile_of``."""

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
                value = self._spread(builder.load(builder.gep(lines[place // self.vectors], [k])))
            product = builder.fmul(value, weights[place % self.vectors], flags=("contract",))
            added.append(builder.fadd(product, total, flags=("contract",)))
        return added

    def _line(self, array: Any, row: Any, offset: int) -> Any:
        builder = self.builder
        stride = builder.extract_value(array.strides, 0)
        values = builder.sdiv(stride, _INDEX(self.itemsize))
        return builder.gep(array.data, [builder.mul(builder.add(row, _INDEX(offset)), values)])

    def _spread(self, value: Any) -> Any:
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, value, _LANE(0))
        places = ir.Constant(ir.VectorType(_LANE, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, places)

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
_many, _half, _one = (tile_of(rows, VECTORS) for rows in (ROWS, _HALF, 1))


@compiled_for_teams
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


@inlined
def pack_rows(weight: Array, gates: int, units: Units, panels: Array) -> None:
    """Make panels for x · Wᵀ of the rows of some units of each gate of weight [G·H, K]."""
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
    """Make panels for x · W of the columns of some units of weight [K, H]."""
    K = len(weight)
    C = panels.shape[1] // K
    for place in range(len(panels)):
        panel, start = panels[place], units[0] + place * C
        count = max(0, min(C, units[1] - start))
        for k in range(K):
            for column in range(count):
                panel[k * C + column] = weight[k, start + column]
            for column in range(count, C):
                panel[k * C + column] = 0
