"""A network as the arrays that a page contains: int8 matrices, and int16 for its input.

The matrices that are multiplied at every symbol are int8 with a factor for each row, the same as in
the compiled engine of generation. What is looked up for a symbol is int16: the gates' part of each
symbol, or the embedding and the weights of the input if they are smaller. The rest is float32.

Shapes: V vocabulary size, E embedding, H hidden, L layers, G gates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.nn.cell import Cell, GatedCell
from nextchar.nn.cells import GRUCell, PeepholeLSTMCell
from nextchar.nn.network import Network
from nextchar.nn.normalization import BatchNorm
from nextchar.nn.quantization import quantized

# What can be watched in each cell besides h, in the order of the page; c is tanh(c).
_QUANTITIES = {
    "rnn": (),
    "lstm": ("c", "i", "f", "o", "g"),
    "gru": ("r", "z", "n"),
    "min_gru": ("z",),
    "min_lstm": ("i",),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedTensor:
    """A tensor of the page.

    Attributes
    ----------
    name
        Its name, with the number of the layer from 0.
    values
        int8 or int16 [rows, columns], or of any shape and another type.
    factors
        A factor for each row, float32[rows]; ``None`` for values of other types.
    """

    name: str
    values: NDArray[Any]
    factors: NDArray[np.float32] | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """The name, type and shape."""
        return {"name": self.name, "type": str(self.values.dtype), "shape": self.values.shape}

    @property
    def data(self) -> bytes:
        """The factors and the values, little-endian."""
        return b"".join(
            array.astype(array.dtype.newbyteorder("<")).tobytes()
            for array in (self.factors, self.values)
            if array is not None
        )


def describe(network: Network) -> dict[str, Any]:
    """Return the description of a network that its page reads, as JSON values."""
    config, cell = network.config, network.stack.cells[0]
    kind = "lstm" if config.cell == "peephole_lstm" else config.cell
    return {
        "cell": f"gru_{config.reset}" if kind == "gru" else kind,
        "activation": config.activation,
        "hidden": config.hidden_size,
        "layers": config.layers,
        "symbols": network.vocabulary_size,
        "residual": config.residual,
        "zoneout": [*cell.zoneout, 0.0][:2],
        "beginsAfter": -1 if network.begins_after is None else network.begins_after,
        "quantities": ["h", *_QUANTITIES[kind]],
    }


def pack(network: Network) -> list[PackedTensor]:
    """Return the weights of a float32 network on the CPU."""
    with torch.inference_mode():
        return [
            *_input(network),
            *(each for layer in enumerate(network.stack.cells) for each in _layer(*layer)),
            *_output_norms(network),
            _int8("head", network.head.weight),
            _float32("head_bias", network.head.bias),
        ]


def _input(network: Network) -> Iterator[PackedTensor]:
    """Yield what the first layer reads of a symbol."""
    cell, config = network.stack.cells[0], network.config
    rows, V = len(cell.bias), network.vocabulary_size
    if network.embedding is None or V * rows <= (V + rows) * config.embedding_size:
        ids = torch.arange(V)
        table = cell.project(ids if network.embedding is None else network.embedding.weight)
        yield _int16("table", table)
    else:
        yield _int16("embedding", network.embedding.weight)
        yield _int16("input.0", cell.weight_ih)
    if network.embedding is not None and config.residual:
        vectors = network.embedding.weight
        if vectors.shape[1] == config.hidden_size:
            yield _int16("added", vectors)


def _layer(layer: int, cell: Cell) -> Iterator[PackedTensor]:
    yield _float32(f"bias.{layer}", cell.bias)
    if layer > 0:
        yield _int8(f"input.{layer}", cell.weight_ih)
    if not isinstance(cell, GatedCell):
        return
    weights = dict(cell.named_parameters())
    if isinstance(cell, GRUCell):
        yield _int8(f"recurrent.{layer}", cell.weight_hh[: 2 * cell.hidden_size])
        yield _int8(f"candidate.{layer}", cell.weight_hh[2 * cell.hidden_size :])
        if cell.bias_hh is not None:
            yield _float32(f"bias_hh.{layer}", cell.bias_hh)
    else:
        yield _int8(f"recurrent.{layer}", cell.weight_hh)
    if isinstance(cell, PeepholeLSTMCell):
        yield from _peepholes(layer, cell)
    for name, parts in (("gains", ("gain_ih", "gain_hh")), ("memory_norm", ("gain_c", "bias_c"))):
        if parts[0] in weights:
            yield _float32(f"{name}.{layer}", torch.stack([weights[part] for part in parts]))


def _peepholes(layer: int, cell: PeepholeLSTMCell) -> Iterator[PackedTensor]:
    of_i, of_f, of_o = cell.peephole_i, cell.peephole_f, cell.peephole_o
    if cell.peepholes == "vector":
        yield _float32(f"peepholes.{layer}", torch.stack([of_i, of_f, of_o]))
    else:
        yield _int8(f"peepholes_if.{layer}", torch.cat([of_i, of_f]))
        yield _int8(f"peepholes_o.{layer}", of_o)


def _output_norms(network: Network) -> Iterator[PackedTensor]:
    """Yield factor and summand of batch normalisation on the output of each layer."""
    for layer, norm in enumerate(network.stack.norms):
        if isinstance(norm, BatchNorm):
            yield _float32(f"output_norm.{layer}", torch.stack(norm.factors()))


def _int8(name: str, matrix: Tensor) -> PackedTensor:
    values, factors = quantized(matrix.numpy(), np.int8, axis=1)
    return PackedTensor(name=name, values=values, factors=factors[:, 0])


def _int16(name: str, matrix: Tensor) -> PackedTensor:
    values, factors = quantized(matrix.numpy(), np.int16, axis=1)
    return PackedTensor(name=name, values=values, factors=factors[:, 0])


def _float32(name: str, tensor: Tensor) -> PackedTensor:
    return PackedTensor(name=name, values=tensor.numpy().copy())
