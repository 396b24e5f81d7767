"""The GRU with the reset gate before the product, forward and backward, in compiled code.

A step has two products, since the candidate multiplies its weights with r ⊙ h: the weights are
[2·H, H] of r and z, and [H, H] of the candidate n.

Shapes and arguments are those of ``pointwise`` and ``matmul``; the convention of autograd functions
is that of ``autograd``.
"""

# ruff: noqa: ANN401  (torch does not type the context of autograd functions)

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.compilation.jit import compiled_without_allocation, use_widest_vectors
from nextchar.nn.kernels.autograd import (
    SequenceInputs,
    SequenceOutputs,
    apply,
    buffer_after,
    gradient_of_rows,
    last_of,
    make_gradients,
    make_row_sums,
    positions_of,
    row_gradients,
    wide,
)
from nextchar.nn.kernels.launch import is_compiled, run_sequence, weight_gradient
from nextchar.nn.kernels.matmul import (
    QuantizedGradients,
    QuantizedStates,
    RowGradients,
    Workspace,
    add_rows,
    add_weights,
    load_columns,
    load_rows,
    multiply_gradients,
    multiply_states,
    store_gradients,
    store_states,
    write_product,
)
from nextchar.nn.kernels.onednn import product_with
from nextchar.nn.kernels.pointwise import Index, interpolated, interpolated_backward
from nextchar.nn.kernels.quantized import IntegerGradients, IntegerStates
from nextchar.nn.kernels.simd import Lines, formula
from nextchar.nn.kernels.slices import Array, Units, as_array, as_arrays
from nextchar.nn.kernels.threads import Signals, barrier, join_pool, share_of


def run_gru_reset_before(inputs: SequenceInputs) -> SequenceOutputs:
    """Run the cell over a sequence."""
    rows, index, (h,), weights, *options = inputs
    outputs = apply(GRUResetBeforeFunction, rows, index, h, weights["weight_hh"], *options)
    return SequenceOutputs(outputs, (last_of(outputs),))


class GRUResetBeforeFunction(Function):
    """The recurrence as an autograd function.

    Arguments: rows [R, 3·H] in the order r, z, n, their index [T, B], initial h [B, H] and
    weight_hh [3·H, H]. Result: h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        index: Tensor | None,
        initial: Tensor,
        weight_hh: Tensor,
        keep: bool,
        integers: bool,
    ) -> Tensor:
        """Run all steps."""
        index, ctx.several = positions_of(rows, index, initial)
        (T, B), (G, H) = index.shape, weight_hh.shape
        hidden, reset_hidden = buffer_after(initial, T), rows.new_empty(T, B, H)
        gates = rows.new_empty(T if keep else 1, B, G)
        tensors = rows.contiguous(), index.contiguous(), gates, hidden, reset_hidden
        pairs = _run_forward(weight_hh, hidden, reset_hidden, tensors, keep, integers)
        ctx.save_for_backward(rows, index, gates, reset_hidden, hidden, weight_hh, *pairs)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments; the index has none."""
        rows, index, gates, reset_hidden, hidden, weight_hh, *pairs = ctx.saved_tensors
        (B, H), integers = hidden.shape[1:], len(pairs[0]) > 0
        sums = make_row_sums(rows, ctx.several)
        d_gates = make_gradients(rows, index, ctx.several, full=not integers)
        d_h, d_candidate = torch.zeros_like(wide(hidden[0])), hidden.new_empty(1, B, H)
        d_rz = hidden.new_empty(1, B, 2 * H)
        tensors = grad.contiguous(), d_h, gates, hidden, d_gates, d_candidate, d_rz
        of_rows = row_gradients(index, sums)
        d_initial, d_weight = _run_backward(weight_hh, reset_hidden, pairs, of_rows, tensors)
        d_rows = gradient_of_rows(d_gates, index, sums)
        return d_rows, None, d_h.add_(d_initial).to(rows.dtype), d_weight, None, None


class Forward(NamedTuple):
    """The arrays of a forward step.

    ``gates`` [T, B, 3·H] stores r, z and n, ``reset_hidden`` [T, B, H] r ⊙ h, which the second
    product reads.
    """

    rows: Array
    row_index: Index
    gates: Array
    hidden: Array
    reset_hidden: Array


class Backward(NamedTuple):
    """The arrays of a backward step.

    ``d_hidden`` [B, H] is the part of the gradient of h that bypasses the gates. A step replaces it
    by that of the earlier h. ``d_candidate`` [1, B, H] and ``d_reset_update`` [1, B, 2·H] are
    copies of the newest gradients for the products.
    """

    d_outputs: Array
    d_hidden: Array
    gates: Array
    hidden: Array
    d_gates: Array
    d_candidate: Array
    d_reset_update: Array


def _run_forward(
    weight_hh: Tensor,
    hidden: Tensor,
    reset_hidden: Tensor,
    tensors: tuple[Tensor, ...],
    keep: bool,
    integers: bool,
) -> tuple[Tensor, Tensor]:
    """Run all steps; return ``IntegerStates.pairs`` of h and of r ⊙ h."""
    (T, B, H), arrays = reset_hidden.shape, Forward(*as_arrays(*tensors))
    weights = weight_hh[: 2 * H], weight_hh[2 * H :]
    states, reset_states = (
        IntegerStates.make(T, B, H, integers=integers, keep=keep) for _ in weights
    )
    if is_compiled(hidden):
        if integers:
            states.begin(hidden)
        groups = states.arrays(), reset_states.arrays(), *as_arrays(*weights), arrays
        run_sequence(gru_reset_before_sequence, T, B, weights, groups, integers=integers)
    else:
        to_rz, to_n = (product_with(weight, B) for weight in weights)
        for t, (h, m) in enumerate(zip(hidden[:-1].unbind(), reset_hidden.unbind(), strict=True)):
            gates_step(t, (0, H), as_array(to_rz(h)), arrays)
            candidate_step(t, (0, H), as_array(to_n(m)), arrays)
    return states.pairs, reset_states.pairs


def _run_backward(
    weight_hh: Tensor,
    reset_hidden: Tensor,
    pairs: list[Tensor],
    of_rows: RowGradients,
    tensors: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor]:
    """Run all steps backward; return the gradients of h (through the gates) and weight."""
    (T, B, H), arrays = reset_hidden.shape, Backward(*as_arrays(*tensors))
    _, _, _, hidden, d_gates, d_candidate, d_rz = tensors
    weights, initial = (weight_hh[: 2 * H], weight_hh[2 * H :]), torch.zeros_like(hidden[0])
    integers = len(pairs[0]) > 0
    gradients = [IntegerGradients.make(T, B, weight, H, integers=integers) for weight in weights]
    if is_compiled(d_gates):
        stored = (each.arrays(of, B) for each, of in zip(gradients, pairs, strict=True))
        groups = *stored, of_rows, *as_arrays(*weights, initial), arrays
        run_sequence(
            gru_reset_before_sequence_backward, T, B, weights, groups, back=True, integers=integers
        )
    else:
        from_rz, from_n = (product_with(weight.t(), B) for weight in weights)
        for t in reversed(range(T)):
            candidate_step_backward(t, (0, H), as_array(initial), arrays)
            gates_step_backward(t, (0, H), as_array(from_n(d_candidate[0])), arrays)
            initial = from_rz(d_rz[0])
    if integers:
        return initial, torch.cat([each.d_weight for each in gradients])
    of_rz = weight_gradient(d_gates[:, :, : 2 * H], hidden[:-1])
    of_n = weight_gradient(d_gates[:, :, 2 * H :], reset_hidden)
    return initial, torch.cat((of_rz, of_n))


@formula("row", "product", "h", "reset_hidden", "gates")
def _gates(lines: Lines) -> None:
    r, z = ((lines.read("row", gate) + lines.read("product", gate)).sigmoid() for gate in (0, 1))
    lines.write_flushed("gates", r, 0)
    lines.write_flushed("gates", z, 1)
    lines.write_flushed("reset_hidden", r * lines.read("h"))


@formula("row", "product", "h", "h_new", "gates")
def _candidate(lines: Lines) -> None:
    n, z = (lines.read("row", 2) + lines.read("product")).tanh(), lines.read("gates", 1)
    lines.write_flushed("gates", n, 2)
    lines.write_flushed("h_new", interpolated(n, z, lines.read("h")))


@formula("gates", "h", "d_output", "product", "d_hidden", "d_candidate", "d_gates")
def _candidate_backward(lines: Lines) -> None:
    z, n = lines.read("gates", 1), lines.read("gates", 2)
    d = lines.read("d_output") + lines.read("product") + lines.read("d_hidden")
    lines.write("d_hidden", d * z)
    d_n, d_z = interpolated_backward(d, n, z, lines.read("h"))
    lines.write_flushed("d_gates", d_z, 1)
    lines.write_flushed("d_gates", d_n, 2)
    lines.write_flushed("d_candidate", d_n)


@formula("gates", "h", "product", "d_hidden", "d_reset_update", "d_gates")
def _gates_backward(lines: Lines) -> None:
    r, d = lines.read("gates", 0), lines.read("product")
    lines.write("d_hidden", lines.read("d_hidden") + d * r)
    d_r = d * lines.read("h") * (r - r * r)
    lines.write_flushed("d_gates", d_r, 0)
    lines.write_flushed("d_reset_update", d_r, 0)
    lines.write("d_reset_update", lines.read("d_gates", 1), 1)


@compiled_without_allocation
def gates_step(t: int, units: Units, product: Array, arrays: Forward) -> None:
    """Take the first half of a step: r, z, and r ⊙ h; ``product`` is [B, 2·H]."""
    rows, row_index, gates, hidden, reset_hidden = arrays
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        _gates(
            size, rows[row_index[t, b]], first, H, product[b], 0, size, hidden[t, b], first, 0,
            reset_hidden[t, b], first, 0, gates[t % len(gates), b], first, H,
        )  # fmt: skip


@compiled_without_allocation
def candidate_step(t: int, units: Units, product: Array, arrays: Forward) -> None:
    """Take the second half: n from ``product`` [B, H] = U (r ⊙ h), and the new h."""
    rows, row_index, gates, hidden, _ = arrays
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        _candidate(
            size, rows[row_index[t, b]], first, H, product[b], 0, 0, hidden[t, b], first, 0,
            hidden[t + 1, b], first, 0, gates[t % len(gates), b], first, H,
        )  # fmt: skip


@compiled_without_allocation
def candidate_step_backward(t: int, units: Units, product: Array, arrays: Backward) -> None:
    """Take the first half of a backward step: the gradients of z and n."""
    d_outputs, d_hidden, gates, hidden, d_gates, d_candidate, _ = arrays
    (B, H), size, first = d_hidden.shape, units[1] - units[0], units[0]
    for b in range(B):
        _candidate_backward(
            size, gates[t, b], first, H, hidden[t, b], first, 0, d_outputs[t, b], first, 0,
            product[b], 0, 0, d_hidden[b], first, 0, d_candidate[0, b], first, 0,
            d_gates[t % len(d_gates), b], first, H,
        )  # fmt: skip


@compiled_without_allocation
def gates_step_backward(t: int, units: Units, product: Array, arrays: Backward) -> None:
    """Take the second half: the gradient of r from ``product`` [B, H], that of r ⊙ h."""
    _, d_hidden, gates, hidden, d_gates, _, d_reset_update = arrays
    (B, H), size, first = d_hidden.shape, units[1] - units[0], units[0]
    for b in range(B):
        _gates_backward(
            size, gates[t, b], first, H, hidden[t, b], first, 0, product[b], 0, 0, d_hidden[b],
            first, 0, d_reset_update[0, b], first, H, d_gates[t % len(d_gates), b], first, H,
        )  # fmt: skip


@compiled_without_allocation
def gru_reset_before_sequence(
    signals: Signals,
    workspace_rz: Workspace,
    workspace_n: Workspace,
    states: QuantizedStates,
    reset_states: QuantizedStates,
    weight_rz: Array,
    weight_n: Array,
    arrays: Forward,
    _data: None,
) -> None:
    """Run all steps in one worker."""
    use_widest_vectors()
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    hidden, reset_hidden = arrays.hidden, arrays.reset_hidden
    units = share_of(hidden.shape[2], worker, workers)
    own_rz = load_rows(workspace_rz, worker, weight_rz, 2, units)
    own_n = load_rows(workspace_n, worker, weight_n, 1, units)
    for t in range(len(arrays.row_index)):
        multiply_states(t, hidden, states, own_rz)
        gates_step(t, units, own_rz.product, arrays)
        store_states(t, units, reset_hidden, own_n, reset_states)
        barrier(signals, worker, 2 * t + 1)
        multiply_states(t, reset_hidden, reset_states, own_n)
        candidate_step(t, units, own_n.product, arrays)
        store_states(t + 1, units, hidden, own_rz, states)
        barrier(signals, worker, 2 * t + 2)


@compiled_without_allocation
def gru_reset_before_sequence_backward(
    signals: Signals,
    workspace_rz: Workspace,
    workspace_n: Workspace,
    stored_rz: QuantizedGradients,
    stored_n: QuantizedGradients,
    rows: RowGradients,
    weight_rz: Array,
    weight_n: Array,
    d_initial: Array,
    arrays: Backward,
    _data: None,
) -> None:
    """Run all steps backward in one worker; ``d_initial`` [B, H] is the gradient of initial h."""
    use_widest_vectors()
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    units = share_of(d_initial.shape[1], worker, workers)
    d_n, d_rz, T = arrays.d_candidate, arrays.d_reset_update, len(arrays.d_outputs)
    own_rz = load_columns(workspace_rz, worker, weight_rz, 2, units)
    own_n = load_columns(workspace_n, worker, weight_n, 1, units)
    own_rz.product[:] = 0
    for t in range(T - 1, -1, -1):
        candidate_step_backward(t, units, own_rz.product, arrays)
        store_gradients(t, units, 1, d_n, own_n, stored_n)
        barrier(signals, worker, 2 * (T - t) - 1)
        multiply_gradients(t, d_n, stored_n, own_n)
        gates_step_backward(t, units, own_n.product, arrays)
        store_gradients(t, units, 2, d_rz, own_rz, stored_rz)
        barrier(signals, worker, 2 * (T - t))
        multiply_gradients(t, d_rz, stored_rz, own_rz)
        add_rows(t, units, 3, arrays.d_gates, rows)
        add_weights(t, units, 2, worker, own_rz, stored_rz)
        add_weights(t, units, 1, worker, own_n, stored_n)
    write_product(own_rz.product, units, d_initial)
