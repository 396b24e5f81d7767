"""Probes of states, from Python and on the command line."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.config import Config, NetworkConfig
from nextchar.errors import ConfigError, TextError
from nextchar.inspection.probe import StateKind, read_states, wilson_interval
from nextchar.language_model.model import LanguageModel
from nextchar.nn.sparse_regression import SparseSolution, regress_sparsely, strongest_penalty
from nextchar.text.vocabulary import learn
from tests.conftest import Run

_LETTERS = "abcdefgh"


def _model() -> LanguageModel:
    network = NetworkConfig(cell="gru", hidden_size=12, layers=2)
    return LanguageModel.create(Config(network=network), learn("char", [_LETTERS], 1))


def _labelled(count: int) -> tuple[list[str], list[str]]:
    """Make up texts whose label is whether they are of the letters a to d or e to h."""
    draw = random.Random(2)
    labels = [draw.choice(["early", "late"]) for _ in range(count)]
    halves = {"early": _LETTERS[:4], "late": _LETTERS[4:]}
    texts = ["".join(draw.choices(halves[each], k=draw.randint(3, 20))) for each in labels]
    return texts, labels


@pytest.mark.parametrize("state", ["mean", "final"])
def test_states_are_those_of_each_text_alone(state: StateKind) -> None:
    model = _model()
    texts = [model.vocabulary.encode(text).astype(np.int64) for text in _labelled(70)[0]]
    found = read_states(model.network, texts, state).numpy()
    for place in (0, 33, 69):
        h = model.inspect.record(model.vocabulary.decode(texts[place])).layers[-1].h
        expected = h.mean(0) if state == "mean" else h[-1]
        assert np.allclose(found[place], expected, atol=1e-6)


def test_a_long_text_is_read_in_pieces() -> None:
    model = _model()
    text = (_LETTERS * 80)[:600]
    ids = model.vocabulary.encode(text).astype(np.int64)
    found = read_states(model.network, [ids, ids[:5]], "mean").numpy()
    h = model.inspect.record(text).layers[-1].h
    assert np.allclose(found[0], h.mean(0), atol=1e-6)
    assert np.allclose(found[1], h[:5].mean(0), atol=1e-6)


def test_a_label_in_the_state_is_found_and_a_shuffled_one_is_not() -> None:
    probe = _model().inspect.probe(*_labelled(400))
    assert probe.labels == ("early", "late")
    assert probe.held_out == 80
    assert probe.accuracy > 0.95
    assert probe.controls.max() < 0.7
    assert 1 <= probe.nonzero <= 12
    assert str(probe.unit).startswith("2.")
    assert probe.majority < 0.7
    assert "knows the label better than chance" in probe.lines()[-1]


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    # Agresti & Coull 1998; R's prop.test(x, n, correct = FALSE).
    [(1.0, 10, 0.7225, 1.0), (0.0, 10, 0.0, 0.2775), (0.5, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_that_of_wilson(share: float, count: int, low: float, high: float) -> None:
    assert wilson_interval(share, count) == pytest.approx((low, high), abs=1e-4)


def test_a_perfect_accuracy_has_an_interval_too() -> None:
    probe = _model().inspect.probe(*_labelled(100))
    perfect = dataclasses.replace(probe, accuracy=1.0, held_out=20)
    assert any("100.0% (83.9% to 100.0%)" in line for line in perfect.lines())
    assert perfect.to_dict()["accuracy_interval_95"] == pytest.approx([0.8389, 1.0], abs=1e-4)
    assert "better than chance" in perfect.lines()[-1]
    few = dataclasses.replace(perfect, held_out=3, majority=0.5)
    assert "no better than chance" in few.lines()[-1]


def test_a_label_by_chance_is_not_found() -> None:
    texts, labels = _labelled(400)
    random.Random(5).shuffle(labels)
    probe = _model().inspect.probe(texts, labels)
    assert "no better than chance" in probe.lines()[-1]


def test_the_seed_determines_the_result() -> None:
    model = _model()
    first, again, other = (model.inspect.probe(*_labelled(60), seed=seed) for seed in (1, 1, 2))
    assert first.to_dict() == again.to_dict()
    assert first.to_dict() != other.to_dict()
    assert json.loads(json.dumps(first.to_dict())) == first.to_dict()


def test_the_strongest_penalty_leaves_no_weight_and_half_of_it_leaves_one() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(200, 10, generator=draw)
    targets = (features[:, 3] + 0.5 * torch.randn(200, generator=draw) > 0).long()
    most = strongest_penalty(features, targets, 2)
    start = SparseSolution(torch.zeros(10, 2), torch.zeros(2))
    assert not regress_sparsely(features, targets, start, 1.001 * most).weights.any()
    found = regress_sparsely(features, targets, start, 0.5 * most).weights
    assert found.any(1).nonzero().flatten().tolist() == [3]


def test_the_solution_satisfies_the_conditions_of_a_minimum() -> None:
    """A weight's slope is ±penalty where it is not zero, and smaller where it is zero."""
    draw = torch.Generator().manual_seed(1)
    features = torch.randn(300, 8, generator=draw)
    targets = torch.randint(3, (300,), generator=draw)
    start = SparseSolution(torch.zeros(8, 3), torch.zeros(3))
    found = regress_sparsely(features, targets, start, 0.02)
    shares = (features @ found.weights + found.bias).softmax(-1)
    residuals = shares - torch.nn.functional.one_hot(targets, 3)
    slopes = features.T @ residuals / 300
    used = found.weights != 0
    assert used.any()
    assert torch.allclose(slopes[used], -0.02 * found.weights[used].sign(), atol=1e-4)
    assert (slopes[~used].abs() <= 0.02 + 1e-4).all()
    assert residuals.mean(0).abs().max() < 1e-4


def test_bad_input_is_refused() -> None:
    inspect = _model().inspect
    with pytest.raises(TextError, match="at least 20 texts and 2 labels; got 2 texts and 1 label"):
        inspect.probe(["ab", "cd", "???"], ["x", "x", "y"])
    with pytest.raises(ConfigError, match="each text needs a label; got 1 texts and 2 labels"):
        inspect.probe(["ab"], ["x", "y"])
    with pytest.raises(ConfigError, match="state must be"):
        inspect.probe(["ab"], ["x"], state="last")  # type: ignore[arg-type]


def test_the_command_reads_labelled_texts(finished: Path, nextchar: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    data, picture = tmp_path / "data.txt", tmp_path / "probe.svg"
    data.write_text(
        "".join(f"{n % 2} {'the dog runs' if n % 2 else 'A big red tree'} {n}\n" for n in range(40))
    )
    outcome = nextchar("inspect", "probe", finished, data, "--picture", picture)
    assert "best unit" in outcome.succeeded()
    assert "<svg" in picture.read_text()
    values = nextchar("inspect", "probe", finished, data, "--json", "--state", "final").values()
    assert values["accuracy"] == 1
    assert values["held_out_texts"] == 8


def test_the_command_refuses_texts_without_labels(
    finished: Path, nextchar: Run, texts: Path
) -> None:
    missing = nextchar("inspect", "probe", finished, texts / "none.txt").problem()
    assert "none.txt" in missing
