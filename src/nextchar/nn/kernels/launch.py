"""Run all steps of a cell: as one compiled call in each worker of the pool, or one by one.

In float32 and float64 a pass over a sequence is one call of a cell's ``…_sequence`` in each worker.
In bfloat16 a step is a product of torch, in the processor's own bfloat16, and a call of ``…_step``.

Shapes: T time steps, B streams, H hidden, G gates. Weights are [G·H, H].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nextchar.nn.kernels.matmul import RowGradients, Workspace, make_workspace
from nextchar.nn.kernels.onednn import product_with
from nextchar.nn.kernels.quantized import IntegerGradients, IntegerStates
from nextchar.nn.kernels.slices import as_array
from nextchar.nn.kernels.threads import make_signals, run_in_pool, suggested_workers

Arrays = tuple[Any, ...]  # a named tuple of a cell


class Pass(NamedTuple):
    """The compiled code of a cell in one direction: all steps together, and one step."""

    sequence: Callable[..., None]
    step: Callable[..., None]


def is_compiled(tensor: Tensor) -> bool:
    """Return whether all steps of this type are one compiled call."""
    return tensor.dtype != torch.bfloat16


def run_forward(
    forward: Pass, weight: Tensor, hidden: Tensor, arrays: Arrays, *, integers: bool, keep: bool
) -> Tensor:
    """Run all steps of a cell with one product; ``hidden`` is [T+1, B, H].

    Returns
    -------
    ``IntegerStates.pairs``, which ``run_backward`` reads if ``keep`` is set.
    """
    T, (B, H) = len(hidden) - 1, hidden.shape[1:]
    states = IntegerStates.make(T, B, H, integers=integers, keep=keep)
    if is_compiled(hidden):
        if integers:
            states.begin(hidden)
        groups = states.arrays(), as_array(weight), arrays
        run_sequence(forward.sequence, T, B, [weight], groups, integers=integers)
    else:
        multiply = product_with(weight, B)
        for t, h in enumerate(hidden[:-1].unbind()):
            forward.step(t, (0, H), as_array(multiply(h)), arrays)
    return states.pairs


def run_backward(
    backward: Pass,
    weight: Tensor,
    d_gates: Tensor,
    hidden: Tensor,
    pairs: Tensor,
    rows: RowGradients,
    arrays: Arrays,
) -> tuple[Tensor, Tensor]:
    """Run all steps of a cell with one product, from the last to the first.

    Parameters
    ----------
    backward, weight, arrays
        As for ``run_forward``.
    d_gates
        The gradients that the product reads, [T, B, G·H], or [1, B, G·H] of the newest step for
        integer products.
    hidden, pairs
        Of the forward pass; with ``pairs``, products are of integers.
    rows
        Receives the gradients of projected inputs.

    Returns
    -------
    Tensor, Tensor
        The gradient of the initial h [B, H] through the gates, and that of the weight.
    """
    T, B, H = len(hidden) - 1, *hidden.shape[1:]
    initial, integers = d_gates.new_zeros(B, H), len(pairs) > 0
    if is_compiled(d_gates):
        gradients = IntegerGradients.make(T, B, weight, H, integers=integers)
        groups = gradients.arrays(pairs, B), rows, as_array(weight), as_array(initial), arrays
        run_sequence(backward.sequence, T, B, [weight], groups, back=True, integers=integers)
        if integers:
            return initial, gradients.d_weight
    else:
        multiply = product_with(weight.t(), B)
        for t, d in reversed(list(enumerate(d_gates.unbind()))):
            backward.step(t, (0, H), as_array(initial), arrays)
            initial = multiply(d)
    return initial, weight_gradient(d_gates, hidden[:-1])


def weight_gradient(d_gates: Tensor, inputs: Tensor) -> Tensor:
    """Sum over T and B the outer products of d_gates [T, B, G·H] and inputs [T, B, H]."""
    return d_gates.flatten(0, 1).t() @ inputs.flatten(0, 1)


def run_sequence(
    sequence: Callable[..., None],
    steps: int,
    streams: int,
    weights: Sequence[Tensor],
    groups: Sequence[Any],
    *,
    back: bool = False,
    integers: bool,
) -> None:
    """Run a cell's ``…_sequence`` in as many workers as pay off.

    Parameters
    ----------
    sequence
        The compiled function.
    steps, streams
        T and B.
    weights
        Of the products of a step.
    groups
        The arguments of ``sequence`` after the signals and one ``Workspace`` for each weight.
    back
        Whether the products are those of the backward pass.
    integers
        Whether they are of integers.
    """
    H, like = weights[0].shape[1], as_array(weights[0])
    products = steps * streams * sum(each.numel() for each in weights)
    workers = suggested_workers(H, products)
    spaces: list[Workspace] = []
    for weight in weights:
        gates, inner = (1, len(weight)) if back else (len(weight) // H, H)
        spaces.append(make_workspace(workers, streams, H, like, gates, inner, integers=integers))
    run_in_pool(sequence, make_signals(workers), *spaces, *groups)
