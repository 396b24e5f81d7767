"""The fast arithmetic of a device: bfloat16, and pairs of 16-bit integers.

Importing this module does not load the compiler.
"""

from __future__ import annotations

import platform

import torch

INTEGER_LANES = 16  # of a register of pairs of int16; layers of a multiple may use integers


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 in hardware, without emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    supported = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    if supported and platform.machine().lower() in ("x86_64", "amd64"):
        # With AVX-512 alone, oneDNN reports support and emulates it.
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001
    return supported


def has_int16(device: torch.device) -> bool:
    """Return whether a device multiplies and adds pairs of 16-bit integers in one instruction."""
    if device.type != "cpu":
        return False
    # Imported here because it loads the compiler.
    from nextchar.nn.kernels.gemm_int16 import has_instruction

    return has_instruction()
