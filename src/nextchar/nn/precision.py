"""In which arithmetic products are taken, and which of them a device has."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import torch

from nextchar.config.training import Precision
from nextchar.errors import ConfigError

Arithmetic = Literal["float32", "bfloat16", "float16", "int16"]

INTEGER_UNITS = 16  # integers are for layers of a multiple
_INTEGERS: ContextVar[bool] = ContextVar("integers", default=False)


def arithmetic_of(precision: Precision) -> Arithmetic:
    """Give the arithmetic that an option names; while ``auto`` is not decided, float32."""
    return "float32" if precision == "auto" else precision


@contextmanager
def computing_in(arithmetic: Arithmetic, device: torch.device) -> Iterator[None]:
    """Take the products in the block in an arithmetic.

    ``int16`` is float32 where the processor has no fast 16-bit integers, and in layers that do not
    take them.
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
    """Say whether this is in a block ``computing_in("int16")``."""
    return _INTEGERS.get()


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16 itself, and does not imitate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    supported = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    if supported and platform.machine().lower() in ("x86_64", "amd64"):
        # oneDNN also says so of AVX-512 alone, with which it imitates them.
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    return supported


def has_int16(device: torch.device) -> bool:
    """Say whether a device multiplies and adds pairs of 16-bit integers in one instruction."""
    if device.type != "cpu":
        return False
    # Here and not above: it brings the compiler along, which not everybody needs.
    from nextchar.nn.kernels.gemm_int16 import has_instruction

    return has_instruction()


def require_precision(precision: Precision, device: torch.device) -> None:
    """Raise ``ConfigError`` if a device cannot compute in what an option names.

    int16 that a run has from another machine is no error: ``computing_in`` then takes float32.
    """
    if precision == "float16" and device.type != "cuda":
        raise ConfigError(
            f"precision 'float16' needs a GPU, and this trains on {device.type}: take float32, "
            "or bfloat16 where the processor has it"
        )


def require_chosen(precision: Precision, device: torch.device) -> None:
    """Raise ``ConfigError`` also for int16, which was chosen for a device that does not have it."""
    require_precision(precision, device)
    if precision == "int16" and not has_int16(device):
        raise ConfigError(
            f"precision 'int16' needs a processor with AVX-512 VNNI, and this trains on a "
            f"{device.type} without: take float32, or auto"
        )
