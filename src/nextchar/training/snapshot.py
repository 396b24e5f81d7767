"""The tensors needed to resume training, named ``part.name``.

The parts are the network, the optimiser, the averaged weights if there are any, and the state of
the objective.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

from nextchar.errors import RunError
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.training.averaging import WeightAverage
from nextchar.training.objective import Objective
from nextchar.training.optimization import (
    load_optimizer_tensors,
    optimizer_tensors,
)


def tensors_of(
    network: nn.Module, optimizer: Optimizer, average: WeightAverage | None, objective: Objective
) -> dict[str, Tensor]:
    """Return all tensors needed to resume training, by name."""
    parts: dict[str, Mapping[str, Tensor]] = {
        "network": named_tensors(network),
        "optimizer": optimizer_tensors(optimizer),
        "average": {} if average is None else average.tensors,
        "state": objective.tensors(),
    }
    return {
        f"{part}.{name}": tensor
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }


def restore_tensors(
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    optimizer: Optimizer,
    average: WeightAverage | None,
    objective: Objective,
    steps: int,
    *,
    may_skip: bool,
) -> None:
    """Restore the network, optimiser, average and objective from the result of ``tensors_of``.

    Parameters
    ----------
    steps, may_skip
        As in ``load_optimizer_tensors``.

    Raises
    ------
    RunError
        The names, shapes or types do not match, or a value is not finite or out of range.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = tensor
    known = {"network", "optimizer", "state"} | ({"average"} if average is not None else set())
    if not parts.keys() <= known:
        raise RunError(f"unexpected tensors {min(parts.keys() - known)!r:.80}")
    load_parameters(network, parts.get("network", {}))
    load_optimizer_tensors(optimizer, parts.get("optimizer", {}), steps, may_skip=may_skip)
    if average is not None:
        average.restore(parts.get("average", {}))
    objective.restore(parts.get("state", {}))
