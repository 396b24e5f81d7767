"""The whole network: symbols in, logits out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.nn.dropout import dropout
from nextchar.nn.network import Network, State, detach
from nextchar.nn.recurrent import available_paths
from tests.nn.cases import CONFIGS, generator

V, T, B = 11, 6, 3


def make(vocabulary_size: int = V, **options: Any) -> Network:
    config = NetworkConfig(**{"hidden_size": 8, "embedding_size": 5, **options})
    return Network(vocabulary_size, config, generator=generator())


def symbols(steps: int = T, streams: int = B, size: int = V, seed: int = 0) -> Tensor:
    return torch.randint(size, (steps, streams), generator=generator(seed))


def step_through(network: Network, ids: Tensor, state: State) -> tuple[Tensor, State]:
    logits = []
    for row in ids:
        row_logits, state = network.step(row, state)
        logits.append(row_logits)
    return torch.stack(logits), state


@pytest.mark.parametrize("name", CONFIGS)
def test_shapes_and_types(name: str) -> None:
    network = Network(V, CONFIGS[name], generator=generator())

    logits, state = network(symbols(), network.initial_state(B))

    assert logits.shape == (T, B, V)
    assert logits.dtype == torch.float32
    assert len(state) == 1
    assert all(part.shape == (B, 4) for part in state[0])


def test_logits_stay_float32_under_autocast() -> None:
    network = make()

    with torch.autocast("cpu", torch.bfloat16):
        logits, state = network(symbols(), network.initial_state(B))

    assert logits.dtype == torch.float32
    assert all(part.dtype == torch.float32 for layer in state for part in layer)


configurations: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    cell=st.sampled_from(["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"]),
    hidden_size=st.integers(1, 9),
    layers=st.integers(1, 3),
    input=st.sampled_from(["embedding", "onehot"]),
    embedding_size=st.integers(1, 9),
    residual=st.booleans(),
    activation=st.sampled_from(["tanh", "relu", "sigmoid"]),
    reset=st.sampled_from(["after", "before"]),
    peepholes=st.sampled_from(["vector", "matrix"]),
    initialization=st.sampled_from(["orthogonal", "xavier", "he"]),
)


@settings(max_examples=60, deadline=None)
@given(
    options=configurations,
    steps=st.integers(1, 9),
    streams=st.integers(1, 4),
    size=st.integers(1, 12),
    double=st.booleans(),
)
def test_every_path_of_every_configuration_gives_the_same(
    options: dict[str, Any], steps: int, streams: int, size: int, double: bool
) -> None:
    network = Network(size, NetworkConfig(**options), generator=generator())
    network = network.double() if double else network
    tolerance = 1e-8 if double else 1e-4
    ids, state = symbols(steps, streams, size), network.initial_state(streams)
    expected = step_through(network, ids, state)

    for path in ("auto", *available_paths(network.stack.cells[0])):
        actual = network(ids, state, path=path)
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def test_one_hot_is_a_dense_matrix_product() -> None:
    network = make(input="onehot").double()
    ids, state = symbols(), network.initial_state(B)

    logits, _ = network(ids, state)
    dense = functional.one_hot(ids, V).double()
    outputs, _ = network.stack.unroll(dense, state)

    torch.testing.assert_close(logits, network.head(outputs), rtol=1e-8, atol=1e-8)


def test_a_tied_network_has_one_matrix_for_both_ends() -> None:
    network = make(tied=True, hidden_size=8, embedding_size=8)

    assert network.embedding is not None
    assert network.head.weight is network.embedding.weight
    cell = sum(parameter.numel() for parameter in network.stack.parameters())
    assert network.parameter_count == V * 8 + V + cell


def test_a_copy_of_a_tied_network_stays_tied() -> None:
    network = copy.deepcopy(make(tied=True, hidden_size=8, embedding_size=8)).double()

    assert network.embedding is not None
    assert network.head.weight is network.embedding.weight


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, V * 5 + 4 * 8 * (5 + 8 + 1) + V * (8 + 1)),
        ({"cell": "gru"}, V * 5 + 3 * 8 * (5 + 8 + 1) + 8 + V * (8 + 1)),
        ({"cell": "rnn", "input": "onehot", "layers": 2},
         8 * (V + 8 + 1) + 8 * (8 + 8 + 1) + V * (8 + 1)),
    ],
)  # fmt: skip
def test_parameter_count(options: dict[str, Any], count: int) -> None:
    assert make(**options).parameter_count == count


def test_training_with_dropout_is_a_function_of_the_generator_only() -> None:
    network = make(dropout=0.3, layers=2)
    ids, state = symbols(), network.initial_state(B)
    before = torch.get_rng_state()

    first, _ = network(ids, state, generator=generator(1))
    torch.rand(1)
    moved = torch.get_rng_state()
    again, _ = network(ids, state, generator=generator(1))
    other, _ = network(ids, state, generator=generator(2))

    assert torch.equal(torch.get_rng_state(), moved)
    torch.set_rng_state(before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_embedding_dropout_gives_a_symbol_one_mask_for_the_whole_window() -> None:
    network = make(embedding_dropout=0.5)
    ids = torch.tensor([[0, 1], [1, 0], [0, 0]])

    logits, _ = network(ids, network.initial_state(2), generator=generator())
    torch.autograd.backward(logits.sum())

    assert network.embedding is not None
    gradient = network.embedding.weight.grad
    assert gradient is not None
    kept = dropout(torch.ones_like(network.embedding.weight), 0.5, generator()) > 0
    assert torch.equal(gradient[:2] != 0, kept[:2])
    with pytest.raises(ValueError, match="needs a generator"):
        network(ids, network.initial_state(2))
    plain = make().eval()(ids, network.initial_state(2))[0]
    assert torch.equal(network.eval()(ids, network.initial_state(2))[0], plain)


def test_dropout_needs_a_generator_in_training_mode_and_none_in_evaluation() -> None:
    network = make(dropout=0.3)
    ids, state = symbols(), network.initial_state(B)

    with pytest.raises(ValueError, match="needs a generator"):
        network(ids, state)

    logits, _ = network.eval()(ids, state)
    assert torch.equal(logits, network(ids, state, generator=generator())[0])


def test_gradients_reach_every_parameter_and_stop_at_a_detached_state() -> None:
    network = make(layers=2)
    _, state = network(symbols(), network.initial_state(B))

    logits, _ = network(symbols(seed=1), detach(state))
    torch.autograd.backward(logits.square().mean())

    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_step_runs_in_inference_mode() -> None:
    network = make().eval()

    with torch.inference_mode():
        logits, state = network.step(torch.tensor([3]), network.initial_state(1))

    assert logits.shape == (1, V)
    assert [part.shape for part in state[0]] == [(1, 8), (1, 8)]


def test_ids_of_a_wrong_shape_are_refused() -> None:
    network = make()

    with pytest.raises(ValueError, match=r"ids must be \[T, B\], got the shape \(3,\)"):
        network(torch.zeros(3, dtype=torch.int64), network.initial_state(3))


def test_a_network_that_learns_lowers_its_loss() -> None:
    network = make(cell="gru", hidden_size=16)
    ids = torch.arange(V).repeat(4).unsqueeze(1)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        logits, _ = network(ids[:-1], network.initial_state(1))
        loss = functional.cross_entropy(logits.flatten(0, 1), ids[1:].flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"input": "onehot", "layers": 3},
        {"tied": True, "embedding_size": 4, "layers": 2, "cell": "gru"},
    ],
    ids=["embedding", "onehot", "tied"],
)
def test_levels_hold_every_parameter_once_in_order_and_each_has_its_name(
    options: dict[str, Any],
) -> None:
    config = NetworkConfig.from_dict({"hidden_size": 4, **options})
    network = Network(5, config, generator=None)
    flat = [id(parameter) for level in network.layer_groups for parameter in level]
    assert flat == [id(parameter) for parameter in network.parameters()]
    assert len(network.layer_groups) == len(config.level_names)
    assert all(network.layer_groups)
    assert id(network.head.bias) in map(id, network.layer_groups[-1])


@pytest.mark.parametrize("options", [{}, {"input": "onehot"}, {"tied": True, "embedding_size": 4}])
def test_what_depends_on_the_number_of_symbols_is_named_with_its_dimension(
    options: dict[str, Any],
) -> None:
    config = NetworkConfig.from_dict({"hidden_size": 4, "layers": 2, **options})
    small, large = (Network(size, config, generator=None) for size in (5, 7))
    growing = {
        name: [before != after for before, after in zip(old.shape, new.shape, strict=True)]
        for (name, old), new in zip(small.named_parameters(), large.parameters(), strict=True)
    }
    expected = {name: which.index(True) for name, which in growing.items() if any(which)}
    assert small.symbol_weights == expected
    assert next(iter(small.symbol_weights)) in expected
