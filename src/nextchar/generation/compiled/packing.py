"""A network's weights and state, laid out for the compiled loop.

Shapes: V vocabulary size, H hidden, L layers, G gates, N rows, P panels, C columns of a panel.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.generation.compiled import step as kernel
from nextchar.generation.compiled.matvec import COLUMNS, Panels, make_queue
from nextchar.generation.compiled.step import Buffers, Weights
from nextchar.generation.plain import StoredWeights
from nextchar.nn.cell import Cell, GatedCell
from nextchar.nn.cells import GRUCell, LSTMCell, MinGRUCell, PeepholeLSTMCell, RNNCell
from nextchar.nn.kernels.elementary import ACTIVATION_CODES
from nextchar.nn.network import Network, State
from nextchar.nn.normalization import BatchNorm
from nextchar.nn.quantization import quantized


def pack(network: Network, stored: StoredWeights = "float32") -> Weights:
    """Pack the weights of a float32 network on the CPU.

    Parameters
    ----------
    stored
        The storage type of the panels. int8 is symmetric with one scale per row: a quarter of the
        bytes, with an error of at most half of 1/127 of the row's largest weight.
    """
    cells = network.stack.cells
    config = network.config
    embedding = network.embedding
    with torch.inference_mode():
        ids = torch.arange(network.vocabulary_size)
        table = cells[0].project(ids if embedding is None else embedding.weight)
        added = table.new_empty(0, config.hidden_size)
        if config.residual and embedding is not None and config.embedding_size == added.shape[1]:
            added = embedding.weight
        layers = [
            [_in_panels(matrix) for matrix in _matrices(cell, layer)]
            for layer, cell in enumerate(cells)
        ]
        head = _in_panels(network.head.weight)
        return Weights(
            cell=_code(cells[0]),
            activation=ACTIVATION_CODES[config.activation],
            peepholes=_peepholes(cells[0]),
            residual=config.residual,
            table=_array(table),
            embedding=_array(added),
            panels=_stored(np.concatenate([*itertools.chain(*layers), head]), stored),
            starts=np.cumsum([0, *(sum(map(len, layer)) for layer in layers)]),
            bias=_array(torch.stack([cell.bias for cell in cells])),
            line_weights=_array(torch.stack([_line_weights(cell) for cell in cells])),
            gains=_stacked(cells, ("gain_ih", "gain_hh")),
            memory_norm=_stacked(cells, ("gain_c", "bias_c")),
            output_norm=_output_norm(network),
            zoneout=np.array((*cells[0].zoneout, 0.0)[:2], np.float32),
            head_bias=_array(network.head.bias),
        )


def make_memory(weights: Weights, logits: Tensor, state: State) -> Buffers:
    """Make the buffers of the loop from the logits [B, V] and the state of B streams."""
    (L, _, H), (B, V) = weights.line_weights.shape, logits.shape
    G = weights.bias.shape[1] // H
    vectors = np.zeros((2 * L + 2, B, H), np.float32)
    for layer, cell_state in enumerate(state):
        for part, tensor in enumerate(cell_state):
            vectors[part * L + layer] = tensor.numpy()
    return Buffers(
        logits=_array(logits)[None],
        outputs=vectors[:L],
        cells=vectors[L : 2 * L],
        inputs=vectors[2 * L],
        scratch=vectors[2 * L + 1],
        gates=np.zeros((G, B, H), np.float32),
        candidates=np.zeros((1, B, H), np.float32),
        recurrent=np.zeros((G, B, H), np.float32),
        before=np.zeros((2, B, H), np.float32),
        queue=make_queue(vectors, -(-max(G * H, V) // COLUMNS)),
    )


def _matrices(cell: Cell, layer: int) -> list[Tensor]:
    """Return the matrices [·, H] of a layer, one per product, in the order of their use."""
    matrices: list[Tensor] = [cell.weight_ih] if layer > 0 else []
    if isinstance(cell, GatedCell):
        H = cell.hidden_size
        parts = [2 * H, H] if isinstance(cell, GRUCell) else [len(cell.weight_hh)]
        matrices.extend(torch.split(cell.weight_hh, parts))
    if _peepholes(cell) == kernel.MATRIX_PEEPHOLES:
        of_i, of_f, of_o = _peephole_weights(cell)
        matrices.extend([torch.cat([of_i, of_f]), of_o])
    return matrices


def _in_panels(matrix: Tensor) -> NDArray[np.float32]:
    """Return a matrix [N, H] as panels [P, H, C], padded with zeros."""
    (N, H), count = matrix.shape, -(-len(matrix) // COLUMNS)
    rows = np.zeros((count * COLUMNS, H), np.float32)
    rows[:N] = matrix.numpy()
    return np.ascontiguousarray(rows.reshape(count, COLUMNS, H).transpose(0, 2, 1))


def _stored(panels: NDArray[np.float32], stored: StoredWeights) -> Panels:
    """Return panels [P, H, C] in their storage type."""
    count, H, C = panels.shape
    if stored == "float32":
        return Panels(
            panels.reshape(count, H * C), np.ones((count, C), np.float32), np.zeros(count, np.int8)
        )
    values, scales = quantized(panels, np.int8, axis=1)
    return Panels(values.reshape(count, H * C), scales[:, 0], np.zeros(count, np.int8))


def _code(cell: Cell) -> int:
    match cell:
        case RNNCell():
            return kernel.RNN
        case LSTMCell() | PeepholeLSTMCell():
            return kernel.LSTM
        case GRUCell():
            return kernel.GRU_AFTER if cell.reset == "after" else kernel.GRU_BEFORE
        case MinGRUCell():
            return kernel.MIN_GRU
        case _:
            return kernel.MIN_LSTM


def _peephole_weights(cell: Cell) -> tuple[Tensor, ...]:
    if not isinstance(cell, PeepholeLSTMCell):
        return ()
    return cell.peephole_i, cell.peephole_f, cell.peephole_o


def _peepholes(cell: Cell) -> int:
    """Return the code of a cell's peepholes; 0 means none."""
    weights = _peephole_weights(cell)
    return weights[0].dim() if weights else 0


def _line_weights(cell: Cell) -> Tensor:
    """Return the weights of a layer that are lines, [3, H], padded with zeros."""
    lines = cell.bias.new_zeros(3, cell.hidden_size)
    if _peepholes(cell) == kernel.VECTOR_PEEPHOLES:
        lines = torch.stack(_peephole_weights(cell))
    elif isinstance(cell, GRUCell) and cell.bias_hh is not None:
        lines[0] = cell.bias_hh
    return lines


def _stacked(cells: Sequence[Cell], names: Sequence[str]) -> NDArray[np.float32]:
    """Return weights [·] of these names, float32[L, n, ·]; empty if the cells have none."""
    weights = [dict(cell.named_parameters()) for cell in cells]
    if names[0] not in weights[0]:
        return np.empty((0, len(names), 0), np.float32)
    return _array(torch.stack([torch.stack([each[name] for name in names]) for each in weights]))


def _output_norm(network: Network) -> NDArray[np.float32]:
    """Return factor and summand of batch normalisation on outputs, float32[L, 2, H]."""
    norms = [norm for norm in network.stack.norms if isinstance(norm, BatchNorm)]
    if not norms:
        return np.empty((0, 2, 0), np.float32)
    return _array(torch.stack([torch.stack(norm.factors()) for norm in norms]))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    """Return a copy, which later training of the network does not change."""
    array: NDArray[np.float32] = tensor.numpy().copy()
    return array
