"""The arithmetic of products: the choice of one, and the support of a device for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import torch

from nextchar.config.training import Precision
from nextchar.errors import ConfigError
from nextchar.nn.kernels.hardware import has_bfloat16, has_int16

__all__ = [
    "Arithmetic",
    "are_integers_wanted",
    "arithmetic_of",
    "computing_in",
    "has_bfloat16",
    "has_int16",
    "require_chosen",
    "require_precision",
]

Arithmetic = Literal["float32", "bfloat16", "float16", "int16"]

_INTEGERS: ContextVar[bool] = ContextVar("integers", default=False)


def arithmetic_of(precision: Precision) -> Arithmetic:
    """Return the arithmetic of an option; float32 for ``auto``, which is still undecided."""
    return "float32" if precision == "auto" else precision


@contextmanager
def computing_in(arithmetic: Arithmetic, device: torch.device) -> Iterator[None]:
    """Compute the products in the block in an arithmetic.

    ``int16`` is float32 on a processor without fast 16-bit integers, and in layers that do not
    support them.
    """
    if arithmetic == "int16":
        token = _INTEGERS.set(has_int16(device))
        try:
            yield
        finally:
            _INTEGERS.reset(token)
        return
    dtype = torch.float16 if arithmetic == "float16" else torch.bfloat16
    with torch.autocast(device.type, dtype, enabled=arithmetic != "float32"):
        yield


def are_integers_wanted() -> bool:
    """Return whether this is in a block ``computing_in("int16")`` with integer products."""
    return _INTEGERS.get()


def require_precision(precision: Precision, device: torch.device) -> None:
    """Raise ``ConfigError`` if a device does not support the precision.

    A run from another machine may have int16, which is no error: ``computing_in`` then uses
    float32.
    """
    if precision == "float16" and device.type != "cuda":
        raise ConfigError(
            f"precision 'float16' needs a GPU, and this trains on {device.type}: use float32, "
            "or bfloat16 where the processor has it"
        )


def require_chosen(precision: Precision, device: torch.device) -> None:
    """Raise ``ConfigError`` also for int16 chosen for a device without it."""
    require_precision(precision, device)
    if precision == "int16" and not has_int16(device):
        raise ConfigError(
            f"precision 'int16' needs a processor with AVX-512 VNNI, and this trains on a "
            f"{device.type} without: use float32, or auto"
        )
