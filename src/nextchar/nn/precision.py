"""Which arithmetic is faster here: a product is tried in both for a moment."""

from __future__ import annotations

import time

import torch

_SECONDS = 0.1
_CLEARLY = 1.2


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies in bfloat16 itself, and does not imitate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


def faster_dtype(batch: int, hidden: int, device: torch.device) -> torch.dtype:
    """Give bfloat16 where a recurrent step's product [B, H] · [H, 4·H] is clearly faster in it."""

    def seconds(dtype: torch.dtype) -> float:
        left = torch.ones(batch, hidden, dtype=dtype, device=device)
        right = torch.ones(hidden, 4 * hidden, dtype=dtype, device=device)
        times: list[float] = []
        ends = time.perf_counter() + _SECONDS
        while not times or time.perf_counter() < ends:
            began = time.perf_counter()
            left @ right
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        return min(times)

    is_faster = seconds(torch.bfloat16) * _CLEARLY < seconds(torch.float32)
    return torch.bfloat16 if is_faster else torch.float32
