"""Stored lines [H] and [G·H] of a step: the part of some units, and what is done to it as it is."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nextchar.compilation.jit import inlined

Array = NDArray[Any]
Units = tuple[int, int]  # the first, and the one after the last


@inlined
def of(line: Array, units: Units) -> Array:
    """Take the values of some units out of a line [H]."""
    return line[units[0] : units[1]]


@inlined
def of_gate(line: Array, gate: int, hidden_size: int, units: Units) -> Array:
    """Take the values of a gate's units out of a line [G·H]."""
    return line[gate * hidden_size + units[0] : gate * hidden_size + units[1]]


@inlined
def copy(source: Array, target: Array) -> None:
    """Copy the beginning of a line to another."""
    for j in range(target.size):
        target[j] = source[j]


@inlined
def add(source: Array, target: Array) -> None:
    """Add a line to another."""
    for j in range(target.size):
        target[j] += source[j]


@inlined
def write_sum(first: Array, second: Array, target: Array) -> None:
    """Write the sum of two lines to a third."""
    for j in range(target.size):
        target[j] = first[j] + second[j]
