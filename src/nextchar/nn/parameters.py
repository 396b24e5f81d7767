"""Access to the tensors of a module by name, with strict loading."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nextchar.errors import RunError


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return all learned tensors of a module by name: parameters, then buffers."""
    return {
        name: tensor.detach()
        for named in (module.named_parameters(), module.named_buffers())
        for name, tensor in named
    }


def load_parameters(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters and buffers of a module; see ``copy_by_name``."""
    copy_by_name(named_tensors(module), tensors)


def copy_by_name(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into targets with the same names and shapes.

    Raises
    ------
    RunError
        A name is missing or unexpected, or a shape differs. The message lists all mismatches, and
        nothing is copied.
    """
    problems = [f"missing {name}" for name in targets if name not in tensors]
    problems += [f"unexpected {name}" for name in tensors if name not in targets]
    problems += [
        f"{name} has shape {list(tensors[name].shape)}, not {list(target.shape)}"
        for name, target in targets.items()
        if name in tensors and tensors[name].shape != target.shape
    ]
    if problems:
        raise RunError(f"the tensors do not fit the network: {'; '.join(problems)}")
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(tensors[name])
