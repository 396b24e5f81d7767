"""Access to the tensors of a module by name, with strict loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from nextchar.errors import RunError

_LISTED = 8  # mismatches in a message


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
        A name is missing or unexpected, or a shape differs; nothing is copied.
    """
    require_shapes(_shapes(targets), _shapes(tensors))
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(tensors[name])


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the learned tensors of a module by name, without allocating them.

    Parameters
    ----------
    build
        Creates the module.

    Raises
    ------
    RunError
        The module is too large for any machine.
    """
    try:
        with torch.device("meta"):
            return _shapes(named_tensors(build()))
    except (RuntimeError, OverflowError) as error:
        raise RunError(f"the network cannot be created: {error}") from error


def require_shapes(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise ``RunError`` unless names and shapes are equal, and list the first mismatches."""
    problems = [f"missing {name}" for name in expected if name not in found]
    problems += [f"unexpected {name}" for name in found if name not in expected]
    problems += [
        f"{name} has shape {list(found[name])}, not {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if problems:
        more = f" and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        listed = "; ".join(problems[:_LISTED])
        raise RunError(f"the tensors do not fit the network: {listed}{more}")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
