"""A cell over time: the same numbers by the fastest path that the cell has.

- ``fused``: torch's own recurrence, where its equations are exactly the cell's;
- ``own``: one projection of the whole window, then ``through_time`` (on a CPU) or ``scan``;
- ``stepwise``: ``Cell.step`` in a loop, differentiated by autograd. Every cell has it.

``auto`` goes by what was measured on a CPU (benchmarks/cells.py): ``own`` is the fastest but for
an lstm in bfloat16 that does not train or has at most 192 units: there it is oneDNN's. On a GPU it
takes cuDNN's where there is one.

Shapes: T time steps, B streams, I input size of a layer, H hidden, G gates. Time first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.nn.cell import Cell, CellState, Embedded, GatedCell, Inputs, LinearCell, positions
from nextchar.nn.cells import GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell
from nextchar.nn.precision import INTEGER_UNITS, are_integers_wanted
from nextchar.nn.scan import linear_recurrence

Path = Literal["auto", "fused", "own", "stepwise"]

# Of a recurrence; for fewer, integers are not worth their making.
LEAST_INTEGER_WEIGHTS, LEAST_INTEGER_STREAMS = 1 << 15, 4
LARGEST_FUSED_LSTM = 192  # wider, oneDNN's in bfloat16 falls behind, forward and backward


def available_paths(cell: Cell) -> tuple[Path, ...]:
    """List the paths that a cell has, without ``auto``."""
    if cell.is_zoned or (isinstance(cell, GatedCell) and cell.is_normalized):
        return ("stepwise",)
    match cell:
        case LSTMCell() | GRUCell(reset="after") | RNNCell(activation="tanh" | "relu"):
            return ("fused", "own", "stepwise")
        case RNNCell() | GRUCell() | PeepholeLSTMCell(peepholes="vector") | LinearCell():
            return ("own", "stepwise")
        case _:
            return ("stepwise",)


def choose_path(cell: Cell, inputs: Inputs) -> Path:
    """Give the path that ``auto`` takes for these inputs, on their device."""
    if positions(inputs)[0] == 1:
        return "stepwise"  # torch.lstm rearranges its weights at each call
    available = available_paths(cell)
    # fused takes vectors: one-hot ones wider than H cost more than it saves
    one_hot = isinstance(inputs, Tensor) and not inputs.is_floating_point()
    fused = "fused" in available and not (one_hot and cell.input_size > cell.hidden_size)
    own = "own" in available and (cell.bias.device.type == "cpu" or isinstance(cell, LinearCell))
    if fused and (not own or _fused_is_faster(cell)):
        return "fused"
    return "own" if own else "stepwise"


def _fused_is_faster(cell: Cell) -> bool:
    """Say what was measured on CPUs: only an lstm in bfloat16, unless it is wide and trains."""
    if not isinstance(cell, LSTMCell) or _product_dtype(cell.bias) != torch.bfloat16:
        return False
    return not (torch.is_grad_enabled() and cell.hidden_size > LARGEST_FUSED_LSTM)


def unroll(
    cell: Cell,
    inputs: Inputs,
    state: CellState,
    *,
    kept: CellState | None = None,
    path: Path = "auto",
) -> tuple[Tensor, CellState]:
    """Run a cell over a window.

    Parameters
    ----------
    cell
        The cell.
    inputs
        Vectors [T, B, I], symbols that stand for vectors, or the ids int64[T, B] of one-hot ones.
    state
        The state before the window, ``cell.state_count`` times [B, H].
    kept
        What zoneout keeps of each part of the state, [T, B, H]; see ``Cell.step``.
    path
        Which of the ways to take; they differ in speed, and in the last digits; ``own`` with
        products of integers in the fourth (``precision.computing_in``). Under autocast,
        the products are taken in its type; ``fused`` and ``own`` then also keep h in it within
        the window (fused c too), except that the min cells are always scanned in the state's
        type.

    Returns
    -------
    Tensor, CellState
        The outputs [T, B, H], and the state after the window in the type in which it came.

    Raises
    ------
    ValueError
        The window is empty, or the cell does not have the path.
    """
    if positions(inputs)[0] == 0:
        raise ValueError("a window must have at least one time step, got 0")
    chosen = choose_path(cell, inputs) if path == "auto" else path
    if chosen not in available_paths(cell):
        raise ValueError(
            f"{type(cell).__name__} has the paths {', '.join(available_paths(cell))}; got {path!r}"
        )
    if chosen == "stepwise":
        outputs, after = _stepwise(cell, inputs, state, kept)
    else:
        outputs, after = (_fused if chosen == "fused" else _own)(cell, inputs, state)
    return outputs, tuple(new.to(old.dtype) for new, old in zip(after, state, strict=True))


def _stepwise(
    cell: Cell, inputs: Inputs, state: CellState, kept: CellState | None
) -> tuple[Tensor, CellState]:
    outputs = []
    for t, projected in enumerate(cell.project(inputs).unbind()):
        here = None if kept is None else tuple(part[t] for part in kept)
        output, state = cell.step(projected, state, here)
        outputs.append(output)
    return torch.stack(outputs), state


def _fused(cell: Cell, inputs: Inputs, state: CellState) -> tuple[Tensor, CellState]:
    """Call torch's recurrence: one layer, no dropout, one direction, time first."""
    weights = dict(cell.named_parameters())
    bias_hh = torch.zeros_like(cell.bias)
    if isinstance(cell, GRUCell):
        bias_hh = torch.cat((bias_hh[: -cell.hidden_size], weights["bias_hh"]))
    parameters = [weights["weight_ih"], weights["weight_hh"], weights["bias"], bias_hh]
    vectors = _vectors(inputs, cell)
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


def _vectors(inputs: Inputs, cell: Cell) -> Tensor:
    if isinstance(inputs, Embedded):
        return inputs.vectors()
    if inputs.is_floating_point():
        return inputs
    return functional.one_hot(inputs, cell.input_size).to(cell.weight_ih.dtype)


def _own(cell: Cell, inputs: Inputs, state: CellState) -> tuple[Tensor, CellState]:
    """Project the whole window at once, then scan it or go through time."""
    if isinstance(cell, LinearCell):
        gates = cell.gates(cell.project(inputs).to(state[0].dtype), state)
        hidden = linear_recurrence(*cell.coefficients(gates), state[0])
        return hidden, (_last(hidden),)
    return _through_time(cell, inputs, state)


def _through_time(cell: Cell, inputs: Inputs, state: CellState) -> tuple[Tensor, CellState]:
    """Call the function of ``through_time`` with all tensors in the type of the products."""
    # Here and not above: it brings the compiler along, which a short generation does not need.
    from nextchar.nn.kernels.launch import wide_dtype
    from nextchar.nn.kernels.through_time import (
        GRUAfterThroughTime,
        GRUBeforeThroughTime,
        LSTMThroughTime,
        RNNThroughTime,
    )

    dtype = _product_dtype(cell.bias)
    integers = _integers_suit(cell, state[0])
    rows, index = _integer_rows(cell, inputs) if integers else cell.rows(inputs)
    weights = {name: weight.to(dtype) for name, weight in cell.named_parameters()}
    given = (rows.to(dtype), index, state[0].to(dtype))
    weight_hh, keep = weights["weight_hh"], torch.is_grad_enabled()
    options = keep, integers
    match cell:
        case RNNCell():
            outputs = _apply(RNNThroughTime, *given, weight_hh, cell.activation, *options)
        case GRUCell(reset="after"):
            outputs = _apply(GRUAfterThroughTime, *given, weight_hh, weights["bias_hh"], *options)
        case GRUCell():
            outputs = _apply(GRUBeforeThroughTime, *given, weight_hh, *options)
        case _:
            c = state[1].to(wide_dtype(dtype))
            peepholes = _peepholes(cell, weights)
            outputs, c = _apply(LSTMThroughTime, *given, c, weight_hh, peepholes, *options)
            return outputs, (_last(outputs), c)
    return outputs, (_last(outputs),)


def takes_integers(cell: Cell) -> bool:
    """Say whether a cell has products of integers, and is large enough to gain by them."""
    if not isinstance(cell, GatedCell) or "own" not in available_paths(cell):
        return False
    grows = isinstance(cell, RNNCell) and cell.activation == "relu"
    weights = cell.gate_count * cell.hidden_size**2
    is_large = weights >= LEAST_INTEGER_WEIGHTS and cell.hidden_size % INTEGER_UNITS == 0
    return is_large and not grows


def _integers_suit(cell: Cell, h: Tensor) -> bool:
    """Say whether a window's products are of integers: where that was asked for, of bounded h."""
    if not are_integers_wanted() or not takes_integers(cell):
        return False
    is_single = h.dtype == _product_dtype(cell.bias) == torch.float32
    return is_single and len(h) >= LEAST_INTEGER_STREAMS and bool((h.abs() <= 1).all())


def _integer_rows(cell: Cell, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
    """Give ``Cell.rows``; those of given vectors as products of integers."""
    is_dense = isinstance(inputs, Tensor) and inputs.dtype == torch.float32
    if not is_dense or cell.input_size % INTEGER_UNITS > 0:
        return cell.rows(inputs)
    from nextchar.nn.kernels.projection import IntegerProjection

    keep = torch.is_grad_enabled()
    given = inputs, cell.weight_ih, cell.bias, cell.hidden_size, keep
    return _apply(IntegerProjection, *given), None


def _last(outputs: Tensor) -> Tensor:
    """Copy the last output: as a view, the state would keep the whole window in memory."""
    return outputs[-1].clone()


def _peepholes(cell: Cell, weights: dict[str, Tensor]) -> Tensor:
    """Give the peepholes of i, f and o as one tensor [3, H]; the plain LSTM has none, [0, H]."""
    if isinstance(cell, PeepholeLSTMCell):
        return torch.stack([weights[f"peephole_{gate}"] for gate in "ifo"])
    return weights["bias"].new_empty(0, cell.hidden_size)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:  # noqa: ANN401
    """Call an autograd function, whose ``apply`` torch does not type."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def _product_dtype(weight: Tensor) -> torch.dtype:
    """Give the type in which products with this weight are taken: under autocast, its type."""
    kind = weight.device.type
    if weight.dtype == torch.float32 and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return weight.dtype
