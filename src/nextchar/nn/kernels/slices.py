"""Stored lines [H] and [G·H] of a step: the part of some units, and copies and sums of lines."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.compilation.jit import inlined

Array = NDArray[Any]
Units = tuple[int, int]  # the first, and the one after the last


def as_array(tensor: Tensor) -> Array:
    """Return a tensor as an array on the same memory; bfloat16 as uint16."""
    bits = tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
    array: Array = bits.detach().numpy()
    return array


def as_arrays(*tensors: Tensor) -> tuple[Array, ...]:
    """Return several tensors as arrays."""
    return tuple(as_array(tensor) for tensor in tensors)


@inlined
def of(line: Array, units: Units) -> Array:
    """Return the values of some units of a line [H]."""
    return line[units[0] : units[1]]


@inlined
def of_gate(line: Array, gate: int, hidden_size: int, units: Units) -> Array:
    """Return the values of some units of a gate in a line [G·H]."""
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
