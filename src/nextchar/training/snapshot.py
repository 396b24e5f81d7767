"""All tensors that resume needs, under one name each: ``part.name``.

The parts are the network, the optimiser, the averaged weights if there are any, and the hidden
state in which the last step ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.optim import Optimizer

from nextchar.nn.network import Network, State
from nextchar.nn.parameters import copy_by_name, load_parameters, named_tensors
from nextchar.training.averaging import WeightAverage
from nextchar.training.optimization import (
    load_optimizer_tensors,
    optimizer_tensors,
)


def tensors_of(
    network: Network, optimizer: Optimizer, average: WeightAverage | None, state: State
) -> dict[str, Tensor]:
    """Name every tensor of a training."""
    parts: dict[str, Mapping[str, Tensor]] = {
        "network": named_tensors(network),
        "optimizer": optimizer_tensors(optimizer),
        "average": {} if average is None else average.tensors,
        "state": _named_state(state),
    }
    return {
        f"{part}.{name}": tensor
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }


def put_back(
    tensors: Mapping[str, Tensor],
    network: Network,
    optimizer: Optimizer,
    average: WeightAverage | None,
    state: State,
) -> None:
    """Copy what ``tensors_of`` gave into the tensors of a training.

    Raises
    ------
    RunError
        The names or the shapes do not fit.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = tensor
    load_parameters(network, parts.get("network", {}))
    load_optimizer_tensors(optimizer, parts.get("optimizer", {}))
    if average is not None:
        copy_by_name(average.tensors, parts.get("average", {}))
    copy_by_name(_named_state(state), parts.get("state", {}))


def _named_state(state: State) -> dict[str, Tensor]:
    return {
        f"{layer}.{index}": tensor
        for layer, cell_state in enumerate(state)
        for index, tensor in enumerate(cell_state)
    }
