"""The whole network: teacher forcing is stepping, and padding changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nextchar.config import NetworkConfig
from nextchar.nn.transducer import TransducerNetwork

SOURCES, TARGETS = 7, 4


def network(*, attention: Any = "dot", bidirectional: bool = True, **options: Any) -> Any:
    config = NetworkConfig(**{"hidden_size": 6, "embedding_size": 5, "cell": "gru", **options})
    made = TransducerNetwork(
        SOURCES, TARGETS, config, attention=attention, bidirectional=bidirectional,
        generator=torch.Generator().manual_seed(3),
    )  # fmt: skip
    return made.eval()


def padded(items: list[list[int]], fill: int = 0) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(item) for item in items])
    ids = torch.full((int(lengths.max()), len(items)), fill)
    for place, item in enumerate(items):
        ids[: len(item), place] = torch.tensor(item)
    return ids, lengths


CASES: list[dict[str, Any]] = [
    {},
    {"attention": "additive"},
    {"cell": "lstm", "layers": 2, "residual": True},
    {"cell": "rnn", "bidirectional": False},
    {"cell": "min_gru", "input": "onehot"},
    {"cell": "peephole_lstm", "layer_norm": True},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_teacher_forcing_predicts_what_single_steps_predict(options: dict[str, Any]) -> None:
    made = network(**options)
    source, lengths = padded([[1, 2, 3], [4, 5, 6, 0, 1]])
    read = torch.tensor([[4, 4], [0, 1], [2, 3], [1, 1]])
    with torch.no_grad():
        whole = made(source, lengths, read)
        memory, state = made.begin(source, lengths)
        for step, ids in enumerate(read):
            logits, state, weights = made.step(ids.unsqueeze(1), state, memory)
            assert torch.allclose(logits[:, 0], whole.logits[step], atol=1e-5)
            assert torch.allclose(weights[:, 0], whole.weights[:, step], atol=1e-5)


ITEMS = st.lists(
    st.tuples(
        st.lists(st.integers(0, SOURCES - 1), min_size=1, max_size=6),
        st.lists(st.integers(0, TARGETS - 1), max_size=5),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=30)
@given(items=ITEMS, attention=st.sampled_from(["dot", "additive"]), fill=st.integers(0, 6))
def test_an_item_has_the_same_logits_whatever_stands_beside_it(
    items: list[tuple[list[int], list[int]]], attention: str, fill: int
) -> None:
    made = network(attention=attention)
    source, lengths = padded([source for source, _ in items], fill)
    read, _ = padded([[TARGETS, *target] for _, target in items], TARGETS)
    with torch.no_grad():
        together = made(source, lengths, read).logits
        for place, (one, target) in enumerate(items):
            alone = made(*padded([one]), padded([[TARGETS, *target]])[0]).logits[:, 0]
            assert torch.allclose(together[: len(alone), place], alone, atol=1e-5)


def test_the_gradient_reaches_every_parameter_and_is_that_of_differences() -> None:
    made = network(cell="lstm").double()
    source, lengths = padded([[1, 2, 3], [4, 5]])
    read, wanted = torch.tensor([[4, 4], [0, 1]]), torch.tensor([[0, 1], [4, 2]])

    def loss() -> Tensor:
        logits = made(source, lengths, read, path="stepwise").logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())

    loss().backward()  # type: ignore[no-untyped-call]
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        place = int(parameter.grad.abs().argmax())
        with torch.no_grad():
            step = 1e-6
            values = parameter.view(-1)
            values[place] += step
            above = float(loss())
            values[place] -= 2 * step
            below = float(loss())
            values[place] += step
        slope = float(parameter.grad.view(-1)[place])
        assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-5, abs=1e-9), name


def test_levels_hold_every_parameter_once() -> None:
    made = network(layers=2)
    held = [id(parameter) for level in made.layer_groups for parameter in level]
    assert sorted(held) == sorted(id(parameter) for parameter in made.parameters())


def test_the_seed_decides_the_first_weights() -> None:
    first, second = network().state_dict(), network().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
