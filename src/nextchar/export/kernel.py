"""The matrix product of the page, as a WebAssembly module with 128-bit vectors.

The module is part of the package (``page/kernel.wasm``), so an export compiles nothing;
``build_kernel`` makes it. It has one function::

    multiply(weights, vector, sums, rows, columns)

All but the last two are addresses in the imported memory: weights int8[rows, columns], vector
int16[columns], sums int32[rows]. Rows are a multiple of 4, columns a multiple of 8. The arithmetic
is that of integers, so plain JavaScript computes the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import llvmlite.binding as llvm

ROWS_AT_ONCE = 4
COLUMNS_AT_ONCE = 8
NAME = "multiply"

_TRIPLE = "wasm32-unknown-unknown"
_MAGIC_AND_VERSION = 8  # bytes before the first section
_CUSTOM, _EXPORTS, _CODE = 0, 7, 10  # kinds of sections

_BODY = """
target triple = "{triple}"
declare <4 x i32> @llvm.wasm.dot(<8 x i16>, <8 x i16>)
declare i32 @llvm.vector.reduce.add.v4i32(<4 x i32>)
define void @{name}(ptr %weights, ptr %vector, ptr %sums, i32 %rows, i32 %columns) {{
entry:
  br label %next_rows
next_rows:
  %row = phi i32 [0, %entry], [%following_row, %store]
  %start_0 = mul i32 %row, %columns
{starts}
  br label %next_columns
next_columns:
  %column = phi i32 [0, %next_rows], [%following_column, %next_columns]
{sums}
  %place = getelementptr i16, ptr %vector, i32 %column
  %values = load <8 x i16>, ptr %place, align 2
{products}
  %following_column = add i32 %column, {columns}
  %more_columns = icmp ult i32 %following_column, %columns
  br i1 %more_columns, label %next_columns, label %store
store:
{stores}
  %following_row = add i32 %row, {rows}
  %more_rows = icmp ult i32 %following_row, %rows
  br i1 %more_rows, label %next_rows, label %done
done:
  ret void
}}
"""
_START = "  %start_{i} = add i32 %start_{before}, %columns"
_SUM = "  %sum_{i} = phi <4 x i32> [zeroinitializer, %next_rows], [%total_{i}, %next_columns]"
_PRODUCT = """
  %offset_{i} = add i32 %start_{i}, %column
  %address_{i} = getelementptr i8, ptr %weights, i32 %offset_{i}
  %bytes_{i} = load <8 x i8>, ptr %address_{i}, align 1
  %wide_{i} = sext <8 x i8> %bytes_{i} to <8 x i16>
  %product_{i} = call <4 x i32> @llvm.wasm.dot(<8 x i16> %wide_{i}, <8 x i16> %values)
  %total_{i} = add <4 x i32> %sum_{i}, %product_{i}"""
_STORE = """
  %result_{i} = call i32 @llvm.vector.reduce.add.v4i32(<4 x i32> %total_{i})
  %target_row_{i} = add i32 %row, {i}
  %target_{i} = getelementptr i32, ptr %sums, i32 %target_row_{i}
  store i32 %result_{i}, ptr %target_{i}"""


def build_kernel() -> bytes:
    """Compile the module, and return its bytes.

    Other versions of LLVM may make other bytes of the same meaning.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(_source())
    module.verify()
    machine = llvm.Target.from_triple(_TRIPLE).create_target_machine(
        opt=3, features="+simd128", reloc="static", codemodel="small"
    )
    return _linked(machine.emit_object(module))


def _source() -> str:
    """Return the function in LLVM's language."""
    rows = range(ROWS_AT_ONCE)
    return _BODY.format(
        triple=_TRIPLE,
        name=NAME,
        starts="\n".join(_START.format(i=i, before=i - 1) for i in rows[1:]),
        sums="\n".join(_SUM.format(i=i) for i in rows),
        products="".join(_PRODUCT.format(i=i) for i in rows),
        stores="".join(_STORE.format(i=i) for i in rows),
        rows=ROWS_AT_ONCE,
        columns=COLUMNS_AT_ONCE,
    )


def _linked(compiled: bytes) -> bytes:
    """Return an object file of one function as a module that exports it.

    A linker would do no more: there is one function, without data, and without calls.
    """
    module = compiled[:_MAGIC_AND_VERSION]
    name = NAME.encode()
    exports = b"\x01" + _number(len(name)) + name + b"\x00\x00"  # one: a function, the first
    for kind, content in sorted(_sections(compiled)):
        if kind == _CODE:
            module += bytes([_EXPORTS]) + _number(len(exports)) + exports
        if kind != _CUSTOM:
            module += bytes([kind]) + _number(len(content)) + content
    return module


def _sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the content of each section."""
    place = _MAGIC_AND_VERSION
    while place < len(module):
        kind = module[place]
        size, start = _read_number(module, place + 1)
        yield kind, module[start : start + size]
        place = start + size


def _number(value: int) -> bytes:
    """Return an unsigned number in LEB128: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_number(module: bytes, place: int) -> tuple[int, int]:
    """Return the number in LEB128 at a place, and the place after it."""
    value = shift = 0
    while True:
        byte = module[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte <= 0x7F:
            return value, place
