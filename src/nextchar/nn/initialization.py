"""Initialisation of all parameters from a random generator.

The H rows of each gate in the stacked weights are initialised separately, as a layer of their own.

Shapes: V vocabulary size, E embedding, I input size of a layer, H hidden, G gates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init

from nextchar.config import Initialization, NetworkConfig
from nextchar.nn.cell import Cell, GatedCell

Draw = Callable[..., Any]

HE: Draw = partial(init.kaiming_uniform_, nonlinearity="relu")
RECURRENT: dict[Initialization, Draw] = {
    "orthogonal": init.orthogonal_,
    "xavier": init.xavier_uniform_,
    "he": HE,
}


def initial_generator(seed: int) -> torch.Generator:
    """Return the generator of the initial weights of a run."""
    return torch.Generator().manual_seed(seed)


def initialize_cell(
    cell: Cell, config: NetworkConfig, generator: torch.Generator, *, one_hot: bool = False
) -> None:
    """Initialise the parameters of a cell.

    Recurrent weights are orthogonal (Saxe et al., 2014), xavier (Glorot and Bengio, 2010) or he (He
    et al., 2015), according to ``config.initialization``. Input weights are he for he, and xavier
    otherwise. Biases are 0, except that of the forget gate, which is ``config.forget_bias`` (Gers
    et al., 2000; Jozefowicz et al., 2015). With this bias b, min_lstm initially keeps
    σ(b) / (σ(b) + 1/2) of its state. Peephole weights are 0, so peephole_lstm is initially equal to
    lstm. The gains of layer normalisation are 1.

    Parameters
    ----------
    cell
        Modified in place.
    config
        The initialisation options.
    generator
        Random generator on the device of the cell; its state advances.
    one_hot
        Whether the inputs are one-hot. Xavier and he assume inputs of norm √I, with I values of
        standard deviation 1. A one-hot vector has norm 1, so its input weights are scaled by √I.
    """
    draw_input = HE if config.initialization == "he" else init.xavier_uniform_
    for gate in cell.weight_ih.chunk(cell.gate_count):
        draw_input(gate, generator=generator)
    if one_hot:
        with torch.no_grad():
            cell.weight_ih.mul_(math.sqrt(cell.input_size))
    if isinstance(cell, GatedCell):
        for gate in cell.weight_hh.chunk(cell.gate_count):
            RECURRENT[config.initialization](gate, generator=generator)
    for name, parameter in cell.named_parameters():
        if name.startswith("gain"):
            init.ones_(parameter)
        elif name not in {"weight_ih", "weight_hh"}:
            init.zeros_(parameter)
    if "forget" in cell.gate_names:
        forget = cell.gate_names.index("forget")
        init.constant_(cell.bias.chunk(cell.gate_count)[forget], config.forget_bias)


def initialize_embedding(weight: Tensor, generator: torch.Generator, *, tied: bool) -> None:
    """Initialise an embedding [V, E] in place: normal, with deviation 1, or E^−½ if tied.

    A tied embedding is also the output layer (Press and Wolf, 2017), whose initial logits should be
    small.
    """
    deviation = 1 / math.sqrt(weight.shape[1]) if tied else 1.0
    init.normal_(weight, std=deviation, generator=generator)


def initialize_head(head: nn.Linear, generator: torch.Generator, *, tied: bool) -> None:
    """Initialise the output layer in place: weights xavier, unless tied; bias 0."""
    if not tied:
        init.xavier_uniform_(head.weight, generator=generator)
    init.zeros_(head.bias)
