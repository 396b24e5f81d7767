"""What a recurrent cell is: one step of a recurrence.

A cell takes the input and the state of one time step and gives its output and the next state.
The input enters in two moves, so that a whole window can be projected by one product before any
step is taken::

    projected = cell.project(inputs)             the input's part of all gates, with the bias
    output, state = cell.step(projected, state)  the recurrence

State is a value: nothing about a stream is kept on the module.

Shapes: T time steps, B streams, I input size of a layer, H hidden, G gates. Time first. The blocks
of weights of the G gates are stacked in torch's order: i, f, g, o for the lstm, r, z, n for the
gru. Symbols in formulas: σ logistic sigmoid, ⊙ elementwise product, W weights of the input x_t,
U weights of the earlier output h_{t−1}.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

CellState = tuple[Tensor, ...]


@dataclass(frozen=True)
class Embedded:
    """Symbols that stand for vectors: what a cell need project only once for each symbol.

    Attributes
    ----------
    ids
        int64[...].
    table
        The vector of each symbol, [V, I].
    """

    ids: Tensor
    table: Tensor

    def vectors(self) -> Tensor:
        """Give the vectors [..., I]."""
        return functional.embedding(self.ids, self.table)


Inputs = Tensor | Embedded


def positions(inputs: Inputs) -> torch.Size:
    """Give the shape of what stands before the vectors: [B] in a step, [T, B] in a window."""
    if isinstance(inputs, Embedded):
        return inputs.ids.shape
    return inputs.shape[:-1] if inputs.is_floating_point() else inputs.shape


class Cell(nn.Module, ABC):
    """One step of a recurrence.

    The parameters are made empty, without a draw from any generator:
    ``initialization.initialize_cell`` gives them their values.

    Parameters
    ----------
    input_size, hidden_size
        Sizes I of the input and H of the output and of each part of the state.

    Attributes
    ----------
    gate_names
        What ``gates`` returns, in the order of the blocks of the weights; G is their number.
    state_count
        How many tensors [B, H] the state has. The first is the last output.
    weight_ih, bias
        Weights [G·H, I] of the input, and one bias [G·H] a gate.
    zoneout
        For each part of the state, the probability that a unit stays as it was in a step
        (Krueger et al. 2017).
    """

    gate_names: ClassVar[tuple[str, ...]]
    state_count: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = self.gate_count * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.bias = nn.Parameter(torch.empty(rows))
        self.zoneout: tuple[float, ...] = (0.0,) * self.state_count

    @property
    def gate_count(self) -> int:
        """Number G of blocks in the weights."""
        return len(self.gate_names)

    def initial_state(self, batch_size: int) -> CellState:
        """Give the state before the first step: zeros, ``state_count`` times [B, H]."""
        shape = (batch_size, self.hidden_size)
        return tuple(self.bias.new_zeros(shape) for _ in range(self.state_count))

    @property
    def is_zoned(self) -> bool:
        """Whether zoneout keeps some of the state in a step."""
        return any(self.zoneout)

    def rows(self, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
        """Give the input's part of all gates, with the bias, each different one once.

        Parameters
        ----------
        inputs
            Vectors [..., I], symbols that stand for vectors, or the ids int64[...] of one-hot
            vectors: those are looked up in the weights, and no product is taken.

        Returns
        -------
        Tensor, Tensor or None
            Rows [R, G·H], and the row of each input, int64[...]; None where every input has its
            own, as it is where the vocabulary is larger than the number of inputs.
        """
        if isinstance(inputs, Embedded):
            if len(inputs.table) <= inputs.ids.numel():
                return self._project_vectors(inputs.table), inputs.ids
            inputs = inputs.vectors()
        if inputs.is_floating_point():
            vectors = inputs.reshape(-1, self.input_size)
            return self._project_vectors(vectors), None
        if self.input_size <= inputs.numel():
            return self._with_bias(self.weight_ih.t()), inputs
        return self._with_bias(functional.embedding(inputs.flatten(), self.weight_ih.t())), None

    def _project_vectors(self, vectors: Tensor) -> Tensor:
        return functional.linear(vectors, self.weight_ih, self.bias)

    def _with_bias(self, products: Tensor) -> Tensor:
        return products + self.bias

    def project(self, inputs: Inputs) -> Tensor:
        """Give the input's part of all gates, with the bias, [..., G·H]; see ``rows``."""
        rows, index = self.rows(inputs)
        if index is not None:
            return functional.embedding(index, rows)
        return rows.view(*positions(inputs), rows.shape[1])

    @abstractmethod
    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Give the values [B, H] of the gates of one step, as ``gate_names`` names them."""

    @abstractmethod
    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Give the next state from the gates and the state."""

    def step(
        self, projected: Tensor, state: CellState, kept: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Take one step from the projected input [B, G·H]: give the output [B, H] and the state.

        With zoneout, ``kept`` [B, H] of each part of the state says what share of it stays as it
        was: drawn 0 or 1 in training, and otherwise (``None``) the mean of that.
        """
        after = self.combine(self.gates(projected, state), state)
        if self.is_zoned:
            shares: tuple[Tensor | float, ...] = self.zoneout if kept is None else kept
            moved = zip(after, state, shares, strict=True)
            after = tuple(torch.lerp(new.to(old.dtype), old, share) for new, old, share in moved)
        return after[0], after

    def forward(
        self, inputs: Inputs, state: CellState, kept: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Take one step from inputs [B, I], embedded symbols, or one-hot ids int64[B]."""
        return self.step(self.project(inputs), state, kept)


class GatedCell(Cell):
    """A cell whose gates see the earlier output, through ``weight_hh`` [G·H, H].

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    layer_norm
        Normalise W x_t and U h_{t−1}, each gate by itself over its H units, and multiply them by
        gains ``gain_ih`` and ``gain_hh`` [G·H]; what is added is the bias that each gate has
        anyway (Ba, Kiros & Hinton 2016).
    """

    gain_ih: nn.Parameter | None
    gain_hh: nn.Parameter | None

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        rows = self.gate_count * hidden_size
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.gain_ih = nn.Parameter(torch.empty(rows)) if layer_norm else None
        self.gain_hh = nn.Parameter(torch.empty(rows)) if layer_norm else None

    def with_recurrent_weights(self, weight_hh: Tensor) -> Self:
        """Give a cell that shares everything with this one but its recurrent weights."""
        other = copy.copy(self)
        other.__dict__["_parameters"] = {**self._parameters, "weight_hh": weight_hh}
        return other

    @property
    def is_normalized(self) -> bool:
        """Whether there is layer normalisation inside."""
        return self.gain_hh is not None

    def _project_vectors(self, vectors: Tensor) -> Tensor:
        if self.gain_ih is None:
            return super()._project_vectors(vectors)
        return self._with_bias(functional.linear(vectors, self.weight_ih))

    def _with_bias(self, products: Tensor) -> Tensor:
        if self.gain_ih is not None:
            products = self._normalized(products) * self.gain_ih
        return super()._with_bias(products)

    def _recurrent(self, h: Tensor, rows: slice = slice(None)) -> Tensor:
        """Give the earlier output's part of the gates in some rows of the weights."""
        product = functional.linear(h, self.weight_hh[rows])
        return product if self.gain_hh is None else self._normalized(product) * self.gain_hh[rows]

    def _add_recurrent(self, projected: Tensor, h: Tensor, rows: slice = slice(None)) -> Tensor:
        """Add it to the input's part of them."""
        if self.gain_hh is None:
            return torch.addmm(projected, h, self.weight_hh[rows].t())
        return projected + self._recurrent(h, rows)

    def _normalized(self, products: Tensor) -> Tensor:
        """Bring each H values [..., n·H] to mean 0 and deviation 1."""
        gates = products.view(*products.shape[:-1], -1, self.hidden_size)
        return functional.layer_norm(gates, (self.hidden_size,)).flatten(-2)


class LinearCell(Cell):
    """A cell that is linear in its state: h_t = a_t ⊙ h_{t−1} + b_t, with a and b from x_t alone.

    That is what makes a whole window a parallel scan (``scan.linear_recurrence``).
    """

    @abstractmethod
    def coefficients(self, gates: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Give a and b [..., H] from the gates."""

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Give (h,)."""
        a, b = self.coefficients(gates)
        return (a * state[0] + b,)
