"""One matrix, many products in bfloat16: what a recurrence does at each of its steps.

oneDNN multiplies by a matrix that it has rearranged for itself up to twice as fast as torch's
general product, which rearranges it at every call. The rearranging costs about as much as two
products. (Other types are multiplied in ``tiles``.)
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
        bfloat16, on a CPU; what it holds now is what counts.
    rows
        How many rows x usually has.
    """
    if not has_bfloat16(weight.device):
        transposed = weight.t()
        return lambda x: torch.mm(x, transposed)
    multiply = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001  (what torch's compiler emits)
    rearranged = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)  # noqa: SLF001
    return lambda x: multiply(x, rearranged, None, "none", [], "")
