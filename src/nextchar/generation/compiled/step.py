"""The compiled loop: one symbol of each text after another, without Python in between.

The next logits need a row of a table (a symbol's part of the first layer's gates) and, in each
layer, products of a matrix with a vector [H] and elementwise operations on lines [H]. Products take
almost all of the time, and they are limited by the reading of the weights. So all weights but the
table are panels of rows (``matvec``) in the order in which they are read::

    layer 0               recurrent [G·H]  peepholes [3·H]
    layer 1…   input [G·H]  recurrent [G·H]  peepholes [3·H]
    head       [V]

Every product is a range of these panels with one of the vectors; the rows of a product begin with a
panel. Min cells have no recurrent rows; only matrix peepholes are rows.

The cells' equations follow ``nn.kernels``, with elementary functions and activation codes from
there. They are not the formulas of the kernels themselves: layer normalisation and matrix peepholes
come between the gates, and the order of rounding would change the generated bits.

Shapes: B samples, V vocabulary size, H hidden, L layers, G gates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation, inlined, use_widest_vectors
from nextchar.experts.texts import Texts, append_each, predict_each
from nextchar.generation.compiled.elementwise import (
    add,
    add_product,
    apply_sigmoid,
    apply_tanh,
    clear,
    copy,
    flush_to_zero,
    interpolate,
    multiply,
    normalize,
    normalize_line,
)
from nextchar.generation.compiled.matvec import Blocks, Line, Lines, Panels, WorkQueue, product
from nextchar.generation.compiled.sampling import Chooser, choose_each
from nextchar.nn.kernels.elementary import SIGMOID, TANH

RNN, LSTM, GRU_AFTER, GRU_BEFORE, MIN_GRU, MIN_LSTM = range(6)
VECTOR_PEEPHOLES, MATRIX_PEEPHOLES = 1, 2


class Weights(NamedTuple):
    """A network in the layout of the loop.

    Attributes
    ----------
    cell, activation, peepholes
        Codes of the equations; ``peepholes`` 0 means none.
    residual
        Whether a layer's input is added to its output.
    table
        A symbol's part of the gates of the first layer, with the bias, float32[V, G·H].
    embedding
        The summand of a residual first layer, float32[V, H]; empty without one.
    panels, starts
        All other matrices, and the first panel of each layer and of the head, int64[L + 1].
    bias
        Of the gates, float32[L, G·H]; the table includes that of the first layer.
    line_weights
        Weights that are lines, float32[L, 3, H]: vector peepholes of i, f and o, or the gru's
        second bias.
    gains, memory_norm
        Of layer normalisation: gains of the input's and of the recurrent part of the gates,
        float32[L, 2, G·H]; gain and bias of the lstm's c, float32[L, 2, H]. Empty without it.
    output_norm
        Factor and summand of batch normalisation on each layer's output, float32[L, 2, H]; empty
        without it.
    zoneout
        Shares of h and of c that keep their values, float32[2].
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
    """The buffers of the loop; the first three carry the state from one symbol to the next.

    Attributes
    ----------
    logits
        Of the next symbol, float32[1, B, V].
    outputs
        The newest output of each layer, float32[L, B, H].
    cells
        The lstm's c, float32[L, B, H].
    inputs, scratch
        The input of a layer, and a value within one, float32[B, H].
    gates, candidates
        float32[G, B, H], and the recurrent part of the gru's candidate, float32[1, B, H].
    recurrent
        The recurrent part of the gates before it is normalised, float32[G, B, H].
    before
        A layer's h and c before the step, float32[2, B, H].
    queue
        The requests to a second thread. Its vectors are the outputs, the cells, the inputs and
        the scratch.
    """

    logits: Blocks
    outputs: NDArray[np.float32]
    cells: NDArray[np.float32]
    inputs: Lines
    scratch: Lines
    gates: Blocks
    candidates: Blocks
    recurrent: Blocks
    before: Blocks
    queue: WorkQueue


@compiled_without_allocation
def write(
    weights: Weights,
    memory: Buffers,
    texts: Texts,
    chooser: Chooser,
    uniforms: NDArray[np.float64],
    symbols: NDArray[np.int64],
) -> int:
    """Choose and read a symbol of each sample for the uniforms [n, B], into ``symbols`` [n, B].

    ``texts`` mixes the logits with experts, unless it is ``no_texts()``.

    Returns
    -------
    The number of symbols of each sample: fewer than n if logits are not finite or all samples have
    ended. A sample that has ended continues with any symbol, which is ignored.
    """
    use_widest_vectors()
    mixing = texts.ends.size > 0
    for n in range(len(uniforms)):
        if mixing:
            predict_each(texts, memory.logits[0])
        predicted = texts.mixed if mixing else memory.logits[0]
        if not choose_each(predicted, chooser, uniforms[n], symbols[n]):
            return n
        step(weights, memory, symbols[n])
        append_each(texts, symbols[n])
    return len(uniforms)


@compiled_without_allocation
def step(weights: Weights, memory: Buffers, symbols: NDArray[np.int64]) -> None:
    """Read one symbol of each sample [B], and compute the next logits."""
    use_widest_vectors()
    L, B, _ = memory.outputs.shape
    zoned = weights.zoneout[0] > 0 or weights.zoneout[1] > 0
    for layer in range(L):
        panel = _project(weights, memory, layer, symbols)
        if zoned:
            for b in range(B):
                copy(memory.outputs[layer, b], memory.before[0, b])
                copy(memory.cells[layer, b], memory.before[1, b])
        _recur(weights, memory, layer, panel)
        if zoned:
            for b in range(B):
                interpolate(weights.zoneout[0], memory.before[0, b], memory.outputs[layer, b])
                interpolate(weights.zoneout[1], memory.before[1, b], memory.cells[layer, b])
        _pass_on(weights, memory, layer, symbols)
    for b in range(B):
        copy(weights.head_bias, memory.logits[0, b])
    product(weights.panels, memory.queue, 2 * L, int(weights.starts[L]), memory.logits)


@inlined
def _project(weights: Weights, memory: Buffers, layer: int, symbols: NDArray[np.int64]) -> int:
    """Set the gates to the projected input of a layer; return the next panel."""
    (L, B, _), (G, _, H) = memory.outputs.shape, memory.gates.shape
    gates, panel = memory.gates, int(weights.starts[layer])
    if layer > 0 and len(weights.gains) > 0:
        clear(gates)
        panel = product(weights.panels, memory.queue, 2 * L, panel, gates)
        normalize(gates, weights.gains[layer, 0])
        for b in range(B):
            for gate in range(G):
                add(weights.bias[layer, gate * H : (gate + 1) * H], gates[gate, b])
        return panel
    for b in range(B):
        projected = weights.table[symbols[b]] if layer == 0 else weights.bias[layer]
        for gate in range(G):
            copy(projected[gate * H : (gate + 1) * H], gates[gate, b])
    if layer > 0:
        panel = product(weights.panels, memory.queue, 2 * L, panel, gates)
    return panel


@inlined
def _pass_on(weights: Weights, memory: Buffers, layer: int, symbols: NDArray[np.int64]) -> None:
    """Set the input of the next layer to the output of this one."""
    for b in range(len(memory.inputs)):
        h = memory.outputs[layer, b]
        flush_to_zero(h)
        flush_to_zero(memory.cells[layer, b])
        if len(weights.output_norm) > 0:
            normalized = memory.scratch[b]
            copy(weights.output_norm[layer, 1], normalized)
            add_product(weights.output_norm[layer, 0], h, normalized)
            h = normalized
        if weights.residual and layer > 0:
            add(h, memory.inputs[b])
            continue
        copy(h, memory.inputs[b])
        if weights.residual and len(weights.embedding) > 0:
            add(weights.embedding[symbols[b]], memory.inputs[b])


@inlined
def _recur(weights: Weights, memory: Buffers, layer: int, panel: int) -> None:
    """Compute a layer from its projected input; its other rows begin with ``panel``."""
    B, (G, _, _) = memory.outputs.shape[1], memory.gates.shape
    if weights.cell == RNN:
        _add_recurrent(weights, memory, layer, layer, panel, 0, G)
        for b in range(B):
            _rnn(weights.activation, memory.gates[0, b], memory.outputs[layer, b])
    elif weights.cell == LSTM:
        panel = _add_recurrent(weights, memory, layer, layer, panel, 0, G)
        _lstm(weights, memory, layer, panel)
    elif weights.cell == GRU_AFTER:
        panel = _add_recurrent(weights, memory, layer, layer, panel, 0, 2)
        _gru_after(weights, memory, layer, panel)
    elif weights.cell == GRU_BEFORE:
        panel = _add_recurrent(weights, memory, layer, layer, panel, 0, 2)
        _gru_before(weights, memory, layer, panel)
    else:
        for b in range(B):
            _min(weights.cell, memory.gates, b, memory.outputs[layer, b])


@inlined
def _add_recurrent(
    weights: Weights, memory: Buffers, layer: int, which: int, panel: int, first: int, end: int
) -> int:
    """Add the product of a vector with the recurrent rows of some gates; return the next panel."""
    if len(weights.gains) == 0:
        return product(weights.panels, memory.queue, which, panel, memory.gates[first:end])
    recurrent, H = memory.recurrent[first:end], memory.gates.shape[2]
    clear(recurrent)
    panel = product(weights.panels, memory.queue, which, panel, recurrent)
    normalize(recurrent, weights.gains[layer, 1, first * H :])
    for gate in range(end - first):
        for b in range(recurrent.shape[1]):
            add(recurrent[gate, b], memory.gates[first + gate, b])
    return panel


@inlined
def _lstm(weights: Weights, memory: Buffers, layer: int, panel: int) -> None:
    """Finish an LSTM, whose matrix peepholes begin with ``panel``."""
    (L, B, _), gates = memory.outputs.shape, memory.gates
    if weights.peepholes == MATRIX_PEEPHOLES:
        panel = product(weights.panels, memory.queue, L + layer, panel, gates[:2])
    for b in range(B):
        _lstm_cell(weights, layer, gates, b, memory.cells[layer, b])
    if weights.peepholes == MATRIX_PEEPHOLES:
        product(weights.panels, memory.queue, L + layer, panel, gates[3:])
    for b in range(B):
        h, c = memory.outputs[layer, b], memory.cells[layer, b]
        _lstm_output(weights, layer, gates[3, b], c, h)


@inlined
def _gru_after(weights: Weights, memory: Buffers, layer: int, panel: int) -> None:
    """Finish a GRU with the reset gate after the product; the candidate begins with ``panel``."""
    B, H = memory.outputs.shape[1], memory.gates.shape[2]
    gates, candidates = memory.gates, memory.candidates
    if len(weights.gains) > 0:
        clear(candidates)
        product(weights.panels, memory.queue, layer, panel, candidates)
        normalize(candidates, weights.gains[layer, 1, 2 * H :])
        for b in range(B):
            add(weights.line_weights[layer, 0], candidates[0, b])
    else:
        for b in range(B):
            copy(weights.line_weights[layer, 0], candidates[0, b])
        product(weights.panels, memory.queue, layer, panel, candidates)
    for b in range(B):
        apply_sigmoid(gates[0, b])
        add_product(gates[0, b], candidates[0, b], gates[2, b])
        _gru_output(gates, b, memory.outputs[layer, b])


@inlined
def _gru_before(weights: Weights, memory: Buffers, layer: int, panel: int) -> None:
    """Finish a GRU with the reset gate before the product; the candidate begins with ``panel``."""
    (L, B, _), gates = memory.outputs.shape, memory.gates
    for b in range(B):
        apply_sigmoid(gates[0, b])
        multiply(gates[0, b], memory.outputs[layer, b], memory.scratch[b])
    _add_recurrent(weights, memory, layer, 2 * L + 1, panel, 2, 3)
    for b in range(B):
        _gru_output(gates, b, memory.outputs[layer, b])


@compiled_without_allocation
def _rnn(activation: int, gate: Line, h: Line) -> None:
    use_widest_vectors()
    copy(gate, h)
    if activation == TANH:
        apply_tanh(h)
    elif activation == SIGMOID:
        apply_sigmoid(h)
    else:
        for j in range(h.size):
            h[j] = max(h[j], np.float32(0))


@compiled_without_allocation
def _lstm_cell(weights: Weights, layer: int, gates: Blocks, b: int, c: Line) -> None:
    """Compute c of an LSTM from its gates, to which vector peepholes are still to be added."""
    use_widest_vectors()
    i, f, g = gates[0, b], gates[1, b], gates[2, b]
    if weights.peepholes == VECTOR_PEEPHOLES:
        add_product(weights.line_weights[layer, 0], c, i)
        add_product(weights.line_weights[layer, 1], c, f)
    apply_sigmoid(i)
    apply_sigmoid(f)
    apply_tanh(g)
    multiply(f, c, c)
    add_product(i, g, c)


@compiled_without_allocation
def _lstm_output(weights: Weights, layer: int, o: Line, c: Line, h: Line) -> None:
    """Compute h of an LSTM from its new c."""
    use_widest_vectors()
    if weights.peepholes == VECTOR_PEEPHOLES:
        add_product(weights.line_weights[layer, 2], c, o)
    apply_sigmoid(o)
    if len(weights.memory_norm) > 0:
        normalize_line(c, h)
        multiply(weights.memory_norm[layer, 0], h, h)
        add(weights.memory_norm[layer, 1], h)
    else:
        copy(c, h)
    apply_tanh(h)
    multiply(o, h, h)


@compiled_without_allocation
def _gru_output(gates: Blocks, b: int, h: Line) -> None:
    """Compute h of a GRU from the sums inside z and the candidate."""
    use_widest_vectors()
    z, candidate = gates[1, b], gates[2, b]
    apply_sigmoid(z)
    apply_tanh(candidate)
    for j in range(h.size):
        h[j] = candidate[j] + z[j] * (h[j] - candidate[j])


@compiled_without_allocation
def _min(cell: int, gates: Blocks, b: int, h: Line) -> None:
    """Compute h of a min cell, between the earlier h and the candidate, the last of its gates."""
    use_widest_vectors()
    if cell == MIN_GRU:
        share, candidate = gates[0, b], gates[1, b]
        apply_sigmoid(share)
    else:
        share, candidate = gates[1, b], gates[2, b]
        _input_share(gates[0, b], share)
    for j in range(h.size):
        h[j] += share[j] * (candidate[j] - h[j])


@compiled_without_allocation
def _input_share(f: Line, i: Line) -> None:
    """Replace i by its share σ(i) / (σ(f) + σ(i)), which is finite even if both round to 0."""
    use_widest_vectors()
    for j in range(f.size):
        # = σ(log σ(i) − log σ(f)), with log σ(x) = min(x, 0) − log(1 + e^−|x|)
        of_f = min(np.float64(f[j]), 0.0) - np.log1p(np.exp(-np.abs(np.float64(f[j]))))
        of_i = min(np.float64(i[j]), 0.0) - np.log1p(np.exp(-np.abs(np.float64(i[j]))))
        i[j] = 1 / (1 + np.exp(of_f - of_i))
