"""The LSTM's kernel by itself; ``test_recurrent`` compares all kernels with the plain step."""

from __future__ import annotations

import torch

from nextchar.nn.kernels.lstm import LSTMFunction
from tests.nn.cases import HIDDEN, normal, random_cell

STEPS, STREAMS = 9, 3


def test_a_gate_that_is_closed_for_good_leaves_no_subnormal_gradients() -> None:
    cell = random_cell("lstm", dtype=torch.float32)
    rows = normal(STEPS * STREAMS, 4 * HIDDEN, dtype=torch.float32)
    rows[:, :HIDDEN] = -86.0
    rows.requires_grad_()
    h = torch.full((STREAMS, HIDDEN), 0.1)
    weight = dict(cell.named_parameters())["weight_hh"]

    outputs, _ = LSTMFunction.apply(
        rows, None, h, h.clone(), weight, h.new_empty(0, HIDDEN), True, False
    )  # type: ignore[no-untyped-call]
    torch.autograd.backward(outputs.sum() * 1e-3)

    assert rows.grad is not None
    sizes = rows.grad.abs()
    assert ((sizes == 0) | (sizes > torch.finfo(torch.float32).tiny)).all()
    assert (sizes[:, 3 * HIDDEN :] > 0).all()
