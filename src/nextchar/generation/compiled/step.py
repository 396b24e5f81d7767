"""The compiled loop: one symbol of each text after another, without Python in between.

A symbol's way to the next logits is a row of a table (its part of the first layer's gates) and,
for each layer, products of a matrix with a vector [H] and passes over lines [H]. The products
take almost all of the time, and that time is the reading of the weights. So all weights but the
table are panels of rows (``product``), laid out in the order in which they are read::

    layer 0               recurrent [G·H]  peepholes [3·H]
    layer 1…   input [G·H]  recurrent [G·H]  peepholes [3·H]
    head       [V]

and every product is a range of these panels with one of the vectors; the rows of a product begin
with a panel. Min cells have no recurrent rows; only matrix peepholes are rows.

Shapes: B samples, V vocabulary size, H hidden, L layers, G gates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled, inlined, use_widest_vectors
from nextchar.generation.compiled.elementwise import (
    add,
    add_product,
    clear,
    copy,
    flush,
    mix,
    multiply,
    normalize,
    normalize_line,
    squash,
    squash_tanh,
)
from nextchar.generation.compiled.matvec import Blocks, Desk, Line, Lines, Panels, product
from nextchar.generation.compiled.sampling import Chooser, choose_each

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
    panels, starts
        All other matrices, and the first panel of each layer and of the head, int64[L + 1].
    bias
        Of the gates, float32[L, G·H]; the table has that of the first layer.
    line_weights
        Weights that are lines, float32[L, 3, H]: vector peepholes of i, f and o, or the gru's
        second bias.
    gains, memory_norm
        Of layer normalisation: gains of the input's and of the recurrent part of the gates,
        float32[L, 2, G·H]; gain and bias of the lstm's c, float32[L, 2, H]. Empty without it.
    output_norm
        Factor and summand of each layer's output, which batch normalisation comes to,
        float32[L, 2, H]; empty without it.
    zoneout
        Shares of h and of c that stay as they were, float32[2].
    head_bias
        float32[V].
    """

    cell: int
    activation: int
    peepholes: int
    residual: bool
    table: NDArray[np.float32]
    embedding: NDArray[np.float32]
    panels: Panels
    starts: NDArray[np.int64]
    bias: NDArray[np.float32]
    line_weights: NDArray[np.float32]
    gains: NDArray[np.float32]
    memory_norm: NDArray[np.float32]
    output_norm: NDArray[np.float32]
    zoneout: Line
    head_bias: NDArray[np.float32]


class Buffers(NamedTuple):
    """What the loop writes to; the first three are all that one symbol leaves to the next.

    Attributes
    ----------
    logits
        Of the next symbol, float32[1, B, V].
    outputs
        The newest output of each layer, float32[L, B, H].
    cells
        The lstm's c, float32[L, B, H].
    below, passing
        The input of a layer, and a value within one, float32[B, H].
    gates, candidates
        float32[G, B, H], and the recurrent part of the gru's candidate, float32[1, B, H].
    recurrent
        The recurrent part of the gates before it is normalised, float32[G, B, H].
    before
        A layer's h and c before the step, float32[2, B, H].
    desk
        Where a second thread may help with products. Its vectors are the outputs, the cells,
        below and passing.
    """

    logits: Blocks
    outputs: NDArray[np.float32]
    cells: NDArray[np.float32]
    below: Lines
    passing: Lines
    gates: Blocks
    candidates: Blocks
    recurrent: Blocks
    before: Blocks
    desk: Desk


@compiled
def write(
    weights: Weights,
    memory: Buffers,
    chooser: Chooser,
    uniforms: NDArray[np.float64],
    symbols: NDArray[np.int64],
) -> int:
    """Choose and read a symbol of each sample for the uniforms [n, B], into ``symbols`` [n, B].

    Returns
    -------
    How many of each were written: fewer than n where logits are no longer numbers, or where all
    samples have ended. What has ended reads on with any symbol; nobody looks at it again.
    """
    use_widest_vectors()
    for n in range(len(uniforms)):
        if not choose_each(memory.logits[0], chooser, uniforms[n], symbols[n]):
            return n
        step(weights, memory, symbols[n])
    return len(uniforms)


@compiled
def step(weights: Weights, memory: Buffers, symbols: NDArray[np.int64]) -> None:
    """Read one symbol of each sample [B]: the memory then has the next logits."""
    use_widest_vectors()
    (L, B, _), (G, _, H) = memory.outputs.shape, memory.gates.shape
    gates, below = memory.gates, memory.below
    zoned = weights.zoneout[0] > 0 or weights.zoneout[1] > 0
    for layer in range(L):
        panel = int(weights.starts[layer])
        if layer > 0 and len(weights.gains) > 0:
            clear(gates)
            panel = product(weights.panels, memory.desk, 2 * L, panel, gates)
            normalize(gates, weights.gains[layer, 0])
            for b in range(B):
                for gate in range(G):
                    add(weights.bias[layer, gate * H : (gate + 1) * H], gates[gate, b])
        else:
            for b in range(B):
                projected = weights.table[symbols[b]] if layer == 0 else weights.bias[layer]
                for gate in range(G):
                    copy(projected[gate * H : (gate + 1) * H], gates[gate, b])
            if layer > 0:
                panel = product(weights.panels, memory.desk, 2 * L, panel, gates)
        if zoned:
            for b in range(B):
                copy(memory.outputs[layer, b], memory.before[0, b])
                copy(memory.cells[layer, b], memory.before[1, b])
        _recur(weights, memory, layer, panel)
        if zoned:
            for b in range(B):
                mix(weights.zoneout[0], memory.before[0, b], memory.outputs[layer, b])
                mix(weights.zoneout[1], memory.before[1, b], memory.cells[layer, b])
        for b in range(B):
            h = memory.outputs[layer, b]
            flush(h)
            flush(memory.cells[layer, b])
            if len(weights.output_norm) > 0:
                normalized = memory.passing[b]
                copy(weights.output_norm[layer, 1], normalized)
                add_product(weights.output_norm[layer, 0], h, normalized)
                h = normalized
            if weights.residual and layer > 0:
                add(h, below[b])
                continue
            copy(h, below[b])
            if weights.residual and len(weights.embedding) > 0:
                add(weights.embedding[symbols[b]], below[b])
    for b in range(B):
        copy(weights.head_bias, memory.logits[0, b])
    product(weights.panels, memory.desk, 2 * L, int(weights.starts[L]), memory.logits)


@inlined
def _recur(weights: Weights, memory: Buffers, layer: int, panel: int) -> None:
    """Finish a layer, whose gates have the input's part; its other rows begin with ``panel``."""
    (L, B, _), (G, _, H) = memory.outputs.shape, memory.gates.shape
    panels, desk, gates, passing = weights.panels, memory.desk, memory.gates, memory.passing
    if weights.cell == RNN:
        _see(weights, memory, layer, layer, panel, 0, G)
        for b in range(B):
            _rnn(weights.activation, gates[0, b], memory.outputs[layer, b])
    elif weights.cell == LSTM:
        panel = _see(weights, memory, layer, layer, panel, 0, G)
        if weights.peepholes == MATRIX_PEEPHOLES:
            panel = product(panels, desk, L + layer, panel, gates[:2])
        for b in range(B):
            _lstm_cell(weights, layer, gates, b, memory.cells[layer, b])
        if weights.peepholes == MATRIX_PEEPHOLES:
            product(panels, desk, L + layer, panel, gates[3:])
        for b in range(B):
            h, c = memory.outputs[layer, b], memory.cells[layer, b]
            _lstm_output(weights, layer, gates[3, b], c, h)
    elif weights.cell == GRU_AFTER:
        panel = _see(weights, memory, layer, layer, panel, 0, 2)
        if len(weights.gains) > 0:
            clear(memory.candidates)
            product(panels, desk, layer, panel, memory.candidates)
            normalize(memory.candidates, weights.gains[layer, 1, 2 * H :])
            for b in range(B):
                add(weights.line_weights[layer, 0], memory.candidates[0, b])
        else:
            for b in range(B):
                copy(weights.line_weights[layer, 0], memory.candidates[0, b])
            product(panels, desk, layer, panel, memory.candidates)
        for b in range(B):
            squash(gates[0, b])
            add_product(gates[0, b], memory.candidates[0, b], gates[2, b])
            _gru_output(gates, b, memory.outputs[layer, b])
    elif weights.cell == GRU_BEFORE:
        panel = _see(weights, memory, layer, layer, panel, 0, 2)
        for b in range(B):
            squash(gates[0, b])
            multiply(gates[0, b], memory.outputs[layer, b], passing[b])
        _see(weights, memory, layer, 2 * L + 1, panel, 2, 3)
        for b in range(B):
            _gru_output(gates, b, memory.outputs[layer, b])
    else:
        for b in range(B):
            _min(weights.cell, gates, b, memory.outputs[layer, b])


@inlined
def _see(
    weights: Weights, memory: Buffers, layer: int, which: int, panel: int, first: int, end: int
) -> int:
    """Add to some gates what their recurrent rows make of a vector; give the panel after them."""
    if len(weights.gains) == 0:
        return product(weights.panels, memory.desk, which, panel, memory.gates[first:end])
    recurrent, H = memory.recurrent[first:end], memory.gates.shape[2]
    clear(recurrent)
    panel = product(weights.panels, memory.desk, which, panel, recurrent)
    normalize(recurrent, weights.gains[layer, 1, first * H :])
    for gate in range(end - first):
        for b in range(recurrent.shape[1]):
            add(recurrent[gate, b], memory.gates[first + gate, b])
    return panel


@compiled
def _rnn(activation: int, gate: Line, h: Line) -> None:
    use_widest_vectors()
    copy(gate, h)
    if activation == TANH:
        squash_tanh(h)
    elif activation == SIGMOID:
        squash(h)
    else:
        for j in range(h.size):
            h[j] = max(h[j], np.float32(0))


@compiled
def _lstm_cell(weights: Weights, layer: int, gates: Blocks, b: int, c: Line) -> None:
    """Take the lstm's c from its gates; those have all but what vector peepholes see."""
    use_widest_vectors()
    i, f, g = gates[0, b], gates[1, b], gates[2, b]
    if weights.peepholes == VECTOR_PEEPHOLES:
        add_product(weights.line_weights[layer, 0], c, i)
        add_product(weights.line_weights[layer, 1], c, f)
    squash(i)
    squash(f)
    squash_tanh(g)
    multiply(f, c, c)
    add_product(i, g, c)


@compiled
def _lstm_output(weights: Weights, layer: int, o: Line, c: Line, h: Line) -> None:
    """Take the lstm's h from its new c."""
    use_widest_vectors()
    if weights.peepholes == VECTOR_PEEPHOLES:
        add_product(weights.line_weights[layer, 2], c, o)
    squash(o)
    if len(weights.memory_norm) > 0:
        normalize_line(c, h)
        multiply(weights.memory_norm[layer, 0], h, h)
        add(weights.memory_norm[layer, 1], h)
    else:
        copy(c, h)
    squash_tanh(h)
    multiply(o, h, h)


@compiled
def _gru_output(gates: Blocks, b: int, h: Line) -> None:
    """Take the gru's h from z and the candidate, both not yet through their functions."""
    use_widest_vectors()
    z, candidate = gates[1, b], gates[2, b]
    squash(z)
    squash_tanh(candidate)
    for j in range(h.size):
        h[j] = candidate[j] + z[j] * (h[j] - candidate[j])


@compiled
def _min(cell: int, gates: Blocks, b: int, h: Line) -> None:
    """Take the h of a min cell: a share of the candidate, the last of its gates, and of before."""
    use_widest_vectors()
    if cell == MIN_GRU:
        share, candidate = gates[0, b], gates[1, b]
        squash(share)
    else:
        share, candidate = gates[1, b], gates[2, b]
        _input_share(gates[0, b], share)
    for j in range(h.size):
        h[j] += share[j] * (candidate[j] - h[j])


@compiled
def _input_share(f: Line, i: Line) -> None:
    """Put into i its share σ(i) / (σ(f) + σ(i)), finite also where both round to 0."""
    use_widest_vectors()
    for j in range(f.size):
        # = σ(log σ(i) − log σ(f)), with log σ(x) = min(x, 0) − log(1 + e^−|x|)
        of_f = min(np.float64(f[j]), 0.0) - np.log1p(np.exp(-np.abs(np.float64(f[j]))))
        of_i = min(np.float64(i[j]), 0.0) - np.log1p(np.exp(-np.abs(np.float64(i[j]))))
        i[j] = 1 / (1 + np.exp(of_f - of_i))
