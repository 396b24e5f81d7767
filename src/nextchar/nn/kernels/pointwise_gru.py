"""The pointwise half of a step of the gru on a CPU, through time; see ``pointwise``.

Shapes and arrays are those of ``pointwise``.
"""

from __future__ import annotations

from nextchar.compilation.jit import compiled_for_teams
from nextchar.nn.kernels.pointwise import Index
from nextchar.nn.kernels.simd import Lines, formula
from nextchar.nn.kernels.slices import Array, Units


@formula("row", "product", "bias", "h", "h_new", "kept")
def _after_forward(lines: Lines) -> None:
    r = (lines.read("row", 0) + lines.read("product", 0)).sigmoid()
    z = (lines.read("row", 1) + lines.read("product", 1)).sigmoid()
    u = lines.read("product", 2) + lines.read("bias")
    n = (lines.read("row", 2) + r * u).tanh()
    lines.keep("h_new", n + z * (lines.read("h") - n))
    for gate, values in enumerate((r, z, n, u)):
        lines.keep("kept", values, gate)


@formula("kept", "h", "arriving", "product", "carry", "d_bias", "to_input", "to_product")
def _after_backward(lines: Lines) -> None:
    r, z, n, u = (lines.read("kept", gate) for gate in range(4))
    d = lines.read("arriving") + lines.read("product") + lines.read("carry")
    lines.write("carry", d * z)
    d_z = d * (lines.read("h") - n) * (z - z * z)
    d_n = d * (1 - z) * (1 - n * n)
    d_r, d_u = d_n * u * (r - r * r), d_n * r
    lines.write("d_bias", lines.read("d_bias") + d_u)
    for gate, values in enumerate((d_r, d_z, d_n)):
        lines.keep("to_input", values, gate)
    for gate, values in enumerate((d_r, d_z, d_u)):
        lines.keep("to_product", values, gate)


@formula("row", "product", "h", "remembered", "kept")
def _before_open(lines: Lines) -> None:
    r, z = ((lines.read("row", gate) + lines.read("product", gate)).sigmoid() for gate in (0, 1))
    lines.keep("kept", r, 0)
    lines.keep("kept", z, 1)
    lines.keep("remembered", r * lines.read("h"))


@formula("row", "product", "h", "h_new", "kept")
def _before_close(lines: Lines) -> None:
    n, z = (lines.read("row", 2) + lines.read("product")).tanh(), lines.read("kept", 1)
    lines.keep("kept", n, 2)
    lines.keep("h_new", n + z * (lines.read("h") - n))


@formula("kept", "h", "arriving", "product", "carry", "d_candidate", "d_gates")
def _before_backward_close(lines: Lines) -> None:
    z, n = lines.read("kept", 1), lines.read("kept", 2)
    d = lines.read("arriving") + lines.read("product") + lines.read("carry")
    lines.write("carry", d * z)
    lines.keep("d_gates", d * (lines.read("h") - n) * (z - z * z), 1)
    d_n = d * (1 - z) * (1 - n * n)
    lines.keep("d_gates", d_n, 2)
    lines.keep("d_candidate", d_n)


@formula("kept", "h", "product", "carry", "d_opened", "d_gates")
def _before_backward_open(lines: Lines) -> None:
    r, d = lines.read("kept", 0), lines.read("product")
    lines.write("carry", lines.read("carry") + d * r)
    d_r = d * lines.read("h") * (r - r * r)
    lines.keep("d_gates", d_r, 0)
    lines.keep("d_opened", d_r, 0)
    lines.write("d_opened", lines.read("d_gates", 1), 1)


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
) -> None:
    """Take a step of the GRU that resets after the product; ``bias`` is b' [H].

    ``gates`` [T, B, 4·H] keeps r, z, the candidate and U h + b', which the reset gate multiplies.
    """
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        row, kept = rows[index[t, b]], gates[t % len(gates), b]
        _after_forward(
            size, row, first, H, product[b], 0, size, bias, first, 0, hidden[t, b], first, 0,
            hidden[t + 1, b], first, 0, kept, first, H,
        )  # fmt: skip


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
) -> None:
    """Give the gradients of the input's part and of the recurrent part of the gates.

    The two differ in the candidate. ``carry`` [B, H] is the gradient that reaches h₋ past the
    gates; it is added to that of the product and written anew.
    """
    (B, H), size, first = carry.shape, units[1] - units[0], units[0]
    for b in range(B):
        to_input = d_projected[t % len(d_projected), b]
        to_product = d_recurrent[t % len(d_recurrent), b]
        _after_backward(
            size, gates[t, b], first, H, hidden[t, b], first, 0, arriving[t, b], first, 0,
            product[b], 0, 0, carry[b], first, 0, d_bias, first, 0, to_input, first, H,
            to_product, first, H,
        )  # fmt: skip


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
) -> None:
    """Begin a step of the GRU that resets before the product: r, z, and r ⊙ h₋.

    ``product`` is [B, 2·H]; ``gates`` [T, B, 3·H] keeps r, z and the candidate, ``remembered``
    [T, B, H] r ⊙ h₋, which the next product takes.
    """
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        _before_open(
            size, rows[index[t, b]], first, H, product[b], 0, size, hidden[t, b], first, 0,
            remembered[t, b], first, 0, gates[t % len(gates), b], first, H,
        )  # fmt: skip


@compiled_for_teams
def gru_before_close(
    t: int,
    units: Units,
    product: Array,
    rows: Array,
    index: Index,
    gates: Array,
    hidden: Array,
) -> None:
    """End the step: the candidate from ``product`` [B, H] = U (r ⊙ h₋), and the new h."""
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        _before_close(
            size, rows[index[t, b]], first, H, product[b], 0, 0, hidden[t, b], first, 0,
            hidden[t + 1, b], first, 0, gates[t % len(gates), b], first, H,
        )  # fmt: skip


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
) -> None:
    """Give the gradients of z and of the candidate; ``carry`` as in ``gru_after_backward``.

    ``d_candidate`` [B, H] is a copy for the product that gives the gradient of r ⊙ h₋.
    """
    (B, H), size, first = carry.shape, units[1] - units[0], units[0]
    for b in range(B):
        _before_backward_close(
            size, gates[t, b], first, H, hidden[t, b], first, 0, arriving[t, b], first, 0,
            product[b], 0, 0, carry[b], first, 0, d_candidate[b], first, 0,
            d_gates[t % len(d_gates), b], first, H,
        )  # fmt: skip


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
) -> None:
    """Give the gradient of r from ``product`` [B, H], that of r ⊙ h₋.

    ``d_opened`` [B, 2·H] is a copy of those of r and z for the next product.
    """
    (B, H), size, first = carry.shape, units[1] - units[0], units[0]
    for b in range(B):
        _before_backward_open(
            size, gates[t, b], first, H, hidden[t, b], first, 0, product[b], 0, 0,
            carry[b], first, 0, d_opened[b], first, H, d_gates[t % len(d_gates), b], first, H,
        )  # fmt: skip
