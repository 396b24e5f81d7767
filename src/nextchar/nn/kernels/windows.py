"""A recurrence over a whole window in one compiled call, in float32 or float64 on a CPU.

Rnn and lstm are here, the gru in ``windows_gru``.

Each function is what a worker of a team does (``team``): it has its share of the H units, packs
their weights (``tiles``), and at each step takes their product and what is pointwise
(``pointwise``), then waits for the others. Its weights stay in the cache of its core. On the way
back the steps come in the other order; the last product is the gradient of the initial h.

Results do not depend on the number of workers.

Shapes: T time steps, B streams, H hidden, G gates, W workers. ``signals`` are the team's;
``panels``, ``products``, ``factors`` and ``room`` are memory for each worker. Where
products are of integers, ``integers``, ``states``, ``pairs``, ``steps``, ``unit`` and ``d_weight``
are those of ``fixed_point``, else empty (``steps.IntegerStates``, ``steps.IntegerGradients``).
``d_rows`` [R, G·H] gets the sums of the gradients at each row of ``index``, unless it is empty.
Other arrays are those of ``pointwise``; gradients of gates may have one step instead of T. The last
argument is what OpenMP hands over: nothing.
"""

from __future__ import annotations

from nextchar.compilation.jit import compiled_for_teams, use_widest_vectors
from nextchar.nn.kernels import pointwise
from nextchar.nn.kernels.fixed_point import Integers, Pairs
from nextchar.nn.kernels.matmul import (
    add_rows,
    add_weights,
    keep_gradients,
    keep_initial,
    keep_states,
    load_columns,
    load_rows,
    multiply_gradients,
    multiply_states,
)
from nextchar.nn.kernels.pointwise import Index
from nextchar.nn.kernels.slices import Array
from nextchar.nn.kernels.threads import Signals, join_team, meet, share_of


@compiled_for_teams
def rnn_forward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    integers: Integers,
    states: Pairs,
    steps: Array,
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
    own, product = panels[worker], products[worker]
    factor = factors[worker]
    load_rows(weight, 1, units, own, factor)
    for t in range(len(index)):
        multiply_states(t, hidden, integers, steps, own, factor, product)
        pointwise.rnn_forward(t, units, product, activation, rows, index, hidden)
        keep_states(t + 1, units, hidden, own, steps, integers, states)
        meet(signals, worker, t + 1)


@compiled_for_teams
def rnn_backward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    integers: Integers,
    states: Pairs,
    pairs: Pairs,
    steps: Array,
    d_weight: Array,
    unit: Array,
    room: Pairs,
    index: Index,
    d_rows: Array,
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
    own, product = panels[worker], products[worker]
    factor = factors[worker]
    load_columns(weight, 1, units, own, factor)
    product[:] = 0
    for t in range(len(arriving) - 1, -1, -1):
        pointwise.rnn_backward(t, units, product, activation, arriving, hidden, d_gates)
        keep_gradients(t, units, 1, d_gates, own, integers, pairs, steps)
        meet(signals, worker, len(arriving) - t)
        multiply_gradients(t, 1, d_gates, integers, steps, own, factor, product)
        add_rows(t, units, 1, d_gates, index, d_rows)
        add_weights(
            t, units, 1, len(d_initial), own, states, pairs, steps, unit, room[worker], d_weight
        )
    keep_initial(product, units, d_initial)


@compiled_for_teams
def lstm_forward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    integers: Integers,
    states: Pairs,
    steps: Array,
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
    own, product = panels[worker], products[worker]
    factor = factors[worker]
    load_rows(weight, 4, units, own, factor)
    for t in range(len(index)):
        multiply_states(t, hidden, integers, steps, own, factor, product)
        pointwise.lstm_forward(t, units, product, rows, index, peepholes, gates, cells, hidden)
        keep_states(t + 1, units, hidden, own, steps, integers, states)
        meet(signals, worker, t + 1)


@compiled_for_teams
def lstm_backward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    integers: Integers,
    states: Pairs,
    pairs: Pairs,
    steps: Array,
    d_weight: Array,
    unit: Array,
    room: Pairs,
    index: Index,
    d_rows: Array,
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
    own, product = panels[worker], products[worker]
    factor = factors[worker]
    load_columns(weight, 4, units, own, factor)
    product[:] = 0
    for t in range(len(arriving) - 1, -1, -1):
        pointwise.lstm_backward(
            t, units, product, arriving, carry, peepholes, gates, cells, d_gates, d_peepholes,
        )  # fmt: skip
        keep_gradients(t, units, 4, d_gates, own, integers, pairs, steps)
        meet(signals, worker, len(arriving) - t)
        multiply_gradients(t, 4, d_gates, integers, steps, own, factor, product)
        add_rows(t, units, 4, d_gates, index, d_rows)
        add_weights(
            t, units, 4, len(d_initial), own, states, pairs, steps, unit, room[worker], d_weight
        )
    keep_initial(product, units, d_initial)
