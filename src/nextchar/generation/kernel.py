"""The compiled loop: one symbol of one text after another, without Python in between.

A symbol's way to the next logits is a row of a table (its part of the first layer's gates) and,
for each layer, products of a matrix with a vector [H] and passes over lines [H]. The products
take almost all of the time, and that time is the reading of the weights. So all weights but the
table are rows of one matrix, laid out in the order in which they are read::

    layer 0               recurrent [G·H]  peepholes [3·H]
    layer 1…   input [G·H]  recurrent [G·H]  peepholes [3·H]
    head       [V]

and every product is a range of these rows with one of the vectors. Min cells have no recurrent
rows; only matrix peepholes are rows.

Shapes: V vocabulary size, H hidden, L layers, G gates, C columns: H rounded up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.generation.choosing import NOT_A_NUMBER, Chooser, choose
from nextchar.generation.product import Desk, Line, Rows, product
from nextchar.jit import compiled, inlined, sigmoid, tanh

RNN, LSTM, GRU_AFTER, GRU_BEFORE, MIN_GRU, MIN_LSTM = range(6)
TANH, RELU, SIGMOID = range(3)
VECTOR_PEEPHOLES, MATRIX_PEEPHOLES = 1, 2


class Weights(NamedTuple):
    """A network as the loop reads it.

    Attributes
    ----------
    cell, activation, peepholes
        Codes of the equations; ``peepholes`` 0 is none.
    residual
        Whether a layer's input is added to its output.
    table
        A symbol's part of the gates of the first layer, with the bias, float32[V, G·H].
    embedding
        What a residual first layer adds, float32[V, H]; empty where it adds nothing.
    rows
        All other matrices.
    bias
        Of the gates, float32[L, G·H]; the table has that of the first layer.
    line_weights
        Weights that are lines, float32[L, 3, H]: vector peepholes of i, f and o, or the gru's
        second bias.
    head_bias
        float32[V].
    """

    cell: int
    activation: int
    peepholes: int
    residual: bool
    table: NDArray[np.float32]
    embedding: NDArray[np.float32]
    rows: Rows
    bias: NDArray[np.float32]
    line_weights: NDArray[np.float32]
    head_bias: NDArray[np.float32]


class Memory(NamedTuple):
    """What the loop writes to; the first three are all that one symbol leaves to the next.

    Attributes
    ----------
    logits
        Of the next symbol, float32[V].
    outputs
        The newest output of each layer, float32[L, C].
    cells
        The lstm's c, float32[L, C].
    below, passing
        The input of a layer, and a value within one, float32[C].
    gates
        float32[4·H].
    desk
        Where a second thread may help with products.
    """

    logits: Line
    outputs: NDArray[np.float32]
    cells: NDArray[np.float32]
    below: Line
    passing: Line
    gates: Line
    desk: Desk


@compiled
def write(
    weights: Weights,
    memory: Memory,
    chooser: Chooser,
    uniforms: NDArray[np.float64],
    symbols: NDArray[np.int64],
) -> int:
    """Choose and read a symbol for each of the uniforms [n], into ``symbols`` [n].

    Returns
    -------
    How many were written: fewer than n where the logits are no longer numbers.
    """
    for n in range(uniforms.size):
        symbol = choose(memory.logits, chooser, 0, uniforms[n])
        if symbol == NOT_A_NUMBER:
            return n
        symbols[n] = symbol
        step(weights, memory, symbol)
    return int(uniforms.size)


@compiled
def step(weights: Weights, memory: Memory, symbol: int) -> None:
    """Read one symbol: the memory then has the next logits."""
    L, size = weights.bias.shape
    gates = memory.gates[:size]
    below = memory.below[: weights.line_weights.shape[2]]
    row = 0
    for layer in range(L):
        if layer == 0:
            _copy(weights.table[symbol], gates)
        else:
            _copy(weights.bias[layer], gates)
            row = product(weights.rows, memory.desk, row, memory.below, gates)
        row = _recur(weights, memory, layer, row)
        h = memory.outputs[layer, : below.size]
        if not weights.residual:
            _copy(h, below)
        elif layer > 0:
            _add(h, below)
        else:
            _copy(h, below)
            if len(weights.embedding) > 0:
                _add(weights.embedding[symbol], below)
    _copy(weights.head_bias, memory.logits)
    product(weights.rows, memory.desk, row, memory.below, memory.logits)


@inlined
def _recur(weights: Weights, memory: Memory, layer: int, row: int) -> int:
    """Finish a layer, whose gates have the input's part; give the row that follows its own."""
    H = weights.line_weights.shape[2]
    gates, before, h = memory.gates, memory.outputs[layer], memory.outputs[layer, :H]
    one, two, three = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H]
    passing = memory.passing[:H]
    if weights.cell == RNN:
        row = product(weights.rows, memory.desk, row, before, one)
        if weights.activation == TANH:
            _tanh(one)
        elif weights.activation == SIGMOID:
            _sigmoid(one)
        else:
            _relu(one)
        _copy(one, h)
    elif weights.cell == LSTM:
        row = product(weights.rows, memory.desk, row, before, gates)
        row = _lstm(weights, memory, layer, row)
    elif weights.cell == GRU_AFTER:
        row = product(weights.rows, memory.desk, row, before, gates[: 2 * H])
        _sigmoid(gates[: 2 * H])
        _copy(weights.line_weights[layer, 0], passing)
        row = product(weights.rows, memory.desk, row, before, passing)
        _add_product(one, passing, three)
        _tanh(three)
        _mix(two, three, h)
    elif weights.cell == GRU_BEFORE:
        row = product(weights.rows, memory.desk, row, before, gates[: 2 * H])
        _sigmoid(gates[: 2 * H])
        _multiply(one, h, passing)
        row = product(weights.rows, memory.desk, row, memory.passing, three)
        _tanh(three)
        _mix(two, three, h)
    elif weights.cell == MIN_GRU:
        _sigmoid(one)
        _mix(one, h, two)
        _copy(two, h)
    else:
        _forget_shares(one, two)
        _mix(one, three, h)
    return row


@inlined
def _lstm(weights: Weights, memory: Memory, layer: int, row: int) -> int:
    """Finish a layer of the lstm, whose gates have all but what peepholes see."""
    H = weights.line_weights.shape[2]
    seen, h, c = memory.cells[layer], memory.outputs[layer, :H], memory.cells[layer, :H]
    peepholes = weights.line_weights[layer]
    gates = memory.gates
    i, f, g, o = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    if weights.peepholes == VECTOR_PEEPHOLES:
        _add_product(peepholes[0], c, i)
        _add_product(peepholes[1], c, f)
    elif weights.peepholes == MATRIX_PEEPHOLES:
        row = product(weights.rows, memory.desk, row, seen, gates[: 2 * H])
    _sigmoid(gates[: 2 * H])
    _tanh(g)
    _multiply(f, c, c)
    _add_product(i, g, c)
    if weights.peepholes == VECTOR_PEEPHOLES:
        _add_product(peepholes[2], c, o)
    elif weights.peepholes == MATRIX_PEEPHOLES:
        row = product(weights.rows, memory.desk, row, seen, o)
    _sigmoid(o)
    _copy(c, h)
    _tanh(h)
    _multiply(o, h, h)
    return row


@compiled
def _sigmoid(line: Line) -> None:
    for j in range(line.size):
        line[j] = sigmoid(line[j])


@compiled
def _tanh(line: Line) -> None:
    for j in range(line.size):
        line[j] = tanh(line[j])


@compiled
def _relu(line: Line) -> None:
    for j in range(line.size):
        line[j] = max(line[j], np.float32(0))


@compiled
def _forget_shares(f: Line, i: Line) -> None:
    """Put into f the share σ(f) / (σ(f) + σ(i)), finite also where both round to 0."""
    for j in range(f.size):
        # = σ(log σ(f) − log σ(i)), with log σ(x) = min(x, 0) − log(1 + e^−|x|)
        of_f = min(np.float64(f[j]), 0.0) - np.log1p(np.exp(-np.abs(np.float64(f[j]))))
        of_i = min(np.float64(i[j]), 0.0) - np.log1p(np.exp(-np.abs(np.float64(i[j]))))
        f[j] = 1 / (1 + np.exp(of_i - of_f))


@compiled
def _mix(share: Line, new: Line, line: Line) -> None:
    """Keep a share of each value of the line, and take the rest from the new one."""
    for j in range(line.size):
        line[j] = new[j] + share[j] * (line[j] - new[j])


@compiled
def _copy(values: Line, line: Line) -> None:
    for j in range(line.size):
        line[j] = values[j]


@compiled
def _add(values: Line, line: Line) -> None:
    for j in range(line.size):
        line[j] += values[j]


@compiled
def _multiply(one: Line, other: Line, line: Line) -> None:
    for j in range(line.size):
        line[j] = one[j] * other[j]


@compiled
def _add_product(one: Line, other: Line, line: Line) -> None:
    for j in range(line.size):
        line[j] += one[j] * other[j]
