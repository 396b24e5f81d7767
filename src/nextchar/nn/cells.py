"""Recurrent cells: one step of each recurrence.

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
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import Activation, NetworkConfig, Peepholes, Reset

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

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}


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

    @property
    def gate_count(self) -> int:
        """Number G of blocks in the weights."""
        return len(self.gate_names)

    def initial_state(self, batch_size: int) -> CellState:
        """Give the state before the first step: zeros, ``state_count`` times [B, H]."""
        shape = (batch_size, self.hidden_size)
        return tuple(self.bias.new_zeros(shape) for _ in range(self.state_count))

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
                return functional.linear(inputs.table, self.weight_ih, self.bias), inputs.ids
            inputs = inputs.vectors()
        if inputs.is_floating_point():
            vectors = inputs.reshape(-1, self.input_size)
            return functional.linear(vectors, self.weight_ih, self.bias), None
        if self.input_size <= inputs.numel():
            return self.weight_ih.t() + self.bias, inputs
        return functional.embedding(inputs.flatten(), self.weight_ih.t()) + self.bias, None

    def project(self, inputs: Inputs) -> Tensor:
        """Give the input's part of all gates, with the bias, [..., G·H]; see ``rows``."""
        rows, index = self.rows(inputs)
        if index is not None:
            return functional.embedding(index, rows)
        vectors = isinstance(inputs, Tensor) and inputs.is_floating_point()
        ids = inputs.ids if isinstance(inputs, Embedded) else inputs
        return rows.view(*(ids.shape[:-1] if vectors else ids.shape), rows.shape[1])

    @abstractmethod
    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Give the values [B, H] of the gates of one step, as ``gate_names`` names them."""

    @abstractmethod
    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Give the next state from the gates and the state."""

    def step(self, projected: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """Take one step from the projected input [B, G·H]: give the output [B, H] and the state."""
        after = self.combine(self.gates(projected, state), state)
        return after[0], after

    def forward(self, inputs: Inputs, state: CellState) -> tuple[Tensor, CellState]:
        """Take one step from inputs [B, I], embedded symbols, or one-hot ids int64[B]."""
        return self.step(self.project(inputs), state)


class GatedCell(Cell):
    """A cell whose gates see the earlier output, through ``weight_hh`` [G·H, H]."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_hh = nn.Parameter(torch.empty(self.gate_count * hidden_size, hidden_size))

    def with_recurrent_weights(self, weight_hh: Tensor) -> Self:
        """Give a cell that shares everything with this one but its recurrent weights."""
        other = copy.copy(self)
        other.__dict__["_parameters"] = {**self._parameters, "weight_hh": weight_hh}
        return other


class RNNCell(GatedCell):
    """The simple recurrence: h_t = φ(W x_t + U h_{t−1} + b) (Elman, 1990).

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    activation
        φ: tanh, relu or sigmoid.
    """

    gate_names = ("hidden",)

    def __init__(
        self, input_size: int, hidden_size: int, *, activation: Activation = "tanh"
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.activation: Activation = activation

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Give the new output, the only gate."""
        return (ACTIVATIONS[self.activation](torch.addmm(projected, state[0], self.weight_hh.t())),)

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:  # noqa: ARG002
        """Give the new output as the state."""
        return gates


class LSTMCell(GatedCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate: Gers et al., 2000).

    With i, f, o = σ(W x_t + U h_{t−1} + b) and g = tanh(W x_t + U h_{t−1} + b), each with its own
    weights: c_t = f ⊙ c_{t−1} + i ⊙ g, and h_t = o ⊙ tanh(c_t). The state is (h, c).
    """

    gate_names = ("input", "forget", "cell", "output")
    state_count = 2

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Give i, f, g, o."""
        i, f, g, o = torch.addmm(projected, state[0], self.weight_hh.t()).chunk(4, 1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Give (h, c)."""
        i, f, g, o = gates
        c = f * state[1] + i * g
        return o * torch.tanh(c), c


class PeepholeLSTMCell(GatedCell):
    """The LSTM whose gates see the cell (Gers and Schmidhuber, 2000; Graves, 2013).

    As ``LSTMCell``, but i and f add p_i ⊙ c_{t−1} and p_f ⊙ c_{t−1}, and o adds p_o ⊙ c_t: the
    output gate sees the new cell.

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    peepholes
        ``"vector"`` for p [H], one weight a unit; ``"matrix"`` for p [H, H], every unit sees
        every cell.
    """

    gate_names = LSTMCell.gate_names
    state_count = 2

    def __init__(
        self, input_size: int, hidden_size: int, *, peepholes: Peepholes = "vector"
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.peepholes: Peepholes = peepholes
        shape = (hidden_size,) if peepholes == "vector" else (hidden_size, hidden_size)
        self.peephole_i = nn.Parameter(torch.empty(shape))
        self.peephole_f = nn.Parameter(torch.empty(shape))
        self.peephole_o = nn.Parameter(torch.empty(shape))

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Give i, f, g, o."""
        h, c = state
        i, f, g, o = torch.addmm(projected, h, self.weight_hh.t()).chunk(4, 1)
        i = torch.sigmoid(i + _seen(c, self.peephole_i))
        f = torch.sigmoid(f + _seen(c, self.peephole_f))
        g = torch.tanh(g)
        return i, f, g, torch.sigmoid(o + _seen(f * c + i * g, self.peephole_o))

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Give (h, c)."""
        i, f, g, o = gates
        c = f * state[1] + i * g
        return o * torch.tanh(c), c


class GRUCell(GatedCell):
    """The gated recurrent unit, in the two forms that texts mix up.

    With r, z = σ(W x_t + U h_{t−1} + b), the candidate n is, by ``reset``,

    - ``"after"``: tanh(W x_t + b + r ⊙ (U h_{t−1} + b')), as cuDNN and ``torch.nn.GRU``;
    - ``"before"``: tanh(W x_t + b + U (r ⊙ h_{t−1})) (Cho et al., 2014),

    and h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}: an open z keeps, as in torch. Texts that exchange z and
    1 − z describe the same model.

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    reset
        Where the reset gate acts. Only ``"after"`` has the second bias b', ``bias_hh`` [H].
    """

    gate_names = ("reset", "update", "candidate")
    bias_hh: nn.Parameter | None

    def __init__(self, input_size: int, hidden_size: int, *, reset: Reset = "after") -> None:
        super().__init__(input_size, hidden_size)
        self.reset: Reset = reset
        self.bias_hh = nn.Parameter(torch.empty(hidden_size)) if reset == "after" else None

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Give r, z, n."""
        if self.bias_hh is None:
            return self._gates_before(projected, state[0])
        return self._gates_after(projected, state[0], self.bias_hh)

    def _gates_after(self, projected: Tensor, h: Tensor, bias_hh: Tensor) -> tuple[Tensor, ...]:
        r, z, n = projected.chunk(3, 1)
        u_r, u_z, u_n = functional.linear(h, self.weight_hh).chunk(3, 1)
        r = torch.sigmoid(r + u_r)
        return r, torch.sigmoid(z + u_z), torch.tanh(n + r * (u_n + bias_hh))

    def _gates_before(self, projected: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        rz, n = slice(2 * self.hidden_size), slice(2 * self.hidden_size, None)
        opened = torch.addmm(projected[:, rz], h, self.weight_hh[rz].t())
        r, z = torch.sigmoid(opened).chunk(2, 1)
        return r, z, torch.tanh(torch.addmm(projected[:, n], r * h, self.weight_hh[n].t()))

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Give (h,)."""
        _, z, n = gates
        return (n + z * (state[0] - n),)


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


class MinGRUCell(LinearCell):
    """The minimal GRU (Feng et al., 2024), in the plain form without logarithms.

    With z = σ(W_z x_t + b_z) and h̃ = W x_t + b: h_t = (1 − z) ⊙ h_{t−1} + z ⊙ h̃. Here an open z
    lets in, as in the paper; it is the 1 − z of ``GRUCell``.
    """

    gate_names = ("update", "candidate")

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Give z and h̃; the state is not looked at."""
        z, candidate = projected.chunk(2, -1)
        return torch.sigmoid(z), candidate

    def coefficients(self, gates: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Give 1 − z and z ⊙ h̃."""
        z, candidate = gates
        return 1 - z, z * candidate


class MinLSTMCell(LinearCell):
    """The minimal LSTM (Feng et al., 2024), length-independent, without logarithms.

    With f = σ(W_f x_t + b_f), i = σ(W_i x_t + b_i), h̃ = W x_t + b and the gates brought to a sum
    of one, f' = f / (f + i) and i' = i / (f + i): h_t = f' ⊙ h_{t−1} + i' ⊙ h̃. The state is h
    alone: the paper's minLSTM has no separate cell.
    """

    gate_names = ("forget", "input", "candidate")

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Give f', i' and h̃; the state is not looked at."""
        f, i, candidate = projected.chunk(3, -1)
        # f / (f + i) as one sigmoid, which stays finite where both f and i round to 0
        forget = torch.sigmoid(functional.logsigmoid(f) - functional.logsigmoid(i))
        return forget, 1 - forget, candidate

    def coefficients(self, gates: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Give f' and i' ⊙ h̃."""
        forget, i, candidate = gates
        return forget, i * candidate


def build_cell(config: NetworkConfig, input_size: int) -> Cell:
    """Make the configured cell for inputs of size I; its parameters are still empty."""
    H = config.hidden_size
    match config.cell:
        case "rnn":
            return RNNCell(input_size, H, activation=config.activation)
        case "lstm":
            return LSTMCell(input_size, H)
        case "peephole_lstm":
            return PeepholeLSTMCell(input_size, H, peepholes=config.peepholes)
        case "gru":
            return GRUCell(input_size, H, reset=config.reset)
        case "min_gru":
            return MinGRUCell(input_size, H)
        case "min_lstm":
            return MinLSTMCell(input_size, H)


def _seen(cell: Tensor, peephole: Tensor) -> Tensor:
    """Give what a gate sees of the cell [B, H] through a peephole [H] or [H, H]."""
    return cell * peephole if peephole.dim() == 1 else functional.linear(cell, peephole)
