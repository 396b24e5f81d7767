"""The recurrent cell: one step of a recurrence.

A cell maps the input and the state of one time step to its output and the next state. The input is
projected separately, so one product can project a whole sequence before the first step::

    projected = cell.project(inputs)             the input's part of all gates, with the bias
    output, state = cell.step(projected, state)  the recurrence

State is a value: the module stores nothing about a stream.

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
    """Embedded symbols, of which a cell projects each only once.

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
        """Return the vectors [..., I]."""
        return functional.embedding(self.ids, self.table)


Inputs = Tensor | Embedded


def positions(inputs: Inputs) -> torch.Size:
    """Return the shape without that of the vectors: [B] in a step, [T, B] in a sequence."""
    if isinstance(inputs, Embedded):
        return inputs.ids.shape
    return inputs.shape[:-1] if inputs.is_floating_point() else inputs.shape


class Cell(nn.Module, ABC):
    """One step of a recurrence.

    The parameters are created without values, and no generator is used:
    ``initialization.initialize_cell`` sets them.

    Parameters
    ----------
    input_size, hidden_size
        Sizes I of the input and H of the output and of each part of the state.

    Attributes
    ----------
    gate_names
        The results of ``gates``, in the order of the blocks of the weights; G is their number.
    state_count
        The number of tensors [B, H] in the state. The first is the last output.
    weight_ih, bias
        Weights [G·H, I] of the input, and the biases [G·H] of the gates.
    zoneout
        For each part of the state, the probability that a unit keeps its value in a step
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

    @property
    def kernel(self) -> str | None:
        """The name of the cell's compiled code for training in ``kernels.table``, if any."""
        return None

    def initial_state(self, batch_size: int) -> CellState:
        """Return the state before the first step: zeros, ``state_count`` times [B, H]."""
        shape = (batch_size, self.hidden_size)
        return tuple(self.bias.new_zeros(shape) for _ in range(self.state_count))

    @property
    def is_zoned(self) -> bool:
        """Whether zoneout keeps a part of the state in a step."""
        return any(self.zoneout)

    def rows(self, inputs: Inputs) -> tuple[Tensor, Tensor | None]:
        """Return the input's part of all gates, with the bias, each distinct one once.

        Parameters
        ----------
        inputs
            Vectors [..., I], embedded symbols, or the ids int64[...] of one-hot vectors, which
            are looked up in the weights without a product.

        Returns
        -------
        Tensor, Tensor or None
            Rows [R, G·H], and the row of each input, int64[...]; None if every input has its own
            row, as with a vocabulary larger than the number of inputs.
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
        """Return the input's part of all gates, with the bias, [..., G·H]; see ``rows``."""
        rows, index = self.rows(inputs)
        if index is not None:
            return functional.embedding(index, rows)
        return rows.view(*positions(inputs), rows.shape[1])

    @abstractmethod
    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Return the values [B, H] of the gates of one step, in the order of ``gate_names``."""

    @abstractmethod
    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Return the next state from the gates and the state."""

    def step(
        self, projected: Tensor, state: CellState, kept: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Take one step from the projected input [B, G·H]: return the output [B, H] and the state.

        With zoneout, ``kept`` [B, H] is the share of each part of the state that keeps its value:
        drawn as 0 or 1 in training, and otherwise (``None``) the mean.
        """
        after = self.advance(self.gates(projected, state), state, kept)
        return after[0], after

    def advance(
        self, gates: tuple[Tensor, ...], state: CellState, kept: CellState | None = None
    ) -> CellState:
        """Return the next state as ``combine``, with zoneout; ``kept`` is that of ``step``."""
        after = self.combine(gates, state)
        if not self.is_zoned:
            return after
        shares: tuple[Tensor | float, ...] = self.zoneout if kept is None else kept
        moved = zip(after, state, shares, strict=True)
        return tuple(torch.lerp(new.to(old.dtype), old, share) for new, old, share in moved)

    def forward(
        self, inputs: Inputs, state: CellState, kept: CellState | None = None
    ) -> tuple[Tensor, CellState]:
        """Take one step from inputs [B, I], embedded symbols, or one-hot ids int64[B]."""
        return self.step(self.project(inputs), state, kept)


class GatedCell(Cell):
    """A cell whose gates read the earlier output through ``weight_hh`` [G·H, H].

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    layer_norm
        Normalise W x_t and U h_{t−1}, each gate separately over its H units, and multiply them by
        gains ``gain_ih`` and ``gain_hh`` [G·H]. The bias is that of the gates (Ba, Kiros & Hinton
        2016).
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
        """Return a cell that shares everything but the recurrent weights with this one."""
        other = copy.copy(self)
        other.__dict__["_parameters"] = {**self._parameters, "weight_hh": weight_hh}
        return other

    @property
    def is_normalized(self) -> bool:
        """Whether the cell has layer normalisation."""
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
        """Return the recurrent part of the gates in some rows of the weights."""
        product = functional.linear(h, self.weight_hh[rows])
        return product if self.gain_hh is None else self._normalized(product) * self.gain_hh[rows]

    def _add_recurrent(self, projected: Tensor, h: Tensor, rows: slice = slice(None)) -> Tensor:
        """Add it to their projected input."""
        if self.gain_hh is None:
            return torch.addmm(projected, h, self.weight_hh[rows].t())
        return projected + self._recurrent(h, rows)

    def _normalized(self, products: Tensor) -> Tensor:
        """Normalise each group of H values [..., n·H] to mean 0 and standard deviation 1."""
        gates = products.view(*products.shape[:-1], -1, self.hidden_size)
        return functional.layer_norm(gates, (self.hidden_size,)).flatten(-2)


class LinearCell(Cell):
    """A cell that is linear in its state: h_t = a_t ⊙ h_{t−1} + b_t, with a and b from x_t alone.

    A whole sequence is therefore one parallel scan (``scan.linear_recurrence``).
    """

    @abstractmethod
    def coefficients(self, gates: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return a and b [..., H] from the gates."""

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Return (h,)."""
        a, b = self.coefficients(gates)
        return (a * state[0] + b,)
