"""The pointwise half of a step through time on a CPU: rnn and lstm (``pointwise_gru``: the gru).

A step is a product with the recurrent weights and one of these calls, which does all that is left
of it for the whole batch: in ``windows`` all steps are compiled together, in ``steps`` the products
are torch's. A *forward* call adds the product to the input's part, applies the gates and
writes the new h; a *backward* call turns the gradient that reaches h into those of the gates,
which the next product takes one step back.

Arrays are C-contiguous. Storage is float32, float64, or uint16 that holds the bits of bfloat16;
what stays within a step is in float64 for float64 and in float32 otherwise. ``lines`` is memory
for that, [at least LINES, U] in that type. Every loop runs over one line [U] and few arrays, which
is what compilers turn into vector code.

Shapes: T time steps, B streams, H hidden, G gates, R rows of projected inputs, U units of a call.
``t`` is the step; the position (t, b) has the input's part ``rows[index[t, b]]``. ``units`` are the
first of the H units that a call is for, and the one after the last: of all arrays it reads and
writes these alone. ``hidden`` and ``cells`` are [T + 1, B, H] and begin with the initial state.
``gates`` is [T, B, ...], or [1, B, ...] forward where nobody needs them afterwards. ``arriving``
[T, B, H] is the gradient of the outputs; ``product`` [B, at least G·U] is what the last product
with the recurrent weights gave, for these units alone: forward that of h, gate after gate,
backward the gradient that comes from the step after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.jit import compiled_for_teams, use_widest_vectors
from nextchar.nn.lines import (
    Array,
    Units,
    add_product,
    narrow,
    of,
    of_gate,
    squash,
    squash_tanh,
    widen,
    widen_sum,
)

Index = NDArray[np.int64]

LINES = 9
TANH, RELU, SIGMOID = 0, 1, 2


@compiled_for_teams
def rnn_forward(
    t: int,
    units: Units,
    product: Array,
    activation: int,
    rows: Array,
    index: Index,
    hidden: Array,
    lines: Array,
) -> None:
    """Take a step of the simple recurrence."""
    use_widest_vectors()
    size = units[1] - units[0]
    h = lines[0, :size]
    for b in range(hidden.shape[1]):
        widen_sum(of(rows[index[t, b]], units), product[b, :size], h)
        if activation == TANH:
            squash_tanh(h)
        elif activation == SIGMOID:
            squash(h)
        else:
            for j in range(size):
                h[j] = max(h[j], 0.0)
        narrow(h, of(hidden[t + 1, b], units))


@compiled_for_teams
def rnn_backward(
    t: int,
    units: Units,
    product: Array,
    activation: int,
    arriving: Array,
    hidden: Array,
    d_gates: Array,
    lines: Array,
) -> None:
    """Give the gradient of the sum inside φ."""
    use_widest_vectors()
    size = units[1] - units[0]
    d, h = lines[0, :size], lines[1, :size]
    for b in range(hidden.shape[1]):
        widen_sum(of(arriving[t, b], units), product[b, :size], d)
        widen(of(hidden[t + 1, b], units), h)
        if activation == TANH:
            for j in range(size):
                d[j] *= 1 - h[j] * h[j]
        elif activation == SIGMOID:
            for j in range(size):
                d[j] *= h[j] - h[j] * h[j]
        else:
            for j in range(size):
                d[j] = d[j] if h[j] > 0 else d[j] * h[j]
        narrow(d, of(d_gates[t % len(d_gates), b], units))


@compiled_for_teams
def lstm_forward(
    t: int,
    units: Units,
    product: Array,
    rows: Array,
    index: Index,
    peepholes: Array,
    gates: Array,
    cells: Array,
    hidden: Array,
    lines: Array,
) -> None:
    """Take a step of the LSTM; ``peepholes`` is [3, H] for i, f and o, or [0, H] for none."""
    use_widest_vectors()
    (B, H), size = hidden.shape[1:], units[1] - units[0]
    i, f, g, o, s = (
        lines[0, :size],
        lines[1, :size],
        lines[2, :size],
        lines[3, :size],
        lines[4, :size],
    )
    for b in range(B):
        row, recurrent, kept = rows[index[t, b]], product[b], gates[t % len(gates), b]
        c, c_new = of(cells[t, b], units), of(cells[t + 1, b], units)
        widen_sum(of_gate(row, 0, H, units), recurrent[:size], i)
        widen_sum(of_gate(row, 1, H, units), recurrent[size : 2 * size], f)
        widen_sum(of_gate(row, 2, H, units), recurrent[2 * size : 3 * size], g)
        widen_sum(of_gate(row, 3, H, units), recurrent[3 * size : 4 * size], o)
        if len(peepholes) > 0:
            add_product(i, of(peepholes[0], units), c)
            add_product(f, of(peepholes[1], units), c)
        squash(i)
        squash(f)
        squash_tanh(g)
        for j in range(size):
            c_new[j] = f[j] * c[j] + i[j] * g[j]
        if len(peepholes) > 0:
            add_product(o, of(peepholes[2], units), c_new)
        squash(o)
        for j in range(size):
            s[j] = c_new[j]
        squash_tanh(s)
        for j in range(size):
            s[j] *= o[j]
        narrow(s, of(hidden[t + 1, b], units))
        if len(gates) == len(index):
            narrow(i, of_gate(kept, 0, H, units))
            narrow(f, of_gate(kept, 1, H, units))
            narrow(g, of_gate(kept, 2, H, units))
            narrow(o, of_gate(kept, 3, H, units))


@compiled_for_teams
def lstm_backward(
    t: int,
    units: Units,
    product: Array,
    arriving: Array,
    carry: Array,
    peepholes: Array,
    gates: Array,
    cells: Array,
    d_gates: Array,
    d_peepholes: Array,
    lines: Array,
) -> None:
    """Give the gradients of the gates; ``carry`` [B, H] goes from the gradient of c to that of c₋.

    Those of the peepholes are added to ``d_peepholes``.
    """
    use_widest_vectors()
    (B, H), size = carry.shape, units[1] - units[0]
    i, f, g, o, s = (
        lines[0, :size],
        lines[1, :size],
        lines[2, :size],
        lines[3, :size],
        lines[4, :size],
    )
    d, d_o = lines[5, :size], lines[6, :size]
    for b in range(B):
        kept, towards, d_c = gates[t, b], d_gates[t % len(d_gates), b], of(carry[b], units)
        c, c_new = of(cells[t, b], units), of(cells[t + 1, b], units)
        widen(of_gate(kept, 0, H, units), i)
        widen(of_gate(kept, 1, H, units), f)
        widen(of_gate(kept, 2, H, units), g)
        widen(of_gate(kept, 3, H, units), o)
        for j in range(size):
            s[j] = c_new[j]
        squash_tanh(s)
        widen_sum(of(arriving[t, b], units), product[b, :size], d)
        for j in range(size):
            d_o[j] = d[j] * s[j] * (o[j] - o[j] * o[j])
        for j in range(size):
            d_c[j] += d[j] * o[j] * (1 - s[j] * s[j])
        if len(peepholes) > 0:
            add_product(d_c, d_o, of(peepholes[2], units))
            add_product(of(d_peepholes[2], units), d_o, c_new)
        narrow(d_o, of_gate(towards, 3, H, units))
        for j in range(size):
            d[j] = d_c[j] * i[j] * (1 - g[j] * g[j])
        narrow(d, of_gate(towards, 2, H, units))
        for j in range(size):
            d[j] = d_c[j] * g[j] * (i[j] - i[j] * i[j])
        narrow(d, of_gate(towards, 0, H, units))
        for j in range(size):
            d_o[j] = d_c[j] * c[j] * (f[j] - f[j] * f[j])
        narrow(d_o, of_gate(towards, 1, H, units))
        for j in range(size):
            d_c[j] *= f[j]
        if len(peepholes) > 0:
            add_product(d_c, d, of(peepholes[0], units))
            add_product(d_c, d_o, of(peepholes[1], units))
            add_product(of(d_peepholes[0], units), d, c)
            add_product(of(d_peepholes[1], units), d_o, c)


@compiled_for_teams
def add_rows(values: Array, index: Index, sums: Array, line: Array) -> None:
    """Add each row of ``values`` [N, W] to the row of ``sums`` [R, W] that ``index`` [N] names."""
    use_widest_vectors()
    for n in range(len(values)):
        total = sums[index[n]]
        widen(values[n], line)
        for j in range(line.size):
            total[j] += line[j]
