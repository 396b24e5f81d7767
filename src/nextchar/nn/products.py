"""One matrix, many products: what a recurrence does at each of its steps.

oneDNN multiplies by a matrix that it has rearranged for itself up to twice as fast as torch's
general product, which rearranges it at every call or, in float32, calls another library. The
rearranging costs about as much as two products.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nextchar.nn.precision import has_bfloat16

Product = Callable[[Tensor], Tensor]


def product_with(weight: Tensor, rows: int) -> Product:
    """Give the function x ↦ x · weightᵀ for x [rows, K] and weight [N, K].

    Parameters
    ----------
    weight
        On a CPU; what it holds now is what counts.
    rows
        How many rows x usually has.
    """
    if not _rearranges(weight):
        transposed = weight.t()
        return lambda x: torch.mm(x, transposed)
    multiply = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001  (what torch's compiler emits)
    rearranged = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)  # noqa: SLF001
    return lambda x: multiply(x, rearranged, None, "none", [], "")


def _rearranges(weight: Tensor) -> bool:
    """Say whether oneDNN takes products of this type on this processor."""
    if weight.dtype == torch.bfloat16:
        return has_bfloat16(weight.device)
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and weight.dtype == torch.float32
