"""Weights as small integers: symmetric quantisation with one factor for each row."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nextchar.nn.cell import GatedCell
from nextchar.nn.cells import PeepholeLSTMCell
from nextchar.nn.network import Network


def quantized(
    weights: NDArray[np.float32], dtype: type[np.int8 | np.int16], *, axis: int
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return weights as integers, and the factors that give the weights back.

    The error is at most half of a factor, which is the largest weight of the row over the largest
    integer. A row of zeros has the factor 1.

    Parameters
    ----------
    weights
        float32 of any shape.
    dtype
        The type of the integers.
    axis
        The axis along which the weights of a row lie.

    Returns
    -------
    NDArray, NDArray
        The integers, in the shape of the weights, and the factors, whose length along the axis
        is 1.
    """
    factors: NDArray[np.float32] = np.abs(weights).max(axis, keepdims=True)
    factors = factors / np.float32(np.iinfo(dtype).max)
    factors[factors == 0] = 1
    return np.rint(weights / factors).astype(dtype), factors


def with_int8_weights(network: Network) -> Network:
    """Return a copy of a network whose recurrent and output matrices are rounded to int8.

    They are the matrices that engines with int8 weights multiply at every symbol; the input of the
    first layer is looked up, and is not rounded.
    """
    rounded = copy.deepcopy(network)
    if network.config.tied:  # the embedding is not rounded with the head
        rounded.head.weight = nn.Parameter(rounded.head.weight.detach().clone())
    with torch.no_grad():
        for matrix in _multiplied(rounded):
            values, factors = quantized(matrix.numpy(), np.int8, axis=1)
            matrix.copy_(torch.from_numpy(values * factors))
    return rounded


def _multiplied(network: Network) -> Iterator[Tensor]:
    """Yield the matrices [·, H] that are multiplied at every symbol."""
    for layer, cell in enumerate(network.stack.cells):
        if layer > 0:
            yield cell.weight_ih
        if isinstance(cell, GatedCell):
            yield cell.weight_hh
        if isinstance(cell, PeepholeLSTMCell) and cell.peepholes == "matrix":
            yield from (cell.peephole_i, cell.peephole_f, cell.peephole_o)
    yield network.head.weight
