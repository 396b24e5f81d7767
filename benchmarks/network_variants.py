"""Networks that nextchar does not have, for ``benchmarks/recipe.py``; in plain torch.

They are called like ``nn.network.Network``: symbols int64[T, B] and a state give logits [T, B, V]
and the next state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.nn.cells import LSTMCell
from nextchar.nn.initialization import initialize_cell
from nextchar.nn.network import State
from nextchar.nn.recurrent import unroll


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Sizes of a network of another kind; E = 128.

    Attributes
    ----------
    kind
        ``"mogrifier"`` (Melis, Kočiský & Blunsom 2020), or ``"skip"``: layers that all read the
        symbol and are all read by the head (Graves 2013).
    """

    kind: str
    hidden_size: int = 256
    layers: int = 1
    rounds: int = 2
    dropout: float = 0.1

    def build(self, symbols: int, generator: torch.Generator) -> VariantNetwork:
        """Return a network with initial weights."""
        return (Mogrifier if self.kind == "mogrifier" else Skipping)(symbols, self, generator)


class VariantNetwork(nn.Module):
    """An embedding, recurrent layers and a head on all their outputs."""

    def __init__(self, symbols: int, sizes: Variant, generator: torch.Generator) -> None:
        super().__init__()
        self.sizes = sizes
        E, H = 128, sizes.hidden_size
        self.embedding = nn.Parameter(_drawn((symbols, E), 1.0, generator))
        cells = tuple(LSTMCell(E if layer == 0 else E + H, H) for layer in range(sizes.layers))
        for cell in cells:
            initialize_cell(cell, NetworkConfig(), generator)
        self.layers = nn.ModuleList(cells)
        self.head = nn.Parameter(_drawn((symbols, sizes.layers * H), H**-0.5, generator))
        self.bias = nn.Parameter(torch.zeros(symbols))

    @property
    def cells(self) -> tuple[LSTMCell, ...]:
        """The recurrent layers."""
        return tuple(layer for layer in self.layers if isinstance(layer, LSTMCell))

    def initial_state(self, batch_size: int) -> State:
        """Return zeros."""
        zeros = torch.zeros(batch_size, self.sizes.hidden_size)
        return ((zeros, zeros),) * self.sizes.layers

    def forward(
        self, ids: Tensor, state: State, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, State]:
        """Return the logits and the next state."""
        outputs, state = self.recur(self.embedding[ids], state)
        if self.training:
            kept = torch.rand(outputs.shape, generator=generator) >= self.sizes.dropout
            outputs = outputs * kept / (1 - self.sizes.dropout)
        return functional.linear(outputs, self.head, self.bias), state

    def recur(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the outputs of all layers, side by side, and the next state."""
        raise NotImplementedError


class Skipping(VariantNetwork):
    """Layers that all read the symbol, and are all read by the head."""

    def recur(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Run layer by layer."""
        outputs: list[Tensor] = []
        after = []
        for cell, before in zip(self.cells, state, strict=True):
            output, new = unroll(cell, torch.cat([inputs, *outputs[-1:]], dim=-1), before)
            outputs.append(output)
            after.append(new)
        return torch.cat(outputs, dim=-1), tuple(after)


class Mogrifier(VariantNetwork):
    """An LSTM whose input and state scale each other before each step, in rounds."""

    def __init__(self, symbols: int, sizes: Variant, generator: torch.Generator) -> None:
        super().__init__(symbols, sizes, generator)
        E, H = 128, sizes.hidden_size
        shapes = [(E, H) if number % 2 == 0 else (H, E) for number in range(sizes.rounds)]
        self.gates = nn.ParameterList(
            nn.Parameter(_drawn(shape, shape[1] ** -0.5, generator)) for shape in shapes
        )

    def recur(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Run step by step."""
        ((h, c),) = state
        cell = self.cells[0]
        weight_ih, weight_hh, bias = (
            cell.get_parameter(n) for n in ("weight_ih", "weight_hh", "bias")
        )
        outputs = []
        for x in inputs.unbind():
            for number, gate in enumerate(self.gates):
                if number % 2 == 0:
                    x = 2 * torch.sigmoid(functional.linear(h, gate)) * x
                else:
                    h = 2 * torch.sigmoid(functional.linear(x, gate)) * h
            sums = functional.linear(x, weight_ih, bias) + functional.linear(h, weight_hh)
            i, f, g, o = sums.chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), ((h, c),)


def nats(networks: list[nn.Module], ids: Tensor, streams: int = 16) -> float:
    """Return the nats per symbol under the mean of the probabilities of networks, ids [N]."""
    length = (len(ids) - 1) // streams
    inputs = ids[: streams * length].view(streams, length).T
    targets = ids[1 : streams * length + 1].view(streams, length).T
    states = [network.initial_state(streams) for network in networks]  # type: ignore[operator]
    total = 0.0
    with torch.no_grad():
        for begin in range(0, length, 128):
            here, wanted = inputs[begin : begin + 128], targets[begin : begin + 128]
            logs = []
            for number, network in enumerate(networks):
                logits, states[number] = network.eval()(here, states[number])
                logs.append(logits.log_softmax(-1))
            mixed = torch.logsumexp(torch.stack(logs), 0) - math.log(len(logs))
            total -= float(mixed.gather(-1, wanted.unsqueeze(-1)).double().sum())
    return total / (streams * length)


def _drawn(shape: tuple[int, ...], deviation: float, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator) * deviation
