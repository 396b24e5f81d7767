"""Products with a fixed matrix in bfloat16, one for each step of a recurrence.

oneDNN multiplies by a reordered matrix up to twice as fast as torch's general product, which
reorders it at every call. The reordering costs about as much as two products. (``gemm`` multiplies
other types.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nextchar.nn.kernels.hardware import has_bfloat16

Product = Callable[[Tensor], Tensor]


def product_with(weight: Tensor, rows: int) -> Product:
    """Return the function x ↦ x · weightᵀ for x [rows, K] and weight [N, K].

    Parameters
    ----------
    weight
        bfloat16, on a CPU; later changes of it have no effect.
    rows
        The usual number of rows of x.
    """
    if not has_bfloat16(weight.device):
        transposed = weight.t()
        return lambda x: torch.mm(x, transposed)
    multiply = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001  (emitted by torch's compiler)
    reordered = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)  # noqa: SLF001
    return lambda x: multiply(x, reordered, None, "none", [], "")
