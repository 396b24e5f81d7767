"""One matrix, many products: the same by oneDNN and by torch."""

from __future__ import annotations

import pytest
import torch

from nextchar.nn.kernels import onednn
from nextchar.nn.kernels.onednn import product_with
from tests.nn.cases import normal


@pytest.mark.parametrize("native", [True, False], ids=["oneDNN", "torch"])
def test_a_product_is_x_times_the_weight_transposed(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the processor has no bfloat16, which oneDNN may then refuse."""
    if native and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("oneDNN has no bfloat16 here")
    monkeypatch.setattr(onednn, "has_bfloat16", lambda _device: native)
    weight, xs = normal(12, 5), normal(3, 5)

    for each in (weight, weight.t().contiguous().t()):
        found = product_with(each.bfloat16(), 3)(xs.bfloat16())
        torch.testing.assert_close(found, (xs @ weight.T).bfloat16(), rtol=1e-2, atol=5e-2)
