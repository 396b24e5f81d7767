"""The pointwise half of a step through time on a CPU: rnn and lstm (``pointwise_gru``: the gru).

A step is a product with the recurrent weights and one of these calls, which does all that is left
of it for the whole batch: in ``windows`` all steps are compiled together, in ``steps`` the products
are torch's. A *forward* call adds the product to the input's part, applies the gates and
writes the new h; a *backward* call turns the gradient that reaches h into those of the gates,
which the next product takes one step back.

Arrays are C-contiguous. Storage is float32, float64, or uint16 that holds the bits of bfloat16;
what stays within a step is in float64 for float64 and in float32 otherwise. The equations are
formulas over lines [U] (``vectors``); an array in a call of one is followed by the place of its
first unit, and by how far a gate is from the next.

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

from functools import partial

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_for_teams
from nextchar.nn.kernels.simd import Lines, formula
from nextchar.nn.kernels.slices import Array, Units

Index = NDArray[np.int64]

TANH, RELU, SIGMOID = 0, 1, 2


def _rnn_forward(lines: Lines, *, activation: int) -> None:
    total = lines.read("row") + lines.read("product")
    if activation == RELU:
        lines.keep("h", total.rectified())
    else:
        lines.keep("h", total.tanh() if activation == TANH else total.sigmoid())


def _rnn_backward(lines: Lines, *, activation: int) -> None:
    d, h = lines.read("arriving") + lines.read("product"), lines.read("h")
    if activation == RELU:
        lines.keep("d_gates", d.chosen(h.above(0), d * h))  # h is 0, or no number
    else:
        lines.keep("d_gates", d * (1 - h * h) if activation == TANH else d * (h - h * h))


def _lstm_forward(lines: Lines, *, peepholes: bool) -> None:
    i, f, g, o = (lines.read("row", gate) + lines.read("product", gate) for gate in range(4))
    c = lines.read("c")
    if peepholes:
        i += lines.read("peepholes", 0) * c
        f += lines.read("peepholes", 1) * c
    i, f, g = i.sigmoid(), f.sigmoid(), g.tanh()
    c = f * c + i * g
    if peepholes:
        o += lines.read("peepholes", 2) * c
    o = o.sigmoid()
    lines.write("c_new", c)
    lines.keep("h", o * c.tanh())
    for gate, values in enumerate((i, f, g, o)):
        lines.keep("kept", values, gate)


def _lstm_backward(lines: Lines, *, peepholes: bool) -> None:
    i, f, g, o = (lines.read("kept", gate) for gate in range(4))
    c, c_new = lines.read("c"), lines.read("c_new")
    squashed = c_new.tanh()
    d = lines.read("arriving") + lines.read("product")
    d_o = d * squashed * (o - o * o)
    d_c = lines.read("carry") + d * o * (1 - squashed * squashed)
    if peepholes:
        d_c += d_o * lines.read("peepholes", 2)
    d_g = d_c * i * (1 - g * g)
    d_i = d_c * g * (i - i * i)
    d_f = d_c * c * (f - f * f)
    d_c *= f
    if peepholes:
        d_c += d_i * lines.read("peepholes", 0) + d_f * lines.read("peepholes", 1)
        for gate, seen in enumerate((d_i * c, d_f * c, d_o * c_new)):
            lines.write("d_peepholes", lines.read("d_peepholes", gate) + seen, gate)
    lines.write("carry", d_c)
    for gate, values in enumerate((d_i, d_f, d_g, d_o)):
        lines.keep("d_gates", values, gate)


_OF_RNN, _OF_RNN_BACK = ("row", "product", "h"), ("arriving", "product", "h", "d_gates")
_tanh_forward, _relu_forward, _sigmoid_forward = (
    formula(*_OF_RNN)(partial(_rnn_forward, activation=each)) for each in (TANH, RELU, SIGMOID)
)
_tanh_backward, _relu_backward, _sigmoid_backward = (
    formula(*_OF_RNN_BACK)(partial(_rnn_backward, activation=each))
    for each in (TANH, RELU, SIGMOID)
)
_OF_LSTM = "row", "product", "c", "peepholes", "c_new", "h", "kept"
_OF_LSTM_BACK = (
    "kept", "c", "c_new", "arriving", "product", "carry", "peepholes", "d_peepholes", "d_gates",
)  # fmt: skip
_plain_forward, _peephole_forward = (
    formula(*_OF_LSTM)(partial(_lstm_forward, peepholes=each)) for each in (False, True)
)
_plain_backward, _peephole_backward = (
    formula(*_OF_LSTM_BACK)(partial(_lstm_backward, peepholes=each)) for each in (False, True)
)


@formula("values", "sums")
def _add(lines: Lines) -> None:
    lines.write("sums", lines.read("sums") + lines.read("values"))


@compiled_for_teams
def rnn_forward(
    t: int,
    units: Units,
    product: Array,
    activation: int,
    rows: Array,
    index: Index,
    hidden: Array,
) -> None:
    """Take a step of the simple recurrence."""
    size, first = units[1] - units[0], units[0]
    for b in range(hidden.shape[1]):
        row, found, h = rows[index[t, b]], product[b], hidden[t + 1, b]
        if activation == TANH:
            _tanh_forward(size, row, first, 0, found, 0, 0, h, first, 0)
        elif activation == SIGMOID:
            _sigmoid_forward(size, row, first, 0, found, 0, 0, h, first, 0)
        else:
            _relu_forward(size, row, first, 0, found, 0, 0, h, first, 0)


@compiled_for_teams
def rnn_backward(
    t: int,
    units: Units,
    product: Array,
    activation: int,
    arriving: Array,
    hidden: Array,
    d_gates: Array,
) -> None:
    """Give the gradient of the sum inside φ."""
    size, first = units[1] - units[0], units[0]
    for b in range(hidden.shape[1]):
        d, found, h, towards = (
            arriving[t, b],
            product[b],
            hidden[t + 1, b],
            d_gates[t % len(d_gates), b],
        )
        if activation == TANH:
            _tanh_backward(size, d, first, 0, found, 0, 0, h, first, 0, towards, first, 0)
        elif activation == SIGMOID:
            _sigmoid_backward(size, d, first, 0, found, 0, 0, h, first, 0, towards, first, 0)
        else:
            _relu_backward(size, d, first, 0, found, 0, 0, h, first, 0, towards, first, 0)


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
) -> None:
    """Take a step of the LSTM; ``peepholes`` is [3, H] for i, f and o, or [0, H] for none."""
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        row, found, kept = rows[index[t, b]], product[b], gates[t % len(gates), b]
        c, c_new, h = cells[t, b], cells[t + 1, b], hidden[t + 1, b]
        if len(peepholes) > 0:
            _peephole_forward(
                size, row, first, H, found, 0, size, c, first, 0, peepholes, first, H,
                c_new, first, 0, h, first, 0, kept, first, H,
            )  # fmt: skip
        else:
            _plain_forward(
                size, row, first, H, found, 0, size, c, first, 0, peepholes, first, H,
                c_new, first, 0, h, first, 0, kept, first, H,
            )  # fmt: skip


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
) -> None:
    """Give the gradients of the gates; ``carry`` [B, H] goes from the gradient of c to that of c₋.

    Those of the peepholes are added to ``d_peepholes``.
    """
    (B, H), size, first = carry.shape, units[1] - units[0], units[0]
    for b in range(B):
        kept, towards, d_c = gates[t, b], d_gates[t % len(d_gates), b], carry[b]
        c, c_new, d, found = cells[t, b], cells[t + 1, b], arriving[t, b], product[b]
        if len(peepholes) > 0:
            _peephole_backward(
                size, kept, first, H, c, first, 0, c_new, first, 0, d, first, 0, found, 0, 0,
                d_c, first, 0, peepholes, first, H, d_peepholes, first, H, towards, first, H,
            )  # fmt: skip
        else:
            _plain_backward(
                size, kept, first, H, c, first, 0, c_new, first, 0, d, first, 0, found, 0, 0,
                d_c, first, 0, peepholes, first, H, d_peepholes, first, H, towards, first, H,
            )  # fmt: skip


@compiled_for_teams
def add_rows(values: Array, index: Index, sums: Array) -> None:
    """Add each row of ``values`` [N, W] to the row of ``sums`` [R, W] that ``index`` [N] names."""
    for n in range(len(values)):
        _add(values.shape[1], values[n], 0, 0, sums[index[n]], 0, 0)
