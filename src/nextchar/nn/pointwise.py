"""The pointwise half of a recurrence through time on a CPU: one compiled call a step.

``through_time`` alternates a product with the recurrent weights and one of these calls, which
does all that is left of a step for the whole batch. A *forward* call adds the product to the
input's part, applies the gates and writes the new h; a *backward* call turns the gradient that
reaches h into those of the gates, which the next product takes one step back.

Arrays are C-contiguous. Storage is float32, float64, or uint16 that holds the bits of bfloat16;
what stays within a step is in float64 for float64 and in float32 otherwise. ``lines`` is memory
for that, [at least 9, H] in that type. Every loop runs over one line [H] and few arrays, which
is what compilers turn into vector code.

Shapes: T time steps, B streams, H hidden, G gates, R rows of projected inputs. ``t`` is the step;
the position (t, b) has the input's part ``rows[index[t, b]]``. ``hidden`` and ``cells`` are
[T + 1, B, H] and begin with the initial state. ``arriving`` [T, B, H] is the gradient of the
outputs; ``product`` [B, ...] is what the last product with the recurrent weights gave, forward
that of h, backward the gradient that comes from the step after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.jit import compiled
from nextchar.nn.lines import Array, add_product, narrow, squash, squash_tanh, widen, widen_sum

Index = NDArray[np.int64]

LINES = 9
TANH, RELU, SIGMOID = 0, 1, 2


@compiled
def rnn_forward(
    t: int,
    product: Array,
    activation: int,
    rows: Array,
    index: Index,
    hidden: Array,
    lines: Array,
) -> None:
    """Take a step of the simple recurrence."""
    B, H = hidden.shape[1:]
    h = lines[0]
    for b in range(B):
        widen_sum(rows[index[t, b]], product[b], h)
        if activation == TANH:
            squash_tanh(h)
        elif activation == SIGMOID:
            squash(h)
        else:
            for j in range(H):
                h[j] = max(h[j], 0.0)
        narrow(h, hidden[t + 1, b])


@compiled
def rnn_backward(
    t: int,
    product: Array,
    activation: int,
    arriving: Array,
    hidden: Array,
    d_gates: Array,
    lines: Array,
) -> None:
    """Give the gradient of the sum inside φ."""
    B, H = hidden.shape[1:]
    d, h = lines[0], lines[1]
    for b in range(B):
        widen_sum(arriving[t, b], product[b], d)
        widen(hidden[t + 1, b], h)
        if activation == TANH:
            for j in range(H):
                d[j] *= 1 - h[j] * h[j]
        elif activation == SIGMOID:
            for j in range(H):
                d[j] *= h[j] - h[j] * h[j]
        else:
            for j in range(H):
                d[j] = d[j] if h[j] > 0 else d[j] * h[j]
        narrow(d, d_gates[t, b])


@compiled
def lstm_forward(
    t: int,
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
    B, H = hidden.shape[1:]
    i, f, g, o, s = lines[0], lines[1], lines[2], lines[3], lines[4]
    for b in range(B):
        row, recurrent, kept = rows[index[t, b]], product[b], gates[t, b]
        c, c_new = cells[t, b], cells[t + 1, b]
        widen_sum(row[:H], recurrent[:H], i)
        widen_sum(row[H : 2 * H], recurrent[H : 2 * H], f)
        widen_sum(row[2 * H : 3 * H], recurrent[2 * H : 3 * H], g)
        widen_sum(row[3 * H :], recurrent[3 * H :], o)
        if len(peepholes) > 0:
            add_product(i, peepholes[0], c)
            add_product(f, peepholes[1], c)
        squash(i)
        squash(f)
        squash_tanh(g)
        for j in range(H):
            c_new[j] = f[j] * c[j] + i[j] * g[j]
        if len(peepholes) > 0:
            add_product(o, peepholes[2], c_new)
        squash(o)
        for j in range(H):
            s[j] = c_new[j]
        squash_tanh(s)
        for j in range(H):
            s[j] *= o[j]
        narrow(s, hidden[t + 1, b])
        narrow(i, kept[:H])
        narrow(f, kept[H : 2 * H])
        narrow(g, kept[2 * H : 3 * H])
        narrow(o, kept[3 * H :])


@compiled
def lstm_backward(
    t: int,
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
    B, H = carry.shape
    i, f, g, o, s = lines[0], lines[1], lines[2], lines[3], lines[4]
    d, d_o = lines[5], lines[6]
    for b in range(B):
        kept, towards, d_c = gates[t, b], d_gates[t, b], carry[b]
        c, c_new = cells[t, b], cells[t + 1, b]
        widen(kept[:H], i)
        widen(kept[H : 2 * H], f)
        widen(kept[2 * H : 3 * H], g)
        widen(kept[3 * H :], o)
        for j in range(H):
            s[j] = c_new[j]
        squash_tanh(s)
        widen_sum(arriving[t, b], product[b], d)
        for j in range(H):
            d_o[j] = d[j] * s[j] * (o[j] - o[j] * o[j])
        for j in range(H):
            d_c[j] += d[j] * o[j] * (1 - s[j] * s[j])
        if len(peepholes) > 0:
            add_product(d_c, d_o, peepholes[2])
            add_product(d_peepholes[2], d_o, c_new)
        narrow(d_o, towards[3 * H :])
        for j in range(H):
            d[j] = d_c[j] * i[j] * (1 - g[j] * g[j])
        narrow(d, towards[2 * H : 3 * H])
        for j in range(H):
            d[j] = d_c[j] * g[j] * (i[j] - i[j] * i[j])
        narrow(d, towards[:H])
        for j in range(H):
            d_o[j] = d_c[j] * c[j] * (f[j] - f[j] * f[j])
        narrow(d_o, towards[H : 2 * H])
        for j in range(H):
            d_c[j] *= f[j]
        if len(peepholes) > 0:
            add_product(d_c, d, peepholes[0])
            add_product(d_c, d_o, peepholes[1])
            add_product(d_peepholes[0], d, c)
            add_product(d_peepholes[1], d_o, c)


@compiled
def gru_after_forward(
    t: int,
    product: Array,
    rows: Array,
    index: Index,
    bias: Array,
    gates: Array,
    hidden: Array,
    lines: Array,
) -> None:
    """Take a step of the GRU that resets after the product; ``bias`` is b' [H].

    ``gates`` [T, B, 4·H] keeps r, z, the candidate and U h + b', which the reset gate multiplies.
    """
    B, H = hidden.shape[1:]
    r, z, n, u, h = lines[0], lines[1], lines[2], lines[3], lines[4]
    for b in range(B):
        row, recurrent, kept = rows[index[t, b]], product[b], gates[t, b]
        widen_sum(row[:H], recurrent[:H], r)
        squash(r)
        widen_sum(row[H : 2 * H], recurrent[H : 2 * H], z)
        squash(z)
        widen(recurrent[2 * H :], u)
        for j in range(H):
            u[j] += bias[j]
        widen(row[2 * H :], n)
        add_product(n, r, u)
        squash_tanh(n)
        widen(hidden[t, b], h)
        for j in range(H):
            h[j] = n[j] + z[j] * (h[j] - n[j])
        narrow(h, hidden[t + 1, b])
        narrow(r, kept[:H])
        narrow(z, kept[H : 2 * H])
        narrow(n, kept[2 * H : 3 * H])
        narrow(u, kept[3 * H :])


@compiled
def gru_after_backward(
    t: int,
    product: Array,
    arriving: Array,
    carry: Array,
    gates: Array,
    hidden: Array,
    d_projected: Array,
    d_recurrent: Array,
    d_bias: Array,
    lines: Array,
) -> None:
    """Give the gradients of the input's part and of the recurrent part of the gates.

    The two differ in the candidate. ``carry`` [B, H] is the gradient that reaches h₋ past the
    gates; it is added to that of the product and written anew.
    """
    B, H = carry.shape
    r, z, n, u, h = lines[0], lines[1], lines[2], lines[3], lines[4]
    d, d_part = lines[5], lines[6]
    for b in range(B):
        kept, to_input, to_product = gates[t, b], d_projected[t, b], d_recurrent[t, b]
        past = carry[b]
        widen(kept[:H], r)
        widen(kept[H : 2 * H], z)
        widen(kept[2 * H : 3 * H], n)
        widen(kept[3 * H :], u)
        widen(hidden[t, b], h)
        widen_sum(arriving[t, b], product[b], d)
        for j in range(H):
            d[j] += past[j]
        for j in range(H):
            past[j] = d[j] * z[j]
        for j in range(H):
            d_part[j] = d[j] * (h[j] - n[j]) * (z[j] - z[j] * z[j])
        narrow(d_part, to_input[H : 2 * H])
        narrow(d_part, to_product[H : 2 * H])
        for j in range(H):
            d[j] *= (1 - z[j]) * (1 - n[j] * n[j])
        narrow(d, to_input[2 * H :])
        for j in range(H):
            d_part[j] = d[j] * u[j] * (r[j] - r[j] * r[j])
        narrow(d_part, to_input[:H])
        narrow(d_part, to_product[:H])
        for j in range(H):
            d[j] *= r[j]
        narrow(d, to_product[2 * H :])
        for j in range(H):
            d_bias[j] += d[j]


@compiled
def gru_before_open(
    t: int,
    product: Array,
    rows: Array,
    index: Index,
    gates: Array,
    hidden: Array,
    remembered: Array,
    lines: Array,
) -> None:
    """Begin a step of the GRU that resets before the product: r, z, and r ⊙ h₋.

    ``product`` is [B, 2·H]; ``gates`` [T, B, 3·H] keeps r, z and the candidate, ``remembered``
    [T, B, H] r ⊙ h₋, which the next product takes.
    """
    B, H = hidden.shape[1:]
    r, z, h = lines[0], lines[1], lines[2]
    for b in range(B):
        row, recurrent, kept = rows[index[t, b]], product[b], gates[t, b]
        widen_sum(row[:H], recurrent[:H], r)
        squash(r)
        narrow(r, kept[:H])
        widen_sum(row[H : 2 * H], recurrent[H:], z)
        squash(z)
        narrow(z, kept[H : 2 * H])
        widen(hidden[t, b], h)
        for j in range(H):
            h[j] *= r[j]
        narrow(h, remembered[t, b])


@compiled
def gru_before_close(
    t: int,
    product: Array,
    rows: Array,
    index: Index,
    gates: Array,
    hidden: Array,
    lines: Array,
) -> None:
    """End the step: the candidate from ``product`` [B, H] = U (r ⊙ h₋), and the new h."""
    B, H = hidden.shape[1:]
    z, n, h = lines[0], lines[1], lines[2]
    for b in range(B):
        row, kept = rows[index[t, b]], gates[t, b]
        widen_sum(row[2 * H :], product[b], n)
        squash_tanh(n)
        narrow(n, kept[2 * H :])
        widen(kept[H : 2 * H], z)
        widen(hidden[t, b], h)
        for j in range(H):
            h[j] = n[j] + z[j] * (h[j] - n[j])
        narrow(h, hidden[t + 1, b])


@compiled
def gru_before_backward_close(
    t: int,
    product: Array,
    arriving: Array,
    carry: Array,
    gates: Array,
    hidden: Array,
    d_gates: Array,
    d_candidate: Array,
    lines: Array,
) -> None:
    """Give the gradients of z and of the candidate; ``carry`` as in ``gru_after_backward``.

    ``d_candidate`` [B, H] is a copy for the product that gives the gradient of r ⊙ h₋.
    """
    B, H = carry.shape
    z, n, h = lines[0], lines[1], lines[2]
    d, d_part = lines[3], lines[4]
    for b in range(B):
        kept, towards, past = gates[t, b], d_gates[t, b], carry[b]
        widen(kept[H : 2 * H], z)
        widen(kept[2 * H :], n)
        widen(hidden[t, b], h)
        widen_sum(arriving[t, b], product[b], d)
        for j in range(H):
            d[j] += past[j]
        for j in range(H):
            past[j] = d[j] * z[j]
        for j in range(H):
            d_part[j] = d[j] * (h[j] - n[j]) * (z[j] - z[j] * z[j])
        narrow(d_part, towards[H : 2 * H])
        for j in range(H):
            d[j] *= (1 - z[j]) * (1 - n[j] * n[j])
        narrow(d, towards[2 * H :])
        narrow(d, d_candidate[b])


@compiled
def gru_before_backward_open(
    t: int,
    product: Array,
    carry: Array,
    gates: Array,
    hidden: Array,
    d_gates: Array,
    d_opened: Array,
    lines: Array,
) -> None:
    """Give the gradient of r from ``product`` [B, H], that of r ⊙ h₋.

    ``d_opened`` [B, 2·H] is a copy of those of r and z for the next product.
    """
    B, H = carry.shape
    r, h, d, d_r = lines[0], lines[1], lines[2], lines[3]
    for b in range(B):
        towards, past, opened = d_gates[t, b], carry[b], d_opened[b]
        widen(gates[t, b][:H], r)
        widen(hidden[t, b], h)
        widen(product[b], d)
        add_product(past, d, r)
        for j in range(H):
            d_r[j] = d[j] * h[j] * (r[j] - r[j] * r[j])
        narrow(d_r, towards[:H])
        narrow(d_r, opened[:H])
        opened[H:] = towards[H : 2 * H]


@compiled
def add_rows(values: Array, index: Index, sums: Array, line: Array) -> None:
    """Add each row of ``values`` [N, W] to the row of ``sums`` [R, W] that ``index`` [N] names."""
    for n in range(len(values)):
        total = sums[index[n]]
        widen(values[n], line)
        for j in range(line.size):
            total[j] += line[j]
