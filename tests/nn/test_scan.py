"""The linear recurrence, by loop and by scan."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nextchar.nn import scan
from nextchar.nn.scan import linear_recurrence
from tests.nn.cases import normal


def step_by_step(decay: Tensor, inputs: Tensor, h: Tensor) -> Tensor:
    outputs = []
    for a, b in zip(decay, inputs, strict=True):
        h = a * h + b
        outputs.append(h)
    return torch.stack(outputs)


@pytest.mark.parametrize("hidden", [3, scan.WIDE_STEP])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 33])
def test_scan_is_the_loop_in_values_and_gradients(steps: int, hidden: int) -> None:
    given = [
        normal(steps, 1, hidden, seed=1).sigmoid(),
        normal(steps, 1, hidden, seed=2),
        normal(1, hidden, seed=3),
    ]
    weights = normal(steps, 1, hidden, seed=4)
    results = []
    for solve in (linear_recurrence, step_by_step):
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        hidden_states = solve(*leaves)
        torch.autograd.backward(hidden_states, weights)
        results.append([hidden_states.detach(), *(leaf.grad for leaf in leaves)])

    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("decay", [0.0, 1e-300, 1.0])
def test_extreme_decay_stays_exact_over_a_long_window(decay: float) -> None:
    steps = 1000
    inputs, initial = normal(steps, 2, 3), normal(2, 3, seed=1)
    decays = torch.full_like(inputs, decay)

    hidden = linear_recurrence(decays, inputs, initial)

    expected = step_by_step(decays, inputs, initial)
    torch.testing.assert_close(hidden, expected, rtol=1e-10, atol=1e-10)
