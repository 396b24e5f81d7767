"""The recurrent cells and their equations; ``cell`` has the base classes.

Shapes: B streams, I input size of a layer, H hidden, G gates. The blocks of weights of the G gates
are stacked in torch's order: i, f, g, o for the lstm, r, z, n for the gru. Symbols in formulas:
σ logistic sigmoid, ⊙ elementwise product, W weights of the input x_t, U weights of the earlier
output h_{t−1}.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import Activation, NetworkConfig, Peepholes, Reset
from nextchar.nn.cell import Cell, CellState, GatedCell, LinearCell

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
}


class RNNCell(GatedCell):
    """The simple recurrence: h_t = φ(W x_t + U h_{t−1} + b) (Elman, 1990).

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    activation
        φ: tanh, relu or sigmoid.
    layer_norm
        As for ``GatedCell``.
    """

    gate_names = ("hidden",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Activation = "tanh",
        layer_norm: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, layer_norm=layer_norm)
        self.activation: Activation = activation

    @property
    def kernel(self) -> str:
        """One kernel for each activation."""
        return f"rnn_{self.activation}"

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Return the new output, the only gate."""
        return (ACTIVATIONS[self.activation](self._add_recurrent(projected, state[0])),)

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:  # noqa: ARG002
        """Return the new output as the state."""
        return gates


class _WithMemory(GatedCell):
    """The common part of the LSTMs: a memory c in addition to h, and the output computed from it.

    With layer normalisation, only the output reads a normalised c: h_t = o ⊙ tanh(LN(c_t)), with
    the gain ``gain_c`` and the bias ``bias_c`` [H].
    """

    gate_names = ("input", "forget", "cell", "output")
    state_count = 2
    gain_c: nn.Parameter | None
    bias_c: nn.Parameter | None

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size, layer_norm=layer_norm)
        self.gain_c = nn.Parameter(torch.empty(hidden_size)) if layer_norm else None
        self.bias_c = nn.Parameter(torch.empty(hidden_size)) if layer_norm else None

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Return (h, c)."""
        i, f, g, o = gates
        c = f * state[1] + i * g
        normalized = c
        if self.gain_c is not None:
            normalized = functional.layer_norm(c, (self.hidden_size,), self.gain_c, self.bias_c)
        return o * torch.tanh(normalized), c


class LSTMCell(_WithMemory):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate: Gers et al., 2000).

    With i, f, o = σ(W x_t + U h_{t−1} + b) and g = tanh(W x_t + U h_{t−1} + b), each with its own
    weights: c_t = f ⊙ c_{t−1} + i ⊙ g, and h_t = o ⊙ tanh(c_t). The state is (h, c).
    """

    @property
    def kernel(self) -> str:
        """The kernel of the plain LSTM."""
        return "lstm"

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Return i, f, g, o."""
        i, f, g, o = self._add_recurrent(projected, state[0]).chunk(4, 1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)


class PeepholeLSTMCell(_WithMemory):
    """The LSTM whose gates read the memory c (Gers and Schmidhuber, 2000; Graves, 2013).

    As ``LSTMCell``, but i and f add p_i ⊙ c_{t−1} and p_f ⊙ c_{t−1}, and o adds p_o ⊙ c_t: the
    output gate reads the new c. Layer normalisation does not affect peepholes.

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    peepholes
        ``"vector"`` for p [H], one weight per unit; ``"matrix"`` for p [H, H], from every unit of
        c to every unit of a gate.
    layer_norm
        As for ``GatedCell``.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        peepholes: Peepholes = "vector",
        layer_norm: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, layer_norm=layer_norm)
        self.peepholes: Peepholes = peepholes
        shape = (hidden_size,) if peepholes == "vector" else (hidden_size, hidden_size)
        self.peephole_i = nn.Parameter(torch.empty(shape))
        self.peephole_f = nn.Parameter(torch.empty(shape))
        self.peephole_o = nn.Parameter(torch.empty(shape))

    @property
    def kernel(self) -> str | None:
        """The kernel of the LSTM, which also supports vector peepholes."""
        return "lstm" if self.peepholes == "vector" else None

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Return i, f, g, o."""
        h, c = state
        i, f, g, o = self._add_recurrent(projected, h).chunk(4, 1)
        i = torch.sigmoid(i + _through_peephole(c, self.peephole_i))
        f = torch.sigmoid(f + _through_peephole(c, self.peephole_f))
        g = torch.tanh(g)
        return i, f, g, torch.sigmoid(o + _through_peephole(f * c + i * g, self.peephole_o))


class GRUCell(GatedCell):
    """The gated recurrent unit, in the two forms of the literature.

    With r, z = σ(W x_t + U h_{t−1} + b), the candidate n is, by ``reset``,

    - ``"after"``: tanh(W x_t + b + r ⊙ (U h_{t−1} + b')), as cuDNN and ``torch.nn.GRU``;
    - ``"before"``: tanh(W x_t + b + U (r ⊙ h_{t−1})) (Cho et al., 2014),

    and h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}: z = 1 keeps the state, as in torch. Texts that exchange z
    and 1 − z describe the same model.

    Parameters
    ----------
    input_size, hidden_size
        Sizes I and H.
    reset
        The position of the reset gate. Only ``"after"`` has the second bias b', ``bias_hh`` [H].
    layer_norm
        As for ``GatedCell``.
    """

    gate_names = ("reset", "update", "candidate")
    bias_hh: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        reset: Reset = "after",
        layer_norm: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, layer_norm=layer_norm)
        self.reset: Reset = reset
        self.bias_hh = nn.Parameter(torch.empty(hidden_size)) if reset == "after" else None

    @property
    def kernel(self) -> str:
        """One kernel for each position of the reset gate."""
        return f"gru_reset_{self.reset}"

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        """Return r, z, n."""
        if self.bias_hh is None:
            return self._gates_before(projected, state[0])
        return self._gates_after(projected, state[0], self.bias_hh)

    def _gates_after(self, projected: Tensor, h: Tensor, bias_hh: Tensor) -> tuple[Tensor, ...]:
        r, z, n = projected.chunk(3, 1)
        u_r, u_z, u_n = self._recurrent(h).chunk(3, 1)
        r = torch.sigmoid(r + u_r)
        return r, torch.sigmoid(z + u_z), torch.tanh(n + r * (u_n + bias_hh))

    def _gates_before(self, projected: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        rz, n = slice(2 * self.hidden_size), slice(2 * self.hidden_size, None)
        r, z = torch.sigmoid(self._add_recurrent(projected[:, rz], h, rz)).chunk(2, 1)
        return r, z, torch.tanh(self._add_recurrent(projected[:, n], r * h, n))

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        """Return (h,)."""
        _, z, n = gates
        return (n + z * (state[0] - n),)


class MinGRUCell(LinearCell):
    """The minimal GRU (Feng et al., 2024), in the plain form without logarithms.

    With z = σ(W_z x_t + b_z) and h̃ = W x_t + b: h_t = (1 − z) ⊙ h_{t−1} + z ⊙ h̃. Here z = 1
    replaces the state, as in the paper; this z is the 1 − z of ``GRUCell``.
    """

    gate_names = ("update", "candidate")

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Return z and h̃, which do not depend on the state."""
        z, candidate = projected.chunk(2, -1)
        return torch.sigmoid(z), candidate

    def coefficients(self, gates: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return 1 − z and z ⊙ h̃."""
        z, candidate = gates
        return 1 - z, z * candidate


class MinLSTMCell(LinearCell):
    """The minimal LSTM (Feng et al., 2024), length-independent, without logarithms.

    With f = σ(W_f x_t + b_f), i = σ(W_i x_t + b_i), h̃ = W x_t + b and the gates normalised to a
    sum of one, f' = f / (f + i) and i' = i / (f + i): h_t = f' ⊙ h_{t−1} + i' ⊙ h̃. The state is h
    alone: the paper's minLSTM has no separate c.
    """

    gate_names = ("forget", "input", "candidate")

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:  # noqa: ARG002
        """Return f', i' and h̃, which do not depend on the state."""
        f, i, candidate = projected.chunk(3, -1)
        # f / (f + i) as one sigmoid, which stays finite if both f and i round to 0
        forget = torch.sigmoid(functional.logsigmoid(f) - functional.logsigmoid(i))
        return forget, 1 - forget, candidate

    def coefficients(self, gates: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return f' and i' ⊙ h̃."""
        forget, i, candidate = gates
        return forget, i * candidate


def build_cell(config: NetworkConfig, input_size: int) -> Cell:
    """Build the configured cell for inputs of size I; its parameters have no values yet."""
    cell = _of_kind(config, input_size)
    cell.zoneout = (config.zoneout, config.zoneout_cell)[: cell.state_count]
    return cell


def _of_kind(config: NetworkConfig, input_size: int) -> Cell:
    H, layer_norm = config.hidden_size, config.layer_norm
    match config.cell:
        case "rnn":
            return RNNCell(input_size, H, activation=config.activation, layer_norm=layer_norm)
        case "lstm":
            return LSTMCell(input_size, H, layer_norm=layer_norm)
        case "peephole_lstm":
            peepholes = config.peepholes
            return PeepholeLSTMCell(input_size, H, peepholes=peepholes, layer_norm=layer_norm)
        case "gru":
            return GRUCell(input_size, H, reset=config.reset, layer_norm=layer_norm)
        case "min_gru":
            return MinGRUCell(input_size, H)
        case "min_lstm":
            return MinLSTMCell(input_size, H)


def _through_peephole(cell: Tensor, peephole: Tensor) -> Tensor:
    """Return the contribution of c [B, H] to a gate through a peephole [H] or [H, H]."""
    return cell * peephole if peephole.dim() == 1 else functional.linear(cell, peephole)
