"""A recurrence over a whole window in one compiled call, in float32 or float64 on a CPU.

Each function is what a worker of a team does (``team``): it has its share of the H units, packs
their weights (``tiles``), and at each step takes their product and what is pointwise
(``pointwise``), then waits for the others. Its weights stay in the cache of its core. On the way
back the steps come in the other order; the last product is the gradient of the initial h.

Results do not depend on the number of workers.

Shapes: T time steps, B streams, H hidden, G gates, W workers. ``signals`` are the team's;
``lines``, ``panels`` and ``products`` are room for each worker (``make_lines``, ``make_room``);
other arrays are those of ``pointwise``. The last argument is what OpenMP hands over: nothing.
"""

from __future__ import annotations

import numpy as np

from nextchar.jit import compiled_for_teams, inlined, use_widest_vectors
from nextchar.nn import pointwise, pointwise_gru
from nextchar.nn.lines import Array, Units, copy, of
from nextchar.nn.pointwise import LINES, Index
from nextchar.nn.team import Signals, join_team, largest_share, meet, share_of
from nextchar.nn.tiles import multiply, pack_columns, pack_rows, panel_columns


def make_room(
    workers: int, streams: int, hidden_size: int, like: Array, gates: int, inner: int
) -> tuple[Array, Array]:
    """Make the room for one of the products of a step.

    Parameters
    ----------
    workers, streams, hidden_size
        W, B and H.
    like
        An array of the type.
    gates, inner
        How many gates G the product gives, and what it sums over.

    Returns
    -------
    Array, Array
        For the weights that each worker multiplies with, [W, P, inner · C]: P panels of C columns;
        and for what each finds, [W, B, P · C].
    """
    columns = panel_columns(like.itemsize)
    count = -(-gates * largest_share(hidden_size, workers) // columns)
    panels = np.empty((workers, count, inner * columns), like.dtype)
    return panels, np.empty((workers, streams, count * columns), like.dtype)


def make_lines(workers: int, hidden_size: int, like: Array) -> Array:
    """Make the memory for what is pointwise, [W, LINES, units]."""
    return np.empty((workers, LINES, largest_share(hidden_size, workers)), like.dtype)


@compiled_for_teams
def rnn_forward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    weight: Array,
    activation: int,
    rows: Array,
    index: Index,
    hidden: Array,
    _data: None,
) -> None:
    """Run the simple recurrence."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(hidden.shape[2], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    pack_rows(weight, 1, units, own)
    for t in range(len(index)):
        multiply(hidden[t], own, product)
        pointwise.rnn_forward(t, units, product, activation, rows, index, hidden, line)
        meet(signals, worker, t + 1)


@compiled_for_teams
def rnn_backward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    weight: Array,
    d_initial: Array,
    activation: int,
    arriving: Array,
    hidden: Array,
    d_gates: Array,
    _data: None,
) -> None:
    """Go back through the simple recurrence; ``d_initial`` [B, H] is the gradient of its start."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(hidden.shape[2], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    pack_columns(weight, units, own)
    product[:] = 0
    for t in range(len(d_gates) - 1, -1, -1):
        pointwise.rnn_backward(t, units, product, activation, arriving, hidden, d_gates, line)
        meet(signals, worker, len(d_gates) - t)
        multiply(d_gates[t], own, product)
    _keep(product, units, d_initial)


@compiled_for_teams
def lstm_forward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    weight: Array,
    rows: Array,
    index: Index,
    peepholes: Array,
    gates: Array,
    cells: Array,
    hidden: Array,
    _data: None,
) -> None:
    """Run the LSTM, with peepholes or without."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(hidden.shape[2], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    pack_rows(weight, 4, units, own)
    for t in range(len(index)):
        multiply(hidden[t], own, product)
        pointwise.lstm_forward(
            t, units, product, rows, index, peepholes, gates, cells, hidden, line
        )
        meet(signals, worker, t + 1)


@compiled_for_teams
def lstm_backward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    weight: Array,
    d_initial: Array,
    arriving: Array,
    carry: Array,
    peepholes: Array,
    gates: Array,
    cells: Array,
    d_gates: Array,
    d_peepholes: Array,
    _data: None,
) -> None:
    """Go back through the LSTM."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(carry.shape[1], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    pack_columns(weight, units, own)
    product[:] = 0
    for t in range(len(d_gates) - 1, -1, -1):
        pointwise.lstm_backward(
            t, units, product, arriving, carry, peepholes, gates, cells, d_gates, d_peepholes,
            line,
        )  # fmt: skip
        meet(signals, worker, len(d_gates) - t)
        multiply(d_gates[t], own, product)
    _keep(product, units, d_initial)


@compiled_for_teams
def gru_after_forward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    weight: Array,
    rows: Array,
    index: Index,
    bias: Array,
    gates: Array,
    hidden: Array,
    _data: None,
) -> None:
    """Run the GRU that resets after the product."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(hidden.shape[2], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    pack_rows(weight, 3, units, own)
    for t in range(len(index)):
        multiply(hidden[t], own, product)
        pointwise_gru.gru_after_forward(t, units, product, rows, index, bias, gates, hidden, line)
        meet(signals, worker, t + 1)


@compiled_for_teams
def gru_after_backward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    weight: Array,
    d_initial: Array,
    arriving: Array,
    carry: Array,
    gates: Array,
    hidden: Array,
    d_projected: Array,
    d_recurrent: Array,
    d_bias: Array,
    _data: None,
) -> None:
    """Go back through the GRU that resets after the product."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(carry.shape[1], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    pack_columns(weight, units, own)
    product[:] = 0
    for t in range(len(d_recurrent) - 1, -1, -1):
        pointwise_gru.gru_after_backward(
            t, units, product, arriving, carry, gates, hidden, d_projected, d_recurrent, d_bias,
            line,
        )  # fmt: skip
        meet(signals, worker, len(d_recurrent) - t)
        multiply(d_recurrent[t], own, product)
    _keep(product, units, d_initial)


@compiled_for_teams
def gru_before_forward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    more_panels: Array,
    more_products: Array,
    weight_rz: Array,
    weight_n: Array,
    rows: Array,
    index: Index,
    gates: Array,
    hidden: Array,
    remembered: Array,
    _data: None,
) -> None:
    """Run the GRU that resets before the product; its weights are [2·H, H] and [H, H]."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(hidden.shape[2], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    more_own, more_product = more_panels[worker], more_products[worker]
    pack_rows(weight_rz, 2, units, own)
    pack_rows(weight_n, 1, units, more_own)
    for t in range(len(index)):
        multiply(hidden[t], own, product)
        pointwise_gru.gru_before_open(
            t, units, product, rows, index, gates, hidden, remembered, line
        )
        meet(signals, worker, 2 * t + 1)
        multiply(remembered[t], more_own, more_product)
        pointwise_gru.gru_before_close(t, units, more_product, rows, index, gates, hidden, line)
        meet(signals, worker, 2 * t + 2)


@compiled_for_teams
def gru_before_backward(
    signals: Signals,
    lines: Array,
    panels: Array,
    products: Array,
    more_panels: Array,
    more_products: Array,
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
    _data: None,
) -> None:
    """Go back through the GRU that resets before the product."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    units = share_of(carry.shape[1], worker, workers)
    own, product, line = panels[worker], products[worker], lines[worker]
    more_own, more_product = more_panels[worker], more_products[worker]
    pack_columns(weight_rz, units, own)
    pack_columns(weight_n, units, more_own)
    product[:] = 0
    for t in range(len(d_gates) - 1, -1, -1):
        meetings = 2 * (len(d_gates) - t)
        pointwise_gru.gru_before_backward_close(
            t, units, product, arriving, carry, gates, hidden, d_gates, d_candidate, line
        )
        meet(signals, worker, meetings - 1)
        multiply(d_candidate, more_own, more_product)
        pointwise_gru.gru_before_backward_open(
            t, units, more_product, carry, gates, hidden, d_gates, d_opened, line
        )
        meet(signals, worker, meetings)
        multiply(d_opened, own, product)
    _keep(product, units, d_initial)


@inlined
def _keep(product: Array, units: Units, whole: Array) -> None:
    """Write what a worker has found for its units to its place in [B, H]."""
    for b in range(len(whole)):
        copy(product[b], of(whole[b], units))
