"""The cells under test, each with its configuration and its reference."""

from __future__ import annotations

import torch

from nextchar.config import NetworkConfig
from nextchar.nn.cell import Cell, CellState
from nextchar.nn.cells import build_cell
from nextchar.nn.recurrent import Path, available_paths
from tests.nn import reference

HIDDEN, INPUTS = 4, 5

CONFIGS: dict[str, NetworkConfig] = {
    "rnn tanh": NetworkConfig(cell="rnn", hidden_size=HIDDEN),
    "rnn relu": NetworkConfig(cell="rnn", hidden_size=HIDDEN, activation="relu"),
    "rnn sigmoid": NetworkConfig(cell="rnn", hidden_size=HIDDEN, activation="sigmoid"),
    "lstm": NetworkConfig(cell="lstm", hidden_size=HIDDEN),
    "peephole_lstm vector": NetworkConfig(cell="peephole_lstm", hidden_size=HIDDEN),
    "peephole_lstm matrix": NetworkConfig(
        cell="peephole_lstm", hidden_size=HIDDEN, peepholes="matrix"
    ),
    "gru after": NetworkConfig(cell="gru", hidden_size=HIDDEN),
    "gru before": NetworkConfig(cell="gru", hidden_size=HIDDEN, reset="before"),
    "min_gru": NetworkConfig(cell="min_gru", hidden_size=HIDDEN),
    "min_lstm": NetworkConfig(cell="min_lstm", hidden_size=HIDDEN),
}

EQUATIONS: dict[str, reference.Equations] = {
    "rnn tanh": reference.rnn("tanh"),
    "rnn relu": reference.rnn("relu"),
    "rnn sigmoid": reference.rnn("sigmoid"),
    "lstm": reference.LSTM,
    "peephole_lstm vector": reference.LSTM,
    "peephole_lstm matrix": reference.LSTM,
    "gru after": reference.GRU_AFTER,
    "gru before": reference.GRU_BEFORE,
    "min_gru": reference.MIN_GRU,
    "min_lstm": reference.MIN_LSTM,
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def random_cell(
    name: str, input_size: int = INPUTS, dtype: torch.dtype = torch.float64, seed: int = 0
) -> Cell:
    """Make a cell whose every parameter, biases and peepholes too, is random."""
    cell = build_cell(CONFIGS[name], input_size).to(dtype)
    source = generator(seed)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=source)
    return cell


def random_state(cell: Cell, batch_size: int, seed: int = 1) -> CellState:
    return tuple(
        normal(batch_size, cell.hidden_size, seed=seed + part, dtype=cell.bias.dtype)
        for part in range(cell.state_count)
    )


def ways() -> list[tuple[str, Path]]:
    """List every cell with every path that it has."""
    return [
        (name, path)
        for name, config in CONFIGS.items()
        for path in available_paths(build_cell(config, INPUTS))
    ]
