"""Access to the tensors of a module by name, with strict loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from nextchar.errors import RunError

_LISTED = 8  # mismatches in a message

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class TensorLayout(NamedTuple):
    """The shape and the type of a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return all learned tensors of a module by name: parameters, then buffers."""
    return {
        name: tensor.detach()
        for named in (module.named_parameters(), module.named_buffers())
        for name, tensor in named
    }


def load_parameters(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into the parameters and buffers of a module; see ``restore_by_name``."""
    restore_by_name(named_tensors(module), tensors)


def restore_by_name(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into targets with the same names, shapes and types.

    Raises
    ------
    RunError
        The tensors do not match (``require_layouts``), or a value is not finite. Nothing is copied.
    """
    require_layouts(layouts_of(targets), layouts_of(tensors))
    require_finite(tensors)
    copy_by_name(targets, tensors)


def copy_by_name(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into targets with the same names and shapes."""
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(tensors[name])


def without_memory(build: Callable[[], ModuleT]) -> ModuleT:
    """Return a module whose tensors have layouts, but neither memory nor values.

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
            return build()
    except (RuntimeError, OverflowError) as error:
        raise RunError(f"the network cannot be created: {error}") from error


def layouts_of(tensors: Mapping[str, Tensor]) -> dict[str, TensorLayout]:
    """Return the layouts of tensors by name."""
    return {
        name: TensorLayout(tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()
    }


def require_layouts(
    expected: Mapping[str, TensorLayout], found: Mapping[str, TensorLayout]
) -> None:
    """Raise ``RunError`` unless names and layouts are equal, and list the first mismatches."""
    problems = [f"missing {name}" for name in expected if name not in found]
    problems += [f"unexpected {name!r:.80}" for name in found if name not in expected]
    for name, (shape, dtype) in expected.items():
        if name in found and found[name].shape != shape:
            problems.append(f"{name} has shape {list(found[name].shape)}, not {list(shape)}")
        elif name in found and found[name].dtype != dtype:
            problems.append(f"{name} has type {_short(found[name].dtype)}, not {_short(dtype)}")
    if problems:
        more = f" and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        listed = "; ".join(problems[:_LISTED])
        raise RunError(f"the tensors do not fit the network: {listed}{more}")


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raise ``RunError`` if a value is infinite or not a number."""
    for name, tensor in tensors.items():
        # The extremes of a tensor with a NaN are NaN; unlike a mask, they take no memory.
        if tensor.numel() and not all(map(torch.isfinite, tensor.aminmax())):
            raise RunError(f"the tensor {name} is damaged: it has values that are not finite")


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
