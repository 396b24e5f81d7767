"""Formulas over lines whose intermediate results stay in registers.

A formula is a Python function that runs once, at compilation: its operations on ``Vector`` values
become instructions on 16 float32 (or 8 float64) at once. Loops over lines would store each
intermediate result in memory, and check all arrays for overlap before each loop, which takes half
of the time for short lines.

Storage is float32, float64, or uint16 that holds the bits of bfloat16. A formula computes in
float64 if one of its arrays is float64, and in float32 otherwise.
"""

# ruff: noqa: ANN401  (Numba's compiler passes values that it does not type)

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, cast

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from nextchar.nn.kernels.elementary import (
    EXP_LIMIT,
    EXP_POLYNOMIAL,
    EXPONENT_BIAS,
    EXPONENT_SHIFT,
    FLUSH_THRESHOLD,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
)

_INDEX, _BITS, _HALF_BITS = ir.IntType(64), ir.IntType(32), ir.IntType(16)
_FLAGS = ("contract", "arcp", "nsz")
_VECTOR_BYTES = 64
_PARTS = ("array", "start", "stride")

Formula = Callable[["Lines"], None]
Number = float | int


class Vector:
    """Values of neighbouring units in a register; arithmetic emits instructions."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @property
    def type(self) -> Any:
        """The type of the register."""
        return self.value.type

    def of(self, number: Number) -> Vector:
        """Return a number as a vector of this type."""
        return Vector(self.builder, ir.Constant(self.type, [float(number)] * self.type.count))

    def __add__(self, other: Vector | Number) -> Vector:
        return self._combined(self.builder.fadd, other)

    def __sub__(self, other: Vector | Number) -> Vector:
        return self._combined(self.builder.fsub, other)

    def __mul__(self, other: Vector | Number) -> Vector:
        return self._combined(self.builder.fmul, other)

    def __truediv__(self, other: Vector | Number) -> Vector:
        return self._combined(self.builder.fdiv, other)

    def __rsub__(self, other: Number) -> Vector:
        return self.of(other) - self

    def __rtruediv__(self, other: Number) -> Vector:
        return self.of(other) / self

    __radd__ = __add__

    def above(self, number: Number) -> Any:
        """Return the mask of the values greater than a number."""
        return self.builder.fcmp_ordered(">", self.value, self.of(number).value)

    def below(self, number: Number) -> Any:
        """Return the mask of the values less than a number."""
        return self.builder.fcmp_ordered("<", self.value, self.of(number).value)

    def where(self, mask: Any, other: Vector) -> Vector:
        """Return these values where a mask is set, and others elsewhere."""
        return Vector(self.builder, self.builder.select(mask, self.value, other.value))

    def clamped(self, least: Number, most: Number) -> Vector:
        """Return values clamped between two numbers; NaN stays NaN."""
        low, high = self.of(least), self.of(most)
        raised = low.where(self.below(least), self)
        return high.where(raised.above(most), raised)

    def rectified(self) -> Vector:
        """Return max(x, 0); NaN stays NaN."""
        return self.of(0.0).where(self.below(0.0), self)

    def magnitude(self) -> Vector:
        """Return the absolute values."""
        return self._called("llvm.fabs")

    def floor(self) -> Vector:
        """Return the values rounded down."""
        return self._called("llvm.floor")

    def exp(self) -> Vector:
        """Return e^x: in float64 that of libm, in float32 the polynomial of ``elementary``."""
        if isinstance(self.type.element, ir.DoubleType):
            return self._called("llvm.exp")
        x = self.clamped(-EXP_LIMIT, EXP_LIMIT)
        power = (x * LOG2_E + 0.5).floor()
        r = x - power * LN2_HIGH
        r = r + power * LN2_LOW
        p = r.of(EXP_POLYNOMIAL[0])
        for coefficient in EXP_POLYNOMIAL[1:]:
            p = p * r + coefficient
        p = p * r * r + r + 1.0
        return p * power.power_of_two()

    def power_of_two(self) -> Vector:
        """Return 2^n in float32 for whole numbers n."""
        whole = ir.VectorType(_BITS, self.type.count)
        bias, shift = (
            ir.Constant(whole, [number] * whole.count) for number in (EXPONENT_BIAS, EXPONENT_SHIFT)
        )
        exponent = self.builder.add(self.builder.fptosi(self.value, whole), bias)
        bits = self.builder.shl(exponent, shift)
        return Vector(self.builder, self.builder.bitcast(bits, self.type))

    def sigmoid(self) -> Vector:
        """Return 1 / (1 + e^−x)."""
        return 1.0 / (1.0 + (self * -1.0).exp())

    def tanh(self) -> Vector:
        """Return the hyperbolic tangent."""
        return 1.0 - 2.0 / (1.0 + (self * 2.0).exp())

    def _combined(self, operation: Callable[..., Any], other: Vector | Number) -> Vector:
        right = other if isinstance(other, Vector) else self.of(other)
        return Vector(self.builder, operation(self.value, right.value, flags=_FLAGS))

    def _called(self, name: str) -> Vector:
        element = "f64" if isinstance(self.type.element, ir.DoubleType) else "f32"
        kind = ir.FunctionType(self.type, [self.type])
        utilities: Any = cgutils  # which has no types
        name = f"{name}.v{self.type.count}{element}"
        function = utilities.get_or_insert_function(self.builder.module, kind, name)
        return Vector(self.builder, self.builder.call(function, [self.value]))


class Lines:
    """The lines of a formula by name: some neighbouring units of each."""

    def __init__(
        self,
        builder: Any,
        places: dict[str, tuple[Any, Any, Any]],
        unit: Any,
        lanes: int,
        real: Any,
    ) -> None:
        self._builder, self._places, self._unit = builder, places, unit
        self._lanes, self._real = lanes, real

    def read(self, name: str, gate: int = 0) -> Vector:
        """Read the units of a line, or of one of its gates."""
        place, element = self._place(name, gate)
        found = self._builder.load(place, align=_bytes_of(element))
        return Vector(self._builder, self._widened(found, element))

    def write(self, name: str, values: Vector, gate: int = 0) -> None:
        """Write the units of a line, or of one of its gates, unchanged."""
        place, element = self._place(name, gate)
        stored = values.value if element == self._real else self._narrowed(values)
        self._builder.store(stored, place, align=_bytes_of(element))

    def write_flushed(self, name: str, values: Vector, gate: int = 0) -> None:
        """Write values that a product reads later; in float32, flush small ones to zero.

        A gate that stays closed makes subnormal gradients. A product with a few subnormal factors
        takes up to a hundred times as long.
        """
        if isinstance(self._element(name), ir.FloatType):
            values = values.of(0.0).where(values.magnitude().below(FLUSH_THRESHOLD), values)
        self.write(name, values, gate)

    def _place(self, name: str, gate: int) -> tuple[Any, Any]:
        data, start, stride = self._places[name]
        element = data.type.pointee
        at = self._builder.add(start, self._builder.mul(stride, _INDEX(gate)))
        first = self._builder.gep(data, [self._builder.add(at, self._unit)])
        vector = ir.VectorType(element, self._lanes)
        return self._builder.bitcast(first, vector.as_pointer()), element

    def _element(self, name: str) -> Any:
        return self._places[name][0].type.pointee

    def _widened(self, found: Any, element: Any) -> Any:
        builder = self._builder
        real = ir.VectorType(self._real, self._lanes)
        if element == self._real:
            return found
        if isinstance(element, ir.FloatType):
            return builder.fpext(found, real)
        whole = ir.VectorType(_BITS, self._lanes)
        bits = builder.shl(builder.zext(found, whole), ir.Constant(whole, [16] * self._lanes))
        return builder.bitcast(bits, ir.VectorType(ir.FloatType(), self._lanes))

    def _narrowed(self, values: Vector) -> Any:
        """Round to bfloat16: to the nearest, ties to even; NaN stays NaN."""
        builder, whole = self._builder, ir.VectorType(_BITS, self._lanes)

        def constant(number: int) -> Any:
            return ir.Constant(whole, [number] * self._lanes)

        bits = builder.bitcast(values.value, whole)
        odd = builder.and_(builder.lshr(bits, constant(16)), constant(1))
        rounded = builder.lshr(builder.add(bits, builder.add(odd, constant(0x7FFF))), constant(16))
        magnitude = builder.and_(bits, constant(0x7FFFFFFF))
        is_nan = builder.icmp_unsigned(">", magnitude, constant(0x7F800000))
        selected = builder.select(is_nan, constant(0x7FC0), rounded)
        return builder.trunc(selected, ir.VectorType(_HALF_BITS, self._lanes))


def formula(*names: str) -> Callable[[Formula], Callable[..., None]]:
    """Compile a formula over whole vectors for calls from compiled code.

    Its arguments are the number of units and, for each name, an array, the place of the first unit
    in it, and the distance between two gates. Places and distances are counted in values of the
    C-contiguous array.
    """

    def made(body: Formula) -> Callable[..., None]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            places, kinds = {}, []
            for number, name in enumerate(names):
                at = 1 + 3 * number
                array = context.make_array(signature.args[at])(context, builder, arguments[at])
                places[name] = (array.data, arguments[at + 1], arguments[at + 2])
                kinds.append(array.data.type.pointee)
            wide = any(isinstance(kind, ir.DoubleType) for kind in kinds)
            real = ir.DoubleType() if wide else ir.FloatType()
            utilities: Any = cgutils
            size, lanes = arguments[0], _VECTOR_BYTES // _bytes_of(real)
            rest = builder.srem(size, _INDEX(lanes))
            whole = builder.sub(size, rest)
            for start, end, at_once in ((_INDEX(0), whole, lanes), (whole, size, 1)):
                with utilities.for_range_slice(builder, start, end, _INDEX(at_once)) as (unit, _):
                    body(Lines(builder, places, unit, at_once, real))
            return context.get_dummy_value()

        def typed(_typing: Any, *kinds: Any) -> Any:
            return numba.void(*kinds), generate

        # Numba reads the number of arguments from the signature.
        several = ("typing", "size", *(f"{name}_{part}" for name in names for part in _PARTS))
        parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in several]
        cast(Any, typed).__signature__ = Signature(parameters)
        return cast(Callable[..., None], intrinsic(typed))

    return made


def _bytes_of(element: Any) -> int:
    if isinstance(element, ir.DoubleType):
        return 8
    return 4 if isinstance(element, ir.FloatType) else 2
