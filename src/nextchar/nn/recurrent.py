"""A cell over time: the same numbers by the fastest path that the cell has.

- ``fused``: torch's own recurrence, where its equations are exactly the cell's;
- ``own``: one projection of the whole window, then ``through_time`` or ``scan``;
- ``stepwise``: ``Cell.step`` in a loop, differentiated by autograd. Every cell has it.

``auto`` goes by what was measured forward and backward on a CPU (benchmarks/cells.py): oneDNN's
lstm is the fastest lstm, and ``own`` is faster than torch's gru and rnn. On a GPU it takes cuDNN's.

Shapes: T time steps, B streams, I input size of a layer, H hidden, G gates. Time first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.nn.cells import (
    Cell,
    CellState,
    GRUCell,
    LinearCell,
    LSTMCell,
    PeepholeLSTMCell,
    RNNCell,
)
from nextchar.nn.scan import linear_recurrence
from nextchar.nn.through_time import (
    GRUAfterThroughTime,
    GRUBeforeThroughTime,
    LSTMThroughTime,
    RNNThroughTime,
)

Path = Literal["auto", "fused", "own", "stepwise"]


def available_paths(cell: Cell) -> tuple[Path, ...]:
    """List the paths that a cell has, without ``auto``."""
    match cell:
        case LSTMCell() | GRUCell(reset="after") | RNNCell(activation="tanh" | "relu"):
            return ("fused", "own", "stepwise")
        case RNNCell() | GRUCell() | PeepholeLSTMCell() | LinearCell():
            return ("own", "stepwise")
        case _:
            return ("stepwise",)


def choose_path(cell: Cell, inputs: Tensor) -> Path:
    """Give the path that ``auto`` takes for these inputs, on their device."""
    if len(inputs) == 1:
        return "stepwise"  # torch.lstm rearranges its weights at each call
    available = available_paths(cell)
    # fused takes vectors: one-hot ones wider than H cost more than it saves
    ids_too_wide = not inputs.is_floating_point() and cell.input_size > cell.hidden_size
    fused_is_fastest = inputs.device.type != "cpu" or isinstance(cell, LSTMCell)
    if "fused" in available and fused_is_fastest and not ids_too_wide:
        return "fused"
    return "own" if "own" in available else "stepwise"


def unroll(
    cell: Cell, inputs: Tensor, state: CellState, *, path: Path = "auto"
) -> tuple[Tensor, CellState]:
    """Run a cell over a window.

    Parameters
    ----------
    cell
        The cell.
    inputs
        Vectors [T, B, I], or the ids int64[T, B] of one-hot vectors.
    state
        The state before the window, ``cell.state_count`` times [B, H].
    path
        Which of the ways to take; they differ in speed, and in the last digits. Under autocast,
        the products are taken in its type; ``fused`` and ``own`` then also keep h and c in it
        within the window, except that the min cells are always scanned in the state's type.

    Returns
    -------
    Tensor, CellState
        The outputs [T, B, H], and the state after the window in the type in which it came.

    Raises
    ------
    ValueError
        The window is empty, or the cell does not have the path.
    """
    if len(inputs) == 0:
        raise ValueError("a window must have at least one time step, got 0")
    chosen = choose_path(cell, inputs) if path == "auto" else path
    if chosen not in available_paths(cell):
        raise ValueError(
            f"{type(cell).__name__} has the paths {', '.join(available_paths(cell))}; got {path!r}"
        )
    run = {"fused": _fused, "own": _own, "stepwise": _stepwise}[chosen]
    outputs, after = run(cell, inputs, state)
    return outputs, tuple(new.to(old.dtype) for new, old in zip(after, state, strict=True))


def _stepwise(cell: Cell, inputs: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    outputs = []
    for projected in cell.project(inputs).unbind():
        output, state = cell.step(projected, state)
        outputs.append(output)
    return torch.stack(outputs), state


def _fused(cell: Cell, inputs: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    """Call torch's recurrence: one layer, no dropout, one direction, time first."""
    weights = dict(cell.named_parameters())
    bias_hh = torch.zeros_like(cell.bias)
    if isinstance(cell, GRUCell):
        bias_hh = torch.cat((bias_hh[: -cell.hidden_size], weights["bias_hh"]))
    parameters = [weights["weight_ih"], weights["weight_hh"], weights["bias"], bias_hh]
    vectors = inputs if inputs.is_floating_point() else _one_hot(inputs, cell)
    before = [part.unsqueeze(0) for part in state]
    options = (True, 1, 0.0, torch.is_grad_enabled(), False, False)
    if isinstance(cell, LSTMCell):
        outputs, *after = torch.lstm(vectors, before, parameters, *options)
    else:
        outputs, *after = _torch_recurrence(cell)(vectors, before[0], parameters, *options)
    return outputs, tuple(part.squeeze(0) for part in after)


def _torch_recurrence(cell: Cell) -> Callable[..., tuple[Tensor, Tensor]]:
    if isinstance(cell, GRUCell):
        return torch.gru
    relu = isinstance(cell, RNNCell) and cell.activation == "relu"
    return torch.rnn_relu if relu else torch.rnn_tanh


def _one_hot(ids: Tensor, cell: Cell) -> Tensor:
    return functional.one_hot(ids, cell.input_size).to(cell.weight_ih.dtype)


def _own(cell: Cell, inputs: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    """Project the whole window at once, then scan it or go through time."""
    projected = cell.project(inputs)
    if isinstance(cell, LinearCell):
        gates = cell.gates(projected.to(state[0].dtype), state)
        hidden = linear_recurrence(*cell.coefficients(gates), state[0])
        return hidden, (_last(hidden),)
    return _through_time(cell, projected, state)


def _through_time(cell: Cell, projected: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    """Call the function of ``through_time`` with all tensors in the type of the products."""
    dtype = _product_dtype(cell.bias)
    weights = {name: weight.to(dtype) for name, weight in cell.named_parameters()}
    given = (projected.to(dtype), *(part.to(dtype) for part in state))
    match cell:
        case RNNCell():
            outputs = _apply(RNNThroughTime, *given, weights["weight_hh"], cell.activation)
        case GRUCell(reset="after"):
            outputs = _apply(GRUAfterThroughTime, *given, weights["weight_hh"], weights["bias_hh"])
        case GRUCell():
            outputs = _apply(GRUBeforeThroughTime, *given, weights["weight_hh"])
        case _:
            peepholes = _peepholes(cell, weights)
            outputs, c = _apply(LSTMThroughTime, *given, weights["weight_hh"], peepholes)
            return outputs, (_last(outputs), c)
    return outputs, (_last(outputs),)


def _last(outputs: Tensor) -> Tensor:
    """Copy the last output: as a view, the state would keep the whole window in memory."""
    return outputs[-1].clone()


def _peepholes(cell: Cell, weights: dict[str, Tensor]) -> Tensor:
    """Give the peepholes of i, f and o as one tensor; those of the plain LSTM are zeros."""
    if isinstance(cell, PeepholeLSTMCell):
        return torch.stack([weights[f"peephole_{gate}"] for gate in "ifo"])
    return weights["bias"].new_zeros(3, cell.hidden_size)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:  # noqa: ANN401
    """Call an autograd function, whose ``apply`` torch does not type."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def _product_dtype(weight: Tensor) -> torch.dtype:
    """Give the type in which products with this weight are taken: under autocast, its type."""
    kind = weight.device.type
    if weight.dtype == torch.float32 and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return weight.dtype
