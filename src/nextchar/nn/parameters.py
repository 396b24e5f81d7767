"""A module's parameters by name, put back strictly."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nextchar.errors import RunError


def load_parameters(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into a module's parameters.

    Raises
    ------
    RunError
        A name is missing or unexpected, or a shape differs; all of them in one message.
    """
    parameters = dict(module.named_parameters())
    problems = [f"missing {name}" for name in parameters if name not in tensors]
    problems += [f"unexpected {name}" for name in tensors if name not in parameters]
    problems += [
        f"{name} has shape {list(tensors[name].shape)}, not {list(parameter.shape)}"
        for name, parameter in parameters.items()
        if name in tensors and tensors[name].shape != parameter.shape
    ]
    if problems:
        raise RunError(f"the weights do not fit the network: {'; '.join(problems)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
