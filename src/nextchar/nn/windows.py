"""A recurrence over a whole window in one compiled call, in float32 or float64 on a CPU.

Each function is what a worker of a team does (``team``): it has its share of the H units, packs
their weights (``tiles``), and at each step takes their product and what is pointwise
(``pointwise``), then waits for the others. Its weights stay in the cache of its core. On the way
back the steps come in the other order; the last product is the gradient of the initial h.

Results do not depend on the number of workers.

Shapes: T time steps, B streams, H hidden, G gates, W workers. Arrays are those of ``pointwise``;
``memory`` is what the team works in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nextchar.jit import compiled_for_teams, inlined, use_widest_vectors
from nextchar.nn import pointwise, pointwise_gru
from nextchar.nn.lines import Array, Units, copy, of
from nextchar.nn.pointwise import LINES, Index
from nextchar.nn.team import Signals, largest_share, make_signals, meet, share_of
from nextchar.nn.tiles import multiply, pack_columns, pack_rows, panel_columns


class Memory(NamedTuple):
    """What a team of W workers works in.

    Attributes
    ----------
    signals
        By which they meet.
    panels
        The weights that each multiplies with, [W, P, K · C]: P panels of C columns.
    products
        What each finds, [W, B, P · C].
    more_panels, more_products
        The same for the second product of a step, if there is one.
    lines
        For the pointwise part, [W, LINES, H].
    """

    signals: Signals
    panels: Array
    products: Array
    more_panels: Array
    more_products: Array
    lines: Array


def make_memory(
    workers: int, streams: int, hidden_size: int, like: Array, *sizes: tuple[int, int]
) -> Memory:
    """Make the memory of a team.

    Parameters
    ----------
    workers, streams, hidden_size
        W, B and H.
    like
        An array of the type.
    sizes
        Of the one or two products of a step: the gates G that they give, and what they sum over.
    """
    columns = panel_columns(like.itemsize)
    share = largest_share(hidden_size, workers)
    rooms: list[tuple[Array, Array]] = []
    for gates, inner in (*sizes, (0, 0))[:2]:
        count = -(-gates * share // columns)
        panels = np.empty((workers, count, inner * columns), like.dtype)
        rooms.append((panels, np.empty((workers, streams, count * columns), like.dtype)))
    lines = np.empty((workers, LINES, share), like.dtype)
    return Memory(make_signals(workers), *rooms[0], *rooms[1], lines)


@inlined
def _units(memory: Memory, worker: int, hidden_size: int) -> Units:
    return share_of(hidden_size, worker, len(memory.panels))


@compiled_for_teams
def rnn_forward(
    worker: int,
    memory: Memory,
    weight: Array,
    activation: int,
    rows: Array,
    index: Index,
    hidden: Array,
) -> None:
    """Run the simple recurrence."""
    use_widest_vectors()
    units = _units(memory, worker, hidden.shape[2])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    pack_rows(weight, 1, units, panels)
    for t in range(len(index)):
        multiply(hidden[t], panels, product)
        pointwise.rnn_forward(t, units, product, activation, rows, index, hidden, lines)
        meet(memory.signals, worker, t + 1)


@compiled_for_teams
def rnn_backward(
    worker: int,
    memory: Memory,
    weight: Array,
    d_initial: Array,
    activation: int,
    arriving: Array,
    hidden: Array,
    d_gates: Array,
) -> None:
    """Go back through the simple recurrence; ``d_initial`` [B, H] is the gradient of its start."""
    use_widest_vectors()
    units = _units(memory, worker, hidden.shape[2])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    pack_columns(weight, units, panels)
    product[:] = 0
    for t in range(len(d_gates) - 1, -1, -1):
        pointwise.rnn_backward(t, units, product, activation, arriving, hidden, d_gates, lines)
        meet(memory.signals, worker, len(d_gates) - t)
        multiply(d_gates[t], panels, product)
    _keep(product, units, d_initial)


@compiled_for_teams
def lstm_forward(
    worker: int,
    memory: Memory,
    weight: Array,
    rows: Array,
    index: Index,
    peepholes: Array,
    gates: Array,
    cells: Array,
    hidden: Array,
) -> None:
    """Run the LSTM, with peepholes or without."""
    use_widest_vectors()
    units = _units(memory, worker, hidden.shape[2])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    pack_rows(weight, 4, units, panels)
    for t in range(len(index)):
        multiply(hidden[t], panels, product)
        pointwise.lstm_forward(
            t, units, product, rows, index, peepholes, gates, cells, hidden, lines
        )
        meet(memory.signals, worker, t + 1)


@compiled_for_teams
def lstm_backward(
    worker: int,
    memory: Memory,
    weight: Array,
    d_initial: Array,
    arriving: Array,
    carry: Array,
    peepholes: Array,
    gates: Array,
    cells: Array,
    d_gates: Array,
    d_peepholes: Array,
) -> None:
    """Go back through the LSTM."""
    use_widest_vectors()
    units = _units(memory, worker, carry.shape[1])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    pack_columns(weight, units, panels)
    product[:] = 0
    for t in range(len(d_gates) - 1, -1, -1):
        pointwise.lstm_backward(
            t, units, product, arriving, carry, peepholes, gates, cells, d_gates, d_peepholes,
            lines,
        )  # fmt: skip
        meet(memory.signals, worker, len(d_gates) - t)
        multiply(d_gates[t], panels, product)
    _keep(product, units, d_initial)


@compiled_for_teams
def gru_after_forward(
    worker: int,
    memory: Memory,
    weight: Array,
    rows: Array,
    index: Index,
    bias: Array,
    gates: Array,
    hidden: Array,
) -> None:
    """Run the GRU that resets after the product."""
    use_widest_vectors()
    units = _units(memory, worker, hidden.shape[2])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    pack_rows(weight, 3, units, panels)
    for t in range(len(index)):
        multiply(hidden[t], panels, product)
        pointwise_gru.gru_after_forward(t, units, product, rows, index, bias, gates, hidden, lines)
        meet(memory.signals, worker, t + 1)


@compiled_for_teams
def gru_after_backward(
    worker: int,
    memory: Memory,
    weight: Array,
    d_initial: Array,
    arriving: Array,
    carry: Array,
    gates: Array,
    hidden: Array,
    d_projected: Array,
    d_recurrent: Array,
    d_bias: Array,
) -> None:
    """Go back through the GRU that resets after the product."""
    use_widest_vectors()
    units = _units(memory, worker, carry.shape[1])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    pack_columns(weight, units, panels)
    product[:] = 0
    for t in range(len(d_recurrent) - 1, -1, -1):
        pointwise_gru.gru_after_backward(
            t, units, product, arriving, carry, gates, hidden, d_projected, d_recurrent, d_bias,
            lines,
        )  # fmt: skip
        meet(memory.signals, worker, len(d_recurrent) - t)
        multiply(d_recurrent[t], panels, product)
    _keep(product, units, d_initial)


@compiled_for_teams
def gru_before_forward(
    worker: int,
    memory: Memory,
    weight_rz: Array,
    weight_n: Array,
    rows: Array,
    index: Index,
    gates: Array,
    hidden: Array,
    remembered: Array,
) -> None:
    """Run the GRU that resets before the product; its weights are [2·H, H] and [H, H]."""
    use_widest_vectors()
    units = _units(memory, worker, hidden.shape[2])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    more_panels, more_product = memory.more_panels[worker], memory.more_products[worker]
    pack_rows(weight_rz, 2, units, panels)
    pack_rows(weight_n, 1, units, more_panels)
    for t in range(len(index)):
        multiply(hidden[t], panels, product)
        pointwise_gru.gru_before_open(
            t, units, product, rows, index, gates, hidden, remembered, lines
        )
        meet(memory.signals, worker, 2 * t + 1)
        multiply(remembered[t], more_panels, more_product)
        pointwise_gru.gru_before_close(t, units, more_product, rows, index, gates, hidden, lines)
        meet(memory.signals, worker, 2 * t + 2)


@compiled_for_teams
def gru_before_backward(
    worker: int,
    memory: Memory,
    weight_rz: Array,
    weight_n: Array,
    d_initial: Array,
    arriving: Array,
    carry: Array,
    gates: Array,
    hidden: Array,
    d_gates: Array,
    d_candidate: Array,
    d_opened: Array,
) -> None:
    """Go back through the GRU that resets before the product."""
    use_widest_vectors()
    units = _units(memory, worker, carry.shape[1])
    panels, product, lines = memory.panels[worker], memory.products[worker], memory.lines[worker]
    more_panels, more_product = memory.more_panels[worker], memory.more_products[worker]
    pack_columns(weight_rz, units, panels)
    pack_columns(weight_n, units, more_panels)
    product[:] = 0
    for t in range(len(d_gates) - 1, -1, -1):
        meetings = 2 * (len(d_gates) - t)
        pointwise_gru.gru_before_backward_close(
            t, units, product, arriving, carry, gates, hidden, d_gates, d_candidate, lines
        )
        meet(memory.signals, worker, meetings - 1)
        multiply(d_candidate, more_panels, more_product)
        pointwise_gru.gru_before_backward_open(
            t, units, more_product, carry, gates, hidden, d_gates, d_opened, lines
        )
        meet(memory.signals, worker, meetings)
        multiply(d_opened, panels, product)
    _keep(product, units, d_initial)


@inlined
def _keep(product: Array, units: Units, whole: Array) -> None:
    """Write what a worker has found for its units to its place in [B, H]."""
    for b in range(len(whole)):
        copy(product[b], of(whole[b], units))
