"""The symbols that predictions depend on, and the accuracy inside words."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import Config, NetworkConfig
from nextchar.errors import ConfigError, TextError
from nextchar.inspection.memory import PLACES
from nextchar.inspection.words_seen import words_seen
from nextchar.language_model.model import LanguageModel
from nextchar.nn.cell import GatedCell
from nextchar.text.vocabulary import learn
from tests.conftest import Run, english, korean

_DISTINCT = "the quick brown fox"
CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "gru": {"cell": "gru", "layers": 2},
    "lstm": {"cell": "lstm", "residual": True, "layers": 2, "embedding_size": 8},
    "min_lstm": {"cell": "min_lstm"},
    "batch_norm": {"cell": "lstm", "batch_norm": True},
    "zoneout": {"cell": "lstm", "zoneout": 0.2},
    "tied": {"cell": "gru", "tied": True, "embedding_size": 8},
}


def model_on(text: str, kind: Any = "char", **options: Any) -> LanguageModel:
    network = NetworkConfig(**{"hidden_size": 8, "embedding_size": 6, **options})
    return LanguageModel.create(Config(network=network), learn(kind, [text], 1))


@pytest.mark.parametrize("options", CELLS.values(), ids=CELLS)
def test_the_norms_are_the_gradients_of_the_logit_by_every_input(options: dict[str, Any]) -> None:
    model = model_on("abcdefghij", **options)
    (shown,) = model.inspect.memory("abcdefghij", at=[8]).shown
    double = copy.deepcopy(model.network).double().eval()
    ids = torch.from_numpy(model.vocabulary.encode("abcdefgh").astype(np.int64)).unsqueeze(1)
    assert double.embedding is not None
    vectors = double.embedding.weight.detach()[ids].requires_grad_()
    state = double.initial_state(1)
    for vector in vectors:
        output, state = double.stack(vector, state)
    logit = double.head(output)[0, int(model.vocabulary.encode("i")[0])]
    (gradient,) = torch.autograd.grad(logit, vectors)
    expected = gradient[:, 0].norm(dim=1).flip(0).numpy()
    assert np.allclose(shown.norms, expected, rtol=1e-5)  # the state before is in float32
    assert "".join(text for text, _ in shown.characters) == "abcdefgh"
    assert shown.target == "i"


def test_a_network_without_recurrence_depends_on_the_last_symbol_alone() -> None:
    model = model_on(_DISTINCT, cell="rnn", input="onehot")
    cell = model.network.stack.cells[0]
    assert isinstance(cell, GatedCell)
    with torch.no_grad():
        cell.weight_hh.zero_()
    report = model.inspect.memory(_DISTINCT)
    assert (report.norms[0] > 0).all()
    assert (report.norms[1:] == 0).all()
    assert report.within(0.9) == 1
    assert report.lines()[0].startswith("half of the dependence is on the last character,")
    report.plot()


def test_a_character_of_several_symbols_has_the_norm_of_all_its_vectors() -> None:
    text = korean(300)
    model = model_on(text, "jamo", cell="gru")
    shown = model.inspect.memory(text, lags=20, seed=1).shown[0]
    assert len(shown.characters) < len(shown.norms) == 21
    total = sum(norm**2 for _, norm in shown.characters)
    assert total == pytest.approx(float((shown.norms**2).sum()))
    start = len(model.vocabulary.decode(model.vocabulary.encode(text)[: shown.place - 21]))
    assert "".join(each for each, _ in shown.characters)[-5:-1] in text[start - 1 :]


def test_places_are_drawn_by_the_seed_and_counted() -> None:
    model = model_on(english(900), cell="gru")
    first, again, other = (
        model.inspect.memory(english(900), lags=10, seed=seed) for seed in (1, 1, 2)
    )
    assert first.to_dict() == again.to_dict()
    assert [each.place for each in first.shown] != [each.place for each in other.shown]
    assert first.norms.shape == (11, PLACES)
    assert first.to_dict()["mean_gradient_norm_by_lag"] == pytest.approx(first.mean)


def test_accuracy_inside_words_counts_the_letters_before() -> None:
    text = "ab ab ab abc don't"
    model = model_on(text, cell="rnn")
    with torch.no_grad():
        model.network.head.weight.zero_()
        model.network.head.bias.zero_()
        model.network.head.bias[int(model.vocabulary.encode("b")[0])] = 5
    found = words_seen(model.network, model.vocabulary.encode(text).astype(np.int64),
                       model.vocabulary)  # fmt: skip
    assert [(each.seen, each.predictions, each.correct) for each in found] == [
        (0, 4, 0),  # the first letter of the text is not predicted
        (1, 5, 4),
        (2, 2, 0),
        (3, 1, 0),
        (4, 1, 0),
    ]
    assert found[1].accuracy == 0.8


def test_many_letters_are_counted_together() -> None:
    text = "x " + "abcdefghijklmnop"
    model = model_on(text, cell="rnn")
    ids = model.vocabulary.encode(text).astype(np.int64)
    found = words_seen(model.network, ids, model.vocabulary)
    assert [each.name for each in found] == [*map(str, range(10)), "10+"]
    assert found[-1].predictions == 6


def test_what_is_out_of_range_is_refused_in_one_line() -> None:
    model = model_on(_DISTINCT, cell="gru")
    with pytest.raises(ConfigError, match="lags must be from 1 to 1,000; got 0"):
        model.inspect.memory(_DISTINCT, lags=0)
    with pytest.raises(ConfigError, match="a symbol of the text from 1 to 18; got 19"):
        model.inspect.memory(_DISTINCT, at=[19])
    with pytest.raises(TextError, match="needs 32 known symbols; got 19"):
        model.inspect.memory(_DISTINCT, lags=30)
    with pytest.raises(TextError, match="needs 4 known symbols; got 3"):
        model.inspect.memory("the")


def test_the_command_shows_the_text_before_a_symbol(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "memory.svg"
    outcome = nextchar(
        "inspect", "memory", finished, texts / "english.txt", "--at", 40, "--lags", 20,
        "--picture", picture,
    )  # fmt: skip
    out = outcome.succeeded()
    assert "symbols read" in outcome.err
    assert "at 40: " in out
    assert "inside words, by the characters of the word already seen" in out
    drawn = picture.read_text()
    assert "accuracy inside words" in drawn
    assert drawn.count("rotate(-90)") > 2  # the numbers of predictions, and the labels of the axes
    values = nextchar("inspect", "memory", finished, "--lags", 5, "--json").values()
    assert len(values["mean_gradient_norm_by_lag"]) == 6
    assert len(values["predictions"]) == 3
    problem = nextchar("inspect", "memory", finished, "--at", 0, "--quiet").problem()
    assert "--at must be a symbol of the text" in problem
