"""Where training begins: the initial values of all parameters, drawn from a generator.

Each gate is a layer of its own, so that every H rows of the stacked weights are drawn by
themselves. Shapes: V vocabulary size, E embedding, I input size of a layer, H hidden, G gates.
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


def initialize_cell(
    cell: Cell, config: NetworkConfig, generator: torch.Generator, *, one_hot: bool = False
) -> None:
    """Draw the parameters of a cell.

    Recurrent weights are, by ``config.initialization``, orthogonal (Saxe et al., 2014), xavier
    (Glorot and Bengio, 2010) or he (He et al., 2015). Input weights are he with he, and xavier
    otherwise. Biases are 0, except that of a forget gate, which is ``config.forget_bias``
    (Gers et al., 2000; Jozefowicz et al., 2015): that of min_lstm too, which begins by keeping
    σ(b) / (σ(b) + 1/2) of its state. Peepholes begin at 0, so that peephole_lstm begins as lstm.
    The gains of layer normalisation begin at 1.

    Parameters
    ----------
    cell
        Changed in place.
    config
        Says which distributions.
    generator
        On the device of the cell; it moves on.
    one_hot
        Whether the inputs are one-hot. Such a vector has length 1, where one of I values of
        deviation 1, which xavier and he count on, has √I: the input weights are √I as large.
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
    """Draw an embedding [V, E] in place: normal, of deviation 1, or E^−½ where it is tied.

    A tied embedding is also the output layer (Press and Wolf, 2017), whose logits should begin
    small.
    """
    deviation = 1 / math.sqrt(weight.shape[1]) if tied else 1.0
    init.normal_(weight, std=deviation, generator=generator)


def initialize_head(head: nn.Linear, generator: torch.Generator, *, tied: bool) -> None:
    """Draw the output layer in place: xavier, unless the embedding was drawn for it; bias 0."""
    if not tied:
        init.xavier_uniform_(head.weight, generator=generator)
    init.zeros_(head.bias)
