"""The network of one condition is the conditional network, exactly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nextchar.config import NetworkConfig
from nextchar.tasks.conditioning.network import ConditionalNetwork

V, D, T, B = 7, 4, 9, 3
CELLS: list[dict[str, Any]] = [
    {"cell": "rnn"}, {"cell": "rnn", "activation": "relu"}, {"cell": "lstm"},
    {"cell": "peephole_lstm"}, {"cell": "peephole_lstm", "peepholes": "matrix"}, {"cell": "gru"},
    {"cell": "gru", "reset": "before"}, {"cell": "min_gru"}, {"cell": "min_lstm"},
    {"cell": "lstm", "layer_norm": True}, {"cell": "gru", "layer_norm": True},
    {"cell": "lstm", "zoneout": 0.2, "zoneout_cell": 0.1},
]  # fmt: skip


def network(**options: Any) -> ConditionalNetwork:
    config = NetworkConfig(hidden_size=11, embedding_size=5, **options)
    made = ConditionalNetwork(
        V, D, config, condition_size=6, generator=torch.Generator().manual_seed(1)
    )
    return made.eval()


def ids() -> Tensor:
    return torch.randint(V, (T, B), generator=torch.Generator().manual_seed(2))


def conditions() -> Tensor:
    return torch.randn(B, D, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell.values())))
def test_a_condition_that_is_fixed_leaves_a_plain_network_with_the_same_logits(
    cell: dict[str, Any], layers: int
) -> None:
    conditional = network(layers=layers, **cell)
    told = conditional.read(ids(), conditions()).logits
    for item in range(B):
        plain = conditional.given(conditions()[item])
        logits, _ = plain(ids()[:, item : item + 1], plain.initial_state(1))
        assert torch.allclose(logits[:, 0], told[:, item], atol=1e-5)


def test_residual_connections_see_the_condition_in_both() -> None:
    config = NetworkConfig(hidden_size=11, embedding_size=5, residual=True, layers=2)
    conditional = ConditionalNetwork(
        V, D, config, condition_size=6, generator=torch.Generator().manual_seed(1)
    ).eval()  # 5 + 6 are the hidden size: the first layer's input is added to its output
    told = conditional.read(ids(), conditions()).logits
    plain = conditional.given(conditions()[0])
    logits, _ = plain(ids()[:, :1], plain.initial_state(1))
    assert torch.allclose(logits[:, 0], told[:, 0], atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
def test_a_fixed_condition_is_a_shift_of_the_first_bias(cell: str) -> None:
    conditional = network(cell=cell)
    plain = conditional.given(conditions()[0])
    first = conditional.stack.cells[0]
    with torch.no_grad():
        shift = first.weight_ih[:, 5:] @ conditional.condition(conditions()[0])
        table = conditional.embedding.weight @ first.weight_ih[:, :5].T + first.bias + shift
        assert torch.allclose(
            plain.stack.cells[0].project(plain.get_parameter("embedding.weight")), table, atol=1e-5
        )


def test_different_conditions_give_different_logits() -> None:
    read = network().read(ids()[:, :1].expand(T, B), conditions()).logits
    assert not torch.allclose(read[:, 0], read[:, 1], atol=1e-3)


def test_the_condition_learns_with_the_embedding_at_the_first_level() -> None:
    levels = network(layers=2).layer_groups
    assert len(levels) == len(network(layers=2).config.level_names)
    assert [tuple(p.shape) for p in levels[0]] == [(V, 5), (6, D)]


def test_a_mixture_of_labels_is_between_them() -> None:
    conditional = network()
    one, other = torch.eye(D)[:2]
    mixed = conditional.condition((one + other) / 2)
    between = (conditional.condition(one) + conditional.condition(other)) / 2
    assert torch.allclose(mixed, between, atol=1e-6)
