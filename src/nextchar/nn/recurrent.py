"""A cell over a sequence, by the fastest implementation that the cell has.

- ``fused``: torch's own recurrence, if its equations are exactly the cell's;
- ``own``: one projection of all inputs, then a compiled kernel (on a CPU) or ``scan``;
- ``stepwise``: ``Cell.step`` in a loop, differentiated by autograd. Every cell has it.

``auto`` follows measurements on a CPU (benchmarks/cells.py): ``own`` is the fastest except for an
lstm in bfloat16 without training or with at most 192 units, where ``fused`` (oneDNN) is faster. On
a GPU it uses ``fused`` (cuDNN) if the cell has it, except for one-hot inputs wider than H.

Shapes: T time steps, B streams, I input size of a layer, H hidden, G gates. Time first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.nn.cell import Cell, CellState, Embedded, GatedCell, Inputs, LinearCell, positions
from nextchar.nn.cells import GRUCell, LSTMCell, RNNCell
from nextchar.nn.kernels.hardware import INTEGER_LANES, has_bfloat16
from nextchar.nn.precision import are_integers_wanted
from nextchar.nn.scan import linear_recurrence

Path = Literal["auto", "fused", "own", "stepwise"]

# For smaller recurrences, quantisation costs more than the integer products save.
LEAST_INTEGER_WEIGHTS, LEAST_INTEGER_STREAMS = 1 << 15, 4
LARGEST_FUSED_LSTM = 192  # oneDNN's lstm is slower if wider, in bfloat16, forward and backward


def available_paths(cell: Cell) -> tuple[Path, ...]:
    """List the paths that a cell has, without ``auto``."""
    if cell.is_zoned or (isinstance(cell, GatedCell) and cell.is_normalized):
        return ("stepwise",)
    match cell:
        case LSTMCell() | GRUCell(reset="after") | RNNCell(activation="tanh" | "relu"):
            return ("fused", "own", "stepwise")
        case GatedCell(kernel=str()) | LinearCell():
            return ("own", "stepwise")
        case _:
            return ("stepwise",)


def choose_path(cell: Cell, inputs: Inputs) -> Path:
    """Return the path of ``auto`` for these inputs, on their device."""
    if positions(inputs)[0] == 1:
        return "stepwise"  # torch.lstm reorders its weights at each call
    available = available_paths(cell)
    # fused reads vectors: one-hot ones wider than H cost more than it saves
    one_hot = isinstance(inputs, Tensor) and not inputs.is_floating_point()
    fused = "fused" in available and not (one_hot and cell.input_size > cell.hidden_size)
    own = "own" in available and (cell.bias.device.type == "cpu" or isinstance(cell, LinearCell))
    if fused and (not own or _fused_is_faster(cell)):
        return "fused"
    return "own" if own else "stepwise"


def _fused_is_faster(cell: Cell) -> bool:
    """Return True for an lstm in bfloat16, unless it is wide and trains, as measured on CPUs.

    oneDNN has no lstm in bfloat16 for a processor without bfloat16 products.
    """
    if not isinstance(cell, LSTMCell) or _product_dtype(cell.bias) != torch.bfloat16:
        return False
    if not has_bfloat16(cell.bias.device):
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
    """Run a cell over a sequence.

    Parameters
    ----------
    cell
        The cell.
    inputs
        Vectors [T, B, I], embedded symbols, or the ids int64[T, B] of one-hot vectors.
    state
        The initial state, ``cell.state_count`` times [B, H].
    kept
        The shares of each part of the state that zoneout keeps, [T, B, H]; see ``Cell.step``.
    path
        The paths differ in speed, and their results in the last digits; with integer products
        (``precision.computing_in``), those of ``own`` differ in the fourth digit. Under autocast,
        products have its type. ``fused`` and ``own`` then also keep h in it within the sequence
        (``fused`` c too), except that the min cells are always scanned in the state's type.

    Returns
    -------
    Tensor, CellState
        The outputs [T, B, H], and the final state in the type of the initial one.

    Raises
    ------
    ValueError
        The sequence is empty, or the cell does not have the path.
    """
    if positions(inputs)[0] == 0:
        raise ValueError("a sequence must have at least one time step, got 0")
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
    """Project the whole sequence at once, then scan it or run the cell's kernel."""
    if isinstance(cell, LinearCell):
        gates = cell.gates(cell.project(inputs).to(state[0].dtype), state)
        hidden = linear_recurrence(*cell.coefficients(gates), state[0])
        return hidden, (hidden[-1].clone(),)  # a view would keep the whole sequence in memory
    return _run_kernel(cell, inputs, state)


def _run_kernel(cell: Cell, inputs: Inputs, state: CellState) -> tuple[Tensor, CellState]:
    """Run the cell's compiled kernel with all tensors in the type of the products."""
    # Imported here because it loads the compiler, which a short generation does not need.
    from nextchar.nn.kernels.autograd import SequenceInputs
    from nextchar.nn.kernels.table import KERNELS

    dtype = _product_dtype(cell.bias)
    integers = _uses_integers(cell, state[0])
    rows, index = _integer_rows(cell, inputs) if integers else cell.rows(inputs)
    weights = {name: weight.to(dtype) for name, weight in cell.named_parameters()}
    start = (state[0].to(dtype), *state[1:])
    keep = torch.is_grad_enabled()
    sequence = SequenceInputs(rows.to(dtype), index, start, weights, keep, integers)
    return KERNELS[str(cell.kernel)](sequence)


def supports_integers(cell: Cell) -> bool:
    """Return whether a cell has integer products, and is large enough to gain from them."""
    if not isinstance(cell, GatedCell) or "own" not in available_paths(cell):
        return False
    is_unbounded = isinstance(cell, RNNCell) and cell.activation == "relu"
    weights = cell.gate_count * cell.hidden_size**2
    is_large = weights >= LEAST_INTEGER_WEIGHTS and cell.hidden_size % INTEGER_LANES == 0
    return is_large and not is_unbounded


def _uses_integers(cell: Cell, h: Tensor) -> bool:
    """Return whether products are of integers: if requested, and for a bounded initial h."""
    if not are_integers_wanted() or not supports_integers(cell):
        return False
    is_single = h.dtype == _product_dtype(cell.bias) == torch.float32
    return is_single and len(h) >= LEAST_INTEGER_STREAMS and bool((h.abs() <= 1).all())


def _integer_rows(cell: Cell, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
    """Return ``Cell.rows``, with integer products if the inputs are vectors."""
    if isinstance(inputs, Embedded) or inputs.dtype != torch.float32:
        return cell.rows(inputs)
    if cell.input_size % INTEGER_LANES > 0:
        return cell.rows(inputs)
    from nextchar.nn.kernels.projection import project_integers

    return project_integers(inputs, cell.weight_ih, cell.bias, cell.hidden_size), None


def _product_dtype(weight: Tensor) -> torch.dtype:
    """Return the type of products with this weight: under autocast, that of autocast."""
    kind = weight.device.type
    if weight.dtype == torch.float32 and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return weight.dtype
