"""Access to the tensors of a module by name, with strict loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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
    """Copy saved tensors into the parameters and buffers of a module; see ``restore_by_name``."""
    restore_by_name(named_tensors(module), tensors)


def restore_by_name(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy saved tensors into targets with the same names, shapes and types.

    Raises
    ------
    RunError
        The tensors do not match (``require_match``), or a value is not finite. Nothing is copied.
    """
    require_match({name: (target.shape, target.dtype) for name, target in targets.items()}, tensors)
    require_finite(tensors)
    copy_by_name(targets, tensors)


def copy_by_name(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into targets with the same names and shapes."""
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
    problems += [f"unexpected {name!r:.80}" for name in found if name not in expected]
    problems += [
        f"{name} has shape {list(found[name])}, not {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    _refuse(problems)


def require_match(
    expected: Mapping[str, tuple[tuple[int, ...], torch.dtype]], tensors: Mapping[str, Tensor]
) -> None:
    """Raise ``RunError`` unless names, shapes and types are equal, and list mismatches."""
    require_shapes({name: shape for name, (shape, _) in expected.items()}, _shapes(tensors))
    _refuse(
        [
            f"{name} has type {_short(tensors[name].dtype)}, not {_short(dtype)}"
            for name, (_, dtype) in expected.items()
            if tensors[name].dtype != dtype
        ]
    )


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raise ``RunError`` if a value is infinite or not a number."""
    for name, tensor in tensors.items():
        # The extremes of a tensor with a NaN are NaN; unlike a mask, they take no memory.
        if tensor.numel() and not all(map(torch.isfinite, tensor.aminmax())):
            raise RunError(f"the tensor {name} is damaged: it has values that are not finite")


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f" and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        listed = "; ".join(problems[:_LISTED])
        raise RunError(f"the tensors do not fit the network: {listed}{more}")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
