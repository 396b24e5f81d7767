"""The pointwise half of a step of the gru on a CPU, through time; see ``pointwise``.

Shapes and arrays are those of ``pointwise``.
"""

from __future__ import annotations

from nextchar.jit import compiled_for_teams, use_widest_vectors
from nextchar.nn.lines import (
    Array,
    Units,
    add_product,
    copy,
    narrow,
    of,
    of_gate,
    squash,
    squash_tanh,
    widen,
    widen_sum,
)
from nextchar.nn.pointwise import Index


@compiled_for_teams
def gru_after_forward(
    t: int,
    units: Units,
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
    use_widest_vectors()
    (B, H), size = hidden.shape[1:], units[1] - units[0]
    r, z, n, u, h = (
        lines[0, :size],
        lines[1, :size],
        lines[2, :size],
        lines[3, :size],
        lines[4, :size],
    )
    shift = of(bias, units)
    for b in range(B):
        row, recurrent, kept = rows[index[t, b]], product[b], gates[t % len(gates), b]
        widen_sum(of_gate(row, 0, H, units), recurrent[:size], r)
        squash(r)
        widen_sum(of_gate(row, 1, H, units), recurrent[size : 2 * size], z)
        squash(z)
        widen(recurrent[2 * size : 3 * size], u)
        for j in range(size):
            u[j] += shift[j]
        widen(of_gate(row, 2, H, units), n)
        add_product(n, r, u)
        squash_tanh(n)
        widen(of(hidden[t, b], units), h)
        for j in range(size):
            h[j] = n[j] + z[j] * (h[j] - n[j])
        narrow(h, of(hidden[t + 1, b], units))
        if len(gates) == len(index):
            narrow(r, of_gate(kept, 0, H, units))
            narrow(z, of_gate(kept, 1, H, units))
            narrow(n, of_gate(kept, 2, H, units))
            narrow(u, of_gate(kept, 3, H, units))


@compiled_for_teams
def gru_after_backward(
    t: int,
    units: Units,
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
    use_widest_vectors()
    (B, H), size = carry.shape, units[1] - units[0]
    r, z, n, u, h = (
        lines[0, :size],
        lines[1, :size],
        lines[2, :size],
        lines[3, :size],
        lines[4, :size],
    )
    d, d_part, d_shift = lines[5, :size], lines[6, :size], of(d_bias, units)
    for b in range(B):
        kept, to_input, to_product = (
            gates[t, b],
            d_projected[t % len(d_projected), b],
            d_recurrent[t % len(d_recurrent), b],
        )
        past = of(carry[b], units)
        widen(of_gate(kept, 0, H, units), r)
        widen(of_gate(kept, 1, H, units), z)
        widen(of_gate(kept, 2, H, units), n)
        widen(of_gate(kept, 3, H, units), u)
        widen(of(hidden[t, b], units), h)
        widen_sum(of(arriving[t, b], units), product[b, :size], d)
        for j in range(size):
            d[j] += past[j]
        for j in range(size):
            past[j] = d[j] * z[j]
        for j in range(size):
            d_part[j] = d[j] * (h[j] - n[j]) * (z[j] - z[j] * z[j])
        narrow(d_part, of_gate(to_input, 1, H, units))
        narrow(d_part, of_gate(to_product, 1, H, units))
        for j in range(size):
            d[j] *= (1 - z[j]) * (1 - n[j] * n[j])
        narrow(d, of_gate(to_input, 2, H, units))
        for j in range(size):
            d_part[j] = d[j] * u[j] * (r[j] - r[j] * r[j])
        narrow(d_part, of_gate(to_input, 0, H, units))
        narrow(d_part, of_gate(to_product, 0, H, units))
        for j in range(size):
            d[j] *= r[j]
        narrow(d, of_gate(to_product, 2, H, units))
        for j in range(size):
            d_shift[j] += d[j]


@compiled_for_teams
def gru_before_open(
    t: int,
    units: Units,
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
    use_widest_vectors()
    (B, H), size = hidden.shape[1:], units[1] - units[0]
    r, z, h = lines[0, :size], lines[1, :size], lines[2, :size]
    for b in range(B):
        row, recurrent, kept = rows[index[t, b]], product[b], gates[t % len(gates), b]
        widen_sum(of_gate(row, 0, H, units), recurrent[:size], r)
        squash(r)
        narrow(r, of_gate(kept, 0, H, units))
        widen_sum(of_gate(row, 1, H, units), recurrent[size : 2 * size], z)
        squash(z)
        narrow(z, of_gate(kept, 1, H, units))
        widen(of(hidden[t, b], units), h)
        for j in range(size):
            h[j] *= r[j]
        narrow(h, of(remembered[t, b], units))


@compiled_for_teams
def gru_before_close(
    t: int,
    units: Units,
    product: Array,
    rows: Array,
    index: Index,
    gates: Array,
    hidden: Array,
    lines: Array,
) -> None:
    """End the step: the candidate from ``product`` [B, H] = U (r ⊙ h₋), and the new h."""
    use_widest_vectors()
    (B, H), size = hidden.shape[1:], units[1] - units[0]
    z, n, h = lines[0, :size], lines[1, :size], lines[2, :size]
    for b in range(B):
        row, kept = rows[index[t, b]], gates[t % len(gates), b]
        widen_sum(of_gate(row, 2, H, units), product[b, :size], n)
        squash_tanh(n)
        if len(gates) == len(index):
            narrow(n, of_gate(kept, 2, H, units))
        widen(of_gate(kept, 1, H, units), z)
        widen(of(hidden[t, b], units), h)
        for j in range(size):
            h[j] = n[j] + z[j] * (h[j] - n[j])
        narrow(h, of(hidden[t + 1, b], units))


@compiled_for_teams
def gru_before_backward_close(
    t: int,
    units: Units,
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
    use_widest_vectors()
    (B, H), size = carry.shape, units[1] - units[0]
    z, n, h = lines[0, :size], lines[1, :size], lines[2, :size]
    d, d_part = lines[3, :size], lines[4, :size]
    for b in range(B):
        kept, towards, past = gates[t, b], d_gates[t % len(d_gates), b], of(carry[b], units)
        widen(of_gate(kept, 1, H, units), z)
        widen(of_gate(kept, 2, H, units), n)
        widen(of(hidden[t, b], units), h)
        widen_sum(of(arriving[t, b], units), product[b, :size], d)
        for j in range(size):
            d[j] += past[j]
        for j in range(size):
            past[j] = d[j] * z[j]
        for j in range(size):
            d_part[j] = d[j] * (h[j] - n[j]) * (z[j] - z[j] * z[j])
        narrow(d_part, of_gate(towards, 1, H, units))
        for j in range(size):
            d[j] *= (1 - z[j]) * (1 - n[j] * n[j])
        narrow(d, of_gate(towards, 2, H, units))
        narrow(d, of(d_candidate[b], units))


@compiled_for_teams
def gru_before_backward_open(
    t: int,
    units: Units,
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
    use_widest_vectors()
    (B, H), size = carry.shape, units[1] - units[0]
    r, h, d, d_r = lines[0, :size], lines[1, :size], lines[2, :size], lines[3, :size]
    for b in range(B):
        towards, past, opened = d_gates[t % len(d_gates), b], of(carry[b], units), d_opened[b]
        widen(of_gate(gates[t, b], 0, H, units), r)
        widen(of(hidden[t, b], units), h)
        widen(product[b, :size], d)
        add_product(past, d, r)
        for j in range(size):
            d_r[j] = d[j] * h[j] * (r[j] - r[j] * r[j])
        narrow(d_r, of_gate(towards, 0, H, units))
        narrow(d_r, of_gate(opened, 0, H, units))
        copy(of_gate(towards, 1, H, units), of_gate(opened, 1, H, units))
