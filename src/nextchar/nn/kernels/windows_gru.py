"""The gru over a whole window in one compiled call: ``windows`` for its two conventions.

Shapes and arguments are those of ``windows``.
"""

from __future__ import annotations

from nextchar.compilation.jit import compiled_for_teams, use_widest_vectors
from nextchar.nn.kernels import pointwise_gru
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
def gru_after_forward(
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
    own, product = panels[worker], products[worker]
    factor = factors[worker]
    load_rows(weight, 3, units, own, factor)
    for t in range(len(index)):
        multiply_states(t, hidden, integers, steps, own, factor, product)
        pointwise_gru.gru_after_forward(t, units, product, rows, index, bias, gates, hidden)
        keep_states(t + 1, units, hidden, own, steps, integers, states)
        meet(signals, worker, t + 1)


@compiled_for_teams
def gru_after_backward(
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
    own, product = panels[worker], products[worker]
    factor = factors[worker]
    load_columns(weight, 3, units, own, factor)
    product[:] = 0
    for t in range(len(arriving) - 1, -1, -1):
        pointwise_gru.gru_after_backward(
            t, units, product, arriving, carry, gates, hidden, d_projected, d_recurrent, d_bias,
        )  # fmt: skip
        keep_gradients(t, units, 3, d_recurrent, own, integers, pairs, steps)
        meet(signals, worker, len(arriving) - t)
        multiply_gradients(t, 3, d_recurrent, integers, steps, own, factor, product)
        add_rows(t, units, 3, d_projected, index, d_rows)
        add_weights(
            t, units, 3, len(d_initial), own, states, pairs, steps, unit, room[worker], d_weight
        )
    keep_initial(product, units, d_initial)


@compiled_for_teams
def gru_before_forward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    more_panels: Array,
    more_products: Array,
    more_factors: Array,
    integers: Integers,
    states: Pairs,
    more_integers: Integers,
    more_states: Pairs,
    steps: Array,
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
    own, product = panels[worker], products[worker]
    more_own, more_product = more_panels[worker], more_products[worker]
    factor, more_factor = factors[worker], more_factors[worker]
    load_rows(weight_rz, 2, units, own, factor)
    load_rows(weight_n, 1, units, more_own, more_factor)
    for t in range(len(index)):
        multiply_states(t, hidden, integers, steps, own, factor, product)
        pointwise_gru.gru_before_open(t, units, product, rows, index, gates, hidden, remembered)
        keep_states(t, units, remembered, own, steps, more_integers, more_states)
        meet(signals, worker, 2 * t + 1)
        multiply_states(t, remembered, more_integers, steps, more_own, more_factor, more_product)
        pointwise_gru.gru_before_close(t, units, more_product, rows, index, gates, hidden)
        keep_states(t + 1, units, hidden, own, steps, integers, states)
        meet(signals, worker, 2 * t + 2)


@compiled_for_teams
def gru_before_backward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    more_panels: Array,
    more_products: Array,
    more_factors: Array,
    integers: Integers,
    states: Pairs,
    pairs: Pairs,
    steps: Array,
    d_weight_rz: Array,
    more_integers: Integers,
    more_states: Pairs,
    more_pairs: Pairs,
    more_steps: Array,
    d_weight_n: Array,
    unit: Array,
    room: Pairs,
    index: Index,
    d_rows: Array,
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
    own, product = panels[worker], products[worker]
    more_own, more_product = more_panels[worker], more_products[worker]
    factor, more_factor = factors[worker], more_factors[worker]
    load_columns(weight_rz, 2, units, own, factor)
    load_columns(weight_n, 1, units, more_own, more_factor)
    B = len(d_initial)
    product[:] = 0
    for t in range(len(arriving) - 1, -1, -1):
        meetings = 2 * (len(arriving) - t)
        pointwise_gru.gru_before_backward_close(
            t, units, product, arriving, carry, gates, hidden, d_gates, d_candidate[0]
        )
        keep_gradients(t, units, 1, d_candidate, more_own, more_integers, more_pairs, more_steps)
        meet(signals, worker, meetings - 1)
        multiply_gradients(
            t, 1, d_candidate, more_integers, more_steps, more_own, more_factor, more_product
        )
        pointwise_gru.gru_before_backward_open(
            t, units, more_product, carry, gates, hidden, d_gates, d_opened[0]
        )
        keep_gradients(t, units, 2, d_opened, own, integers, pairs, steps)
        meet(signals, worker, meetings)
        multiply_gradients(t, 2, d_opened, integers, steps, own, factor, product)
        add_rows(t, units, 3, d_gates, index, d_rows)
        add_weights(t, units, 2, B, own, states, pairs, steps, unit, room[worker], d_weight_rz)
        add_weights(
            t, units, 1, B, own, more_states, more_pairs, more_steps, unit, room[worker],
            d_weight_n,
        )  # fmt: skip
    keep_initial(product, units, d_initial)
