"""One matrix, many products: the same by oneDNN and by torch."""

from __future__ import annotations

import pytest
import torch

from nextchar.nn import products
from nextchar.nn.products import product_with
from tests.nn.cases import normal


@pytest.mark.parametrize("native", [True, False], ids=["oneDNN", "torch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_product_is_x_times_the_weight_transposed(
    dtype: torch.dtype, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the processor has no bfloat16, which oneDNN then refuses."""
    if not native:
        monkeypatch.setattr(products, "has_bfloat16", lambda _device: False)
    weight, xs = normal(12, 5), normal(3, 5)

    for each in (weight, weight.t().contiguous().t()):
        found = product_with(each.to(dtype), 3)(xs.to(dtype))
        assert found.dtype == dtype
        tolerance = 1e-2 if dtype == torch.bfloat16 else 1e-5
        expected = (xs @ weight.T).to(dtype)
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=5 * tolerance)
