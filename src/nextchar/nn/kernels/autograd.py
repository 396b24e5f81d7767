"""The common part of the cells' autograd functions: backpropagation through time by hand.

Each function receives the projected inputs of a whole sequence, so a step is one product with the
recurrent weights (two in one cell) and elementwise work. Each weight gradient is then one product
over the T·B rows, or, with integers, a sum over the steps. (Werbos, 1990: backpropagation through
time.)

The projected inputs come as *rows* [R, G·H] and an index int64[T, B] of the row at each position:
a vocabulary of R symbols is projected once, not at each of its T·B positions. With None as the
index, every position has its own row, R = T·B.

Without ``keep`` there is no backward pass, and only the gates of one step are stored. With
``integers``, the products with the recurrent weights are those of ``fixed_point``: for float32, H
a multiple of 16, and states of at most 1.

All tensors of a call have one dtype, float32, float64 or bfloat16, and so have the gradients; but
c and sums within a step are float32, or float64 for float64. A second derivative is an error.

Shapes: T time steps, B streams, H hidden, G gates, R rows. Time first.
"""

# ruff: noqa: ANN401  (torch does not type the results of autograd functions)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function

from nextchar.nn.kernels.launch import is_compiled
from nextchar.nn.kernels.matmul import RowGradients
from nextchar.nn.kernels.pointwise import add_rows
from nextchar.nn.kernels.slices import as_array


class SequenceInputs(NamedTuple):
    """The inputs of a cell over a sequence, as a kernel reads them.

    Attributes
    ----------
    rows, row_index
        The projected inputs and the row of each position; see the module.
    state
        The initial state of the cell, each part [B, H].
    weights
        The parameters of the cell by name, in the type of the products.
    keep, integers
        Whether there is a backward pass, and whether products are of integers.
    """

    rows: Tensor
    row_index: Tensor | None
    state: tuple[Tensor, ...]
    weights: Mapping[str, Tensor]
    keep: bool
    integers: bool


class SequenceOutputs(NamedTuple):
    """The outputs of a cell over a sequence [T, B, H], and its state after it."""

    outputs: Tensor
    state: tuple[Tensor, ...]


def apply(function: type[Function], *arguments: Any) -> Any:
    """Call an autograd function, whose ``apply`` torch does not type."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def last_of(outputs: Tensor) -> Tensor:
    """Copy the last output: as a view, the state would keep the whole sequence in memory."""
    return outputs[-1].clone()


def buffer_after(initial: Tensor, steps: int) -> Tensor:
    """Make a buffer [T+1, B, H] that begins with the initial state."""
    buffer = initial.new_empty(steps + 1, *initial.shape)
    buffer[0] = initial
    return buffer


def positions_of(rows: Tensor, index: Tensor | None, initial: Tensor) -> tuple[Tensor, bool]:
    """Return the index int64[T, B], and whether a row may have several positions."""
    if index is None:
        return torch.arange(len(rows)).view(-1, len(initial)), False
    return index, True


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the type of c and of sums within a step: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def wide(tensor: Tensor) -> Tensor:
    """Convert a tensor to its ``wide_dtype``."""
    return tensor.to(wide_dtype(tensor.dtype))


def make_row_sums(rows: Tensor, several: bool) -> Tensor:
    """Make the sums of the gradients of rows [R, G·H]; empty if each has one position."""
    R, K = rows.shape
    return rows.new_zeros(R if several else 0, K, dtype=wide_dtype(rows.dtype))


def make_gradients(rows: Tensor, index: Tensor, several: bool, *, full: bool) -> Tensor:
    """Allocate the gradients of all steps [T, B, G·H], or of one if the others are not read."""
    T, B = index.shape
    every = full or not several or not is_compiled(rows)
    return rows.new_empty(T if every else 1, B, rows.shape[1])


def row_gradients(index: Tensor, sums: Tensor) -> RowGradients:
    """Return the sums of the gradients of rows for compiled code."""
    return RowGradients(as_array(index), as_array(sums))


def gradient_of_rows(d_projected: Tensor, index: Tensor, sums: Tensor) -> Tensor:
    """Return the gradient of the rows [R, G·H]: their sums, which compiled sequences have made."""
    if len(sums) == 0:
        return d_projected.flatten(0, 1)
    if not is_compiled(d_projected):
        values = as_array(d_projected.flatten(0, 1))
        add_rows(values, as_array(index.flatten()), as_array(sums))
    return sums.to(d_projected.dtype)
