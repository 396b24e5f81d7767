"""Attention against a loop over every place, and its gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nextchar.config import AttentionName
from nextchar.nn.attention import ATTENTIONS, AdditiveAttention, Attention, DotAttention
from nextchar.nn.encoder import Encoded

MEMORY, HIDDEN = 5, 4
NAMES: tuple[AttentionName, ...] = ("dot", "additive")


def attention(name: AttentionName) -> Attention:
    made = ATTENTIONS[name](MEMORY, HIDDEN).double()
    made.initialize(torch.Generator().manual_seed(1))
    return made


def read(lengths: list[int], seed: int = 0) -> Encoded:
    T = max(lengths)
    draw = torch.Generator().manual_seed(seed)
    outputs = torch.randn(T, len(lengths), MEMORY, generator=draw, dtype=torch.float64)
    sizes = torch.tensor(lengths)
    return Encoded(outputs, torch.arange(T).unsqueeze(1) < sizes, sizes, 1)


def queries(B: int, T: int, seed: int = 7) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(B, T, HIDDEN, generator=draw, dtype=torch.float64)


def score(module: Attention, query: np.ndarray, value: np.ndarray) -> float:
    """Score one place from one step, by the formulas of the papers."""
    W = module.key.weight.detach().numpy()
    if isinstance(module, DotAttention):
        return float(query @ (W @ value))
    assert isinstance(module, AdditiveAttention)
    U, v = (each.weight.detach().numpy() for each in (module.query, module.score))
    return float((v @ np.tanh(W @ value + U @ query))[0])


@pytest.mark.parametrize("name", NAMES)
def test_contexts_and_weights_are_those_of_a_loop_over_places(name: AttentionName) -> None:
    module, encoded, asked = attention(name), read([3, 6, 1]), queries(3, 4)
    contexts, weights = module(asked, module.remember(encoded))
    for item, length in enumerate(encoded.lengths.tolist()):
        values = encoded.outputs[:length, item].numpy()
        for step in range(asked.shape[1]):
            scores = [score(module, asked[item, step].numpy(), value) for value in values]
            powers = np.exp(np.array(scores) - max(scores))
            expected = powers / powers.sum()
            assert np.allclose(weights[item, step, :length].detach(), expected, atol=1e-12)
            assert np.allclose(contexts[item, step].detach(), expected @ values, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_places_behind_the_end_have_no_weight_whatever_stands_there(name: AttentionName) -> None:
    module, encoded, asked = attention(name), read([2, 5]), queries(2, 3)
    before = module(asked, module.remember(encoded))
    encoded.outputs[2:, 0] = 1e6
    after = module(asked, module.remember(encoded))
    assert torch.equal(before[0], after[0])
    assert not before[1][0, :, 2:].any()
    assert torch.allclose(before[1].sum(-1), torch.ones(2, 3).double())


@pytest.mark.parametrize("name", NAMES)
def test_the_gradients_are_those_of_finite_differences(name: AttentionName) -> None:
    module, encoded, asked = attention(name), read([3, 4]), queries(2, 3)
    parameters = dict(module.named_parameters())

    def contexts(outputs: Tensor, asked: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(parameters, weights, strict=True))
        again = Encoded(outputs, encoded.inside, encoded.lengths, 1)

        def look(module: Attention) -> Tensor:
            result: Tensor = module(asked, module.remember(again))[0]
            return result

        wrapped = _Looking(module, look)
        values = {f"module.{key}": value for key, value in given.items()}
        found: Tensor = torch.func.functional_call(wrapped, values, ())
        return found

    inputs = (encoded.outputs.requires_grad_(), asked.requires_grad_(), *parameters.values())
    assert torch.autograd.gradcheck(contexts, inputs, fast_mode=False)


class _Looking(torch.nn.Module):
    def __init__(self, module: Attention, look: object) -> None:
        super().__init__()
        self.module = module
        self.look = look

    def forward(self) -> Tensor:
        result: Tensor = self.look(self.module)  # type: ignore[operator]
        return result
