"""Gradients by lag: equal to autograd over the whole graph, and what is said of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from nextchar.config import Config
from nextchar.errors import ConfigError, TextError
from nextchar.inspection.gradient_comparison import GradientComparison
from nextchar.inspection.gradient_flow import GradientFlow, PartGradients, TrainingNorms
from nextchar.inspection.gradient_words import verdict_words
from nextchar.inspection.gradients import PLACES, measure_gradients
from nextchar.inspection.jacobians import spectral_radii
from nextchar.inspection.recording import record
from nextchar.inspection.sample import Sample
from nextchar.language_model.model import LanguageModel
from nextchar.nn.cells import MinGRUCell, RNNCell
from nextchar.nn.network import Network, State
from nextchar.text.vocabulary import ByteVocabulary, learn
from tests.inspection.test_recording import CELLS, network_of

LAGS = 12
IDS = np.random.default_rng(5).integers(0, 7, 30)


def sample_of(ids: Any = IDS) -> Sample:
    return Sample(name="text", ids=np.asarray(ids, np.int64), is_whole=True)


def measured(network: Network, ids: Any = IDS, **options: Any) -> GradientFlow:
    given: dict[str, Any] = {"name": "run", "unit": "characters", "lags": LAGS, **options}
    return measure_gradients(network, sample_of(ids), **given)


def steps_of(network: Network, end: int) -> tuple[torch.Tensor, list[State]]:
    """Read a text from its start, symbol by symbol, and keep the graph of all states."""
    state, states = network.initial_state(1), []
    for each in IDS[: end + 1]:
        logits, state = network.step(torch.tensor([each]), state)
        states.append(state)
    return functional.cross_entropy(logits, torch.tensor([IDS[end + 1]])), states


def gradients(loss: torch.Tensor, parts: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(loss, parts, materialize_grads=True)


def naive_norms(network: Network, layer: int, part: int) -> np.ndarray[Any, Any]:
    """The norms [K + 1, S] by autograd over the graph of the whole text, for every place."""
    columns = []
    for end in range(LAGS, len(IDS) - 1):
        loss, states = steps_of(network, end)
        earlier = [states[end - lag][layer][part] for lag in range(LAGS + 1)]
        columns.append([each.norm().item() for each in gradients(loss, earlier)])
    return np.array(columns).T


@pytest.mark.parametrize("options", CELLS.values(), ids=CELLS)
def test_the_norms_are_those_of_float64_autograd_over_the_whole_graph(
    options: dict[str, Any],
) -> None:
    network = network_of(**options).double().eval()
    flow = measured(network)
    assert (flow.lags, flow.places) == (LAGS, len(IDS) - 1 - LAGS)
    for number, layer in enumerate(flow.layers):
        assert "".join(layer.parts) == "hc"[: network.stack.cells[0].state_count]
        for place, part in enumerate(layer.parts.values()):
            np.testing.assert_allclose(
                part.norms, naive_norms(network, number, place), rtol=1e-6, atol=0
            )


def test_a_network_in_float32_starts_its_windows_from_its_own_states() -> None:
    network = network_of(cell="lstm")
    single = measured(network).layers[1].parts["c"].norms
    double = measured(network.double()).layers[1].parts["c"].norms
    np.testing.assert_allclose(single, double, rtol=1e-4)


def test_the_network_is_left_as_it_was() -> None:
    network = network_of(cell="lstm").eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    next(network.parameters()).requires_grad_(False)
    measured(network)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert all(each.grad is None for each in network.parameters())
    assert not next(network.parameters()).requires_grad


def test_batches_of_windows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(cell="gru")
    whole = measured(network)
    monkeypatch.setattr("nextchar.inspection.gradients._AT_ONCE", 3)
    cut = measured(network)
    np.testing.assert_allclose(
        cut.layers[0].parts["h"].norms, whole.layers[0].parts["h"].norms, rtol=1e-12
    )
    for name, pair in whole.parameters.items():
        assert cut.parameters[name] == pytest.approx(pair, rel=1e-9)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru_before", "min_gru", "one_hot"])
def test_singular_values_are_those_of_the_jacobians(name: str) -> None:
    network = network_of(**CELLS[name]).double().eval()
    values = measured(network).layers[1].singular_values
    assert values is not None
    assert values.places == 8
    assert values.lags.tolist() == [1, 2, 3, 5, 7, 10]
    parts = network.stack.cells[1].state_count
    expected = np.empty((8, parts, 5))
    for place in range(8):
        _, states = steps_of(network, place + LAGS)
        last = states[-1][1][0][0]
        for part in range(parts):
            rows = [
                torch.autograd.grad(row, states[-1 - 3][1][part], retain_graph=True)[0][0]
                for row in last
            ]
            expected[place, part] = torch.linalg.svdvals(torch.stack(rows))[:5]
    for part, name_of_part in enumerate("hc"[:parts]):
        np.testing.assert_allclose(
            values.parts[name_of_part][2], np.median(expected[:, part], axis=0), atol=1e-8
        )


def test_wide_layers_are_measured_at_shorter_lags_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = network_of(cell="gru")
    monkeypatch.setattr("nextchar.inspection.jacobians._MOST_WORK", 6**3 * 4)
    values = measured(network).layers[0].singular_values
    assert values is not None
    assert (values.lags.tolist(), values.places) == ([1, 2, 3], 1)
    monkeypatch.setattr("nextchar.inspection.jacobians._MOST_WORK", 6**3 - 1)
    flow = measured(network)
    assert flow.layers[0].singular_values is None
    assert "singular" not in "\n".join(flow.lines())
    assert flow.plot() is not None


def test_spectral_radii_are_the_largest_eigenvalues() -> None:
    for seed in range(3):
        network = network_of(cell="lstm", hidden_size=40, initialization="xavier")
        cell = network.stack.cells[seed % 2]
        radii = spectral_radii(cell)
        assert list(radii) == ["i", "f", "g", "o"]
        blocks = dict(cell.named_parameters())["weight_hh"].detach().double().chunk(4)
        largest = [float(torch.linalg.eigvals(block).abs().max()) for block in blocks]
        assert list(radii.values()) == pytest.approx(largest, rel=1e-3)


def test_special_matrices_have_their_spectral_radius() -> None:
    cell = RNNCell(3, 2)
    assert list(spectral_radii(cell)) == ["h"]
    for matrix, radius in (
        ([[0.0, 0.0], [0.0, 0.0]], 0.0),
        ([[0.0, 1.0], [0.0, 0.0]], 0.0),
        ([[0.0, -2.0], [2.0, 0.0]], 2.0),
        ([[1e-9, 0.0], [5.0, 1e-9]], 1e-9),
    ):
        with torch.no_grad():
            cell.weight_hh.copy_(torch.tensor(matrix))
        assert spectral_radii(cell)["h"] == pytest.approx(radius, rel=1e-2)
    assert spectral_radii(MinGRUCell(3, 2)) == {}


def test_parameters_have_the_norms_of_the_gradient_of_the_mean_loss() -> None:
    network = network_of(cell="lstm", layers=1).double().eval()
    flow = measured(network, IDS[: LAGS + 2])  # one window: the whole text
    losses = []
    state = network.initial_state(1)
    for each, following in itertools.pairwise(IDS[: LAGS + 2]):
        logits, state = network.step(torch.tensor([each]), state)
        losses.append(functional.cross_entropy(logits, torch.tensor([following])))
    torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
    expected = {
        name: (each.grad.norm().item(), each.detach().norm().item())
        for name, each in network.named_parameters()
        if each.grad is not None
    }
    assert list(flow.parameters) == list(expected)
    for name, pair in expected.items():
        assert flow.parameters[name] == pytest.approx(pair, rel=1e-9), name


def part_of(medians: list[float]) -> PartGradients:
    return PartGradients(norms=np.array(medians)[:, np.newaxis] * np.array([0.5, 1.0, 2.0]))


@pytest.mark.parametrize(
    ("medians", "verdict", "words"),
    [
        ([2, 1, 0.1, 0.02, 0.001], "vanishing", "reaches 3 characters; vanishing (×0.1 at"),
        ([1, 0.009, 0.008], "vanishing", "reaches 1 character; vanishing (×0.889 at"),
        ([1, 0.9, 0.81], "carried", "reaches more than 2 characters (×0.9 at each lag)"),
        ([1, 5, 25, 5], "exploding", "exploding: 25 times lag 0 at lag 2 (×1 at"),
        ([1, 20, 0.001], "exploding", "exploding: 20 times lag 0 at lag 1"),
        ([0, 0, 0], "none", "no gradient at all"),
        ([0, 1, 0.5, 0.009], "vanishing", "reaches 3 characters; vanishing"),
        ([1, 0, 0], "vanishing", "reaches 1 character; vanishing"),
    ],
)
def test_the_verdict_follows_from_the_medians(
    medians: list[float], verdict: str, words: str
) -> None:
    part = part_of(medians)
    assert part.verdict == verdict
    assert verdict_words(part, "characters").startswith(words)
    assert part.quartiles[1].tolist() == medians
    assert part.to_dict()["median"] == medians


def test_exploding_and_vanishing_networks_are_told_apart() -> None:
    network = network_of(cell="rnn", layers=1, activation="relu")
    with torch.no_grad():
        for factor, verdict in ((1.6, "exploding"), (0.4, "vanishing")):
            recurrent = dict(network.named_parameters())["stack.layers.0.weight_hh"]
            recurrent.copy_(factor * torch.eye(6))
            network.stack.cells[0].bias.fill_(3.0)  # no unit is off
            assert measured(network).layers[0].parts["h"].verdict == verdict


def test_the_norms_through_training_count_the_clipped_steps() -> None:
    rows = [{"step": step, "gradient_norm": norm} for step, norm in ((10, 0.5), (20, 3.0), (30, 2))]
    norms = TrainingNorms.of([{"step": 5}, *rows], 1.0)
    assert norms is not None
    assert norms.to_dict() == {
        "steps": [10, 20, 30],
        "gradient_norm": [0.5, 3.0, 2.0],
        "clip_norm": 1.0,
        "clipped_share_of_recorded_steps": 2 / 3,
    }
    flow = measured(network_of(cell="rnn"), history=rows, clip_norm=1.0)
    told = "\n".join(flow.lines())
    assert "gradient norm 0.5 at step 10, 2 at step 30, at most 3" in told
    assert "clipping at 1 fires at 67% of the 3 steps on record" in told
    assert TrainingNorms.of([{"step": 5}], 1.0) is None
    unclipped = TrainingNorms.of(rows, 0.0)
    assert unclipped is not None
    assert unclipped.clipped == 0


def test_untrained_weights_are_those_of_the_run_s_seed() -> None:
    config = Config.from_options({"cell": "gru", "hidden_size": 6, "embedding_size": 4, "seed": 7})
    vocabulary = learn("char", ["abcdefg"], 1)
    fresh = LanguageModel.create(config, vocabulary)
    model = LanguageModel.create(config, vocabulary)
    with torch.no_grad():
        for each in model.network.parameters():
            each.mul_(2)
    text = "abcdefg" * 9
    found = model.inspect.gradients(text, untrained=True)
    assert (found.weights, found.unit, found.name) == ("untrained", "characters", "the model")
    expected = fresh.inspect.gradients(text).layers[0].parts["h"].norms
    assert np.array_equal(found.layers[0].parts["h"].norms, expected)
    assert not np.array_equal(model.inspect.gradients(text).layers[0].parts["h"].norms, expected)


def test_a_long_text_is_measured_at_places_drawn_by_the_seed() -> None:
    network = network_of(cell="gru", layers=1)
    ids = np.random.default_rng(1).integers(0, 7, 400)
    first, again, other = (measured(network, ids, seed=seed) for seed in (1, 1, 2))
    norms = [flow.layers[0].parts["h"].norms for flow in (first, again, other)]
    assert first.places == PLACES
    assert np.array_equal(norms[0], norms[1])
    assert not np.array_equal(norms[0], norms[2])


def test_lags_suit_the_text_or_are_refused() -> None:
    network = network_of(cell="rnn", layers=1)
    assert measured(network, IDS, lags=None).lags == 14
    assert measured(network, IDS[:4], lags=None).lags == 1
    assert measured(network, IDS, lags=28).places == 1
    with pytest.raises(TextError, match="text is too short: a gradient at lag 29 needs 31 known"):
        measured(network, IDS, lags=29)
    with pytest.raises(TextError, match="needs 4 known symbols; got 3"):
        measured(network, IDS[:3], lags=None)
    for lags in (0, 1001):
        with pytest.raises(ConfigError, match=f"lags must be from 1 to 1,000; got {lags}"):
            measured(network, IDS, lags=lags)


def test_the_picture_of_a_network_has_all_its_curves() -> None:
    rows = [{"step": 10, "gradient_norm": 0.5}, {"step": 20, "gradient_norm": 0.0}]
    flow = measured(network_of(cell="lstm"), history=rows, clip_norm=1.0)
    norms, values, parameters, training = flow.plot().axes
    assert [text.get_text() for text in norms.get_legend().get_texts()] == [
        "layer 1 h", "layer 1 c", "layer 1, forget gates alone",
        "layer 2 h", "layer 2 c", "layer 2, forget gates alone",
    ]  # fmt: skip
    assert values.get_yscale() == norms.get_yscale() == "log"
    assert len(parameters.get_yticks()) == len(flow.parameters)
    assert training.get_ylim() == pytest.approx((0.1, 10))


def test_the_picture_marks_where_training_cuts_the_gradient_off() -> None:
    network = network_of(cell="gru")
    inside = measured(network, sequence_length=9).plot().axes[0]
    assert "training cuts off at 9" in [t.get_text() for t in inside.get_legend().get_texts()]
    assert [9, 9] in [list(line.get_xdata()) for line in inside.lines]
    beyond = measured(network, sequence_length=64).plot().axes[0]
    assert beyond.get_xlabel() == "lag k in characters (training cuts it off at 64)"
    flow = LanguageModel.create(Config(), learn("char", ["abc"], 1)).inspect.gradients("abc" * 9)
    assert flow.to_dict()["training_sequence_length"] == Config().training.sequence_length


@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm"])
def test_the_product_of_forget_gates_is_that_of_the_recording(cell: Any) -> None:
    network = network_of(cell=cell, layers=2).double()
    flow = measured(network)
    for number, layer in enumerate(record(network, IDS).layers):
        found = flow.layers[number].forget_products
        assert found is not None
        assert found.shape == (LAGS + 1, flow.places)
        assert np.all(found[0] == 1)
        for place, end in enumerate(range(LAGS, len(IDS) - 1)):
            gates = layer.gates["f"][end - 4 : end + 1].prod(axis=0)
            assert found[5, place] == pytest.approx(np.sqrt((gates**2).mean()), rel=1e-4)
        shown = flow.to_dict()["layers"][number]["forget_gate_product"]
        assert shown == np.median(found, axis=1).tolist()


@pytest.mark.parametrize("cell", ["rnn", "gru", "min_lstm"])
def test_a_cell_without_memory_has_no_product_of_forget_gates(cell: Any) -> None:
    flow = measured(network_of(cell=cell))
    assert [layer.forget_products for layer in flow.layers] == [None] * len(flow.layers)


def test_several_networks_share_a_picture_and_a_table() -> None:
    flows = [
        measured(network_of(cell="lstm", layers=1), name="a"),
        measured(network_of(cell="lstm", layers=1), name="b"),
        measured(network_of(cell="gru"), name="c", is_trained=False, unit="bytes"),
    ]
    comparison = GradientComparison(flows)
    assert comparison.names == ("lstm 6 (a)", "lstm 6 (b)", "gru 6")
    axes = comparison.plot().axes
    assert [each.get_title() for each in axes] == [
        "untrained, layer 1", "trained, layer 1", "untrained, layer 2", "trained, layer 2",
    ]  # fmt: skip
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == [
        "lstm 6 (a), h", "lstm 6 (a), c", "lstm 6 (b), h", "lstm 6 (b), c",
    ]  # fmt: skip
    assert axes[2].get_xlabel() == "lag k in symbols"
    told = "\n".join(comparison.lines())
    assert "lstm 6 (b), trained, layer 1 c: reaches" in told
    assert "gru 6, untrained, layer 2, h" not in told
    assert [run["run"] for run in comparison.to_dict()["runs"]] == ["a", "b", "c"]


def test_a_network_without_gradient_is_drawn_and_told() -> None:
    network = network_of(cell="rnn", layers=1)
    with torch.no_grad():
        network.head.weight.zero_()
    flow = measured(network)
    assert flow.layers[0].parts["h"].verdict == "none"
    assert "no gradient at all" in "\n".join(flow.lines())
    assert flow.plot() is not None
    assert GradientComparison([flow]).plot() is not None


def test_every_kind_of_vocabulary_names_its_symbols() -> None:
    config = Config.from_options({"cell": "rnn", "hidden_size": 4, "vocabulary": "byte"})
    model = LanguageModel.create(config, ByteVocabulary())
    assert model.inspect.gradients("가나다라").unit == "bytes"
