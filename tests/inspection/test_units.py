"""Units that follow labels, from Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.config import CellName, Config, NetworkConfig, TextConfig, VocabularyKind
from nextchar.errors import ConfigError, TextError
from nextchar.inspection.phrases import brightest_passage, similar_phrases, units_on
from nextchar.language_model.model import LanguageModel
from nextchar.nn.cell import GatedCell
from nextchar.text.vocabulary import learn
from tests.conftest import Run, english

_TEXT = english(1500)


def _planted(cell: CellName, layers: int = 1) -> LanguageModel:
    """Return a model whose unit 5 of layer 1 is high after a capital and low after others."""
    vocabulary = learn("char", [_TEXT], 1)
    config = Config(network=NetworkConfig(cell=cell, hidden_size=8, layers=layers, input="onehot"))
    model = LanguageModel.create(config, vocabulary)
    first = model.network.stack.cells[0]
    assert isinstance(first, GatedCell)
    rows = 4 + 8 * first.gate_names.index("candidate" if cell == "gru" else "hidden")
    signs = torch.tensor([1.0 if name.isupper() else -1.0 for name in vocabulary.keys])
    with torch.no_grad():
        first.weight_ih[rows] = 3 * signs
        first.weight_hh[rows] = 0
        if cell == "gru":
            first.bias[4 + 8] = -9  # the update gate
            first.weight_hh[4 + 8] = 0
    return model


@pytest.mark.parametrize(("cell", "layers"), [("rnn", 1), ("gru", 1), ("gru", 2)])
def test_a_planted_unit_ranks_first(cell: CellName, layers: int) -> None:
    report = _planted(cell, layers).inspect.units(_TEXT, label="capitals")
    (ranking,) = report.rankings
    assert str(ranking.best[0].unit) == str(report.unit) == "1.5"
    assert ranking.best[0].measure == 1
    assert ranking.best[0].is_higher
    assert ranking.best[1].measure < 1
    assert ranking.control < 0.9
    assert ranking.is_found


def test_a_pattern_is_a_label_too() -> None:
    report = _planted("rnn").inspect.units(_TEXT, label="[A-Z]", count=3)
    assert str(report.rankings[0].best[0].unit) == "1.5"
    assert len(report.rankings[0].best) == 3


def test_the_text_is_shown_as_the_unit_sees_it() -> None:
    report = _planted("rnn").inspect.units(_TEXT, label="capitals", excerpt=100)
    capitals = np.array([character.isupper() for character in report.text])
    assert (report.values[capitals] > 0.9).all()
    assert (report.values[~capitals] < -0.9).all()
    start, end = report.excerpt
    assert end - start == 100
    shown, marks, *_ = report.colored(width=80, colors=False)
    assert [mark == "▇" for mark in marks] == [each.isupper() for each in shown]
    assert any("\x1b[48;5;75" in line for line in report.colored(width=80, colors=True))


def test_without_a_label_each_one_that_the_text_has_gets_its_best_unit() -> None:
    report = _planted("gru").inspect.units(_TEXT)
    assert [each.labels.name for each in report.rankings] == [
        "line-position",
        "capitals",
        "word-position",
    ]
    assert str(report.unit) == "1.5"
    assert "capitals" in "\n".join(report.lines())


def test_a_chosen_unit_colours_the_text() -> None:
    model = LanguageModel.create(
        Config(network=NetworkConfig(cell="lstm", hidden_size=8)), learn("char", [_TEXT], 1)
    )
    recording = model.inspect.record(_TEXT)
    report = model.inspect.units(_TEXT, unit="1.c.3")
    assert recording.layers[0].c is not None
    assert (report.values == np.tanh(recording.layers[0].c[:, 2])).all()
    report = model.inspect.units(_TEXT, unit="1.3")
    assert (report.values == recording.layers[0].h[:, 2]).all()
    assert str(report.together[0]) == "1.3"


@pytest.mark.parametrize("kind", ["byte", "jamo"])
def test_symbols_of_a_character_are_shown_as_one(kind: VocabularyKind) -> None:
    text = "나는 (학교에) 간다.\n" * 20
    network = NetworkConfig(cell="gru", hidden_size=4)
    config = Config(network=network, text=TextConfig(vocabulary=kind))
    model = LanguageModel.create(config, learn(kind, [text], 1))
    report = model.inspect.units(text)
    names = [each.labels.name for each in report.rankings]
    assert names[:2] == ["brackets", "line-position"]
    assert ("jamo-position" in names) == (kind == "jamo")
    assert len(report.values) == len(report.text) == len(text)


def test_phrases_are_passages_where_the_same_units_are_on() -> None:
    values = np.full((100, 6), -1.0, np.float32)
    values[:, 5] = np.linspace(0, 1, 100)
    for start in (10, 50, 80):
        values[start : start + 5, :3] = 1
    values[80:85, 2] = -1
    start, end = brightest_passage(values[:, 0])
    assert (start, end) == (10, 15)
    assert units_on(values, start, end).tolist() == [0, 1, 2]
    found = similar_phrases(values[:, :3], start, end, 5)
    assert [(each.start, each.end) for each in found] == [(50, 55), (80, 85)]
    assert found[0].share == pytest.approx(1)
    assert found[1].share == pytest.approx(2 / 3)


def test_passages_of_four_symbols_are_left_out() -> None:
    values = np.full((60, 2), -1.0, np.float32)
    for start in (10, 30):
        values[start : start + 5] = 1
    assert len(similar_phrases(values, 10, 15, 5)) == 1
    assert similar_phrases(values, 10, 14, 5) == []


def test_a_unit_that_never_changes_has_a_passage_of_one_symbol() -> None:
    assert brightest_passage(np.zeros(9)) == (0, 1)


def test_results_are_ready_for_json() -> None:
    values = _planted("rnn").inspect.units(_TEXT, label="capitals", excerpt=50).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["predicates"][0]["units"][0] == {"unit": "1.5", "value": 1.0, "is_higher": True}
    assert len(values["excerpt"]["values"]) == len(values["excerpt"]["text"]) == 50


def test_bad_input_is_refused() -> None:
    inspect = _planted("rnn").inspect
    with pytest.raises(TextError, match="too short: a ranking of units needs 20 known symbols"):
        inspect.units("the dog")
    with pytest.raises(TextError, match="the expression 'q' matches nowhere"):
        inspect.units(_TEXT, label="q")
    with pytest.raises(ConfigError, match="only an LSTM has a memory c"):
        inspect.units(_TEXT, unit="1.c.1")
    with pytest.raises(ConfigError, match="count must be at least 1; got 0"):
        inspect.units(_TEXT, count=0)


def test_the_command_prints_the_ranking_and_the_text(finished: Path, nextchar: Run) -> None:
    outcome = nextchar("inspect", "units", finished, "--for", "word-position", "--excerpt", 80)
    out = outcome.succeeded()
    assert "|rho|" in out
    assert "control" in out
    assert "above 0" in out
    assert "symbols read" in outcome.err


def test_the_command_prints_json_and_draws(finished: Path, nextchar: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "units.png"
    outcome = nextchar("inspect", "units", finished, "--json", "--picture", picture)
    values = outcome.values()
    assert {each["predicate"] for each in values["predicates"]} >= {"capitals", "line-position"}
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--for", "zzz"), "the expression 'zzz' matches nowhere in the text"),
        (("--for", "("), "no label"),
        (("--for", "jamo-position"), "jamo-position needs a jamo vocabulary"),
        (("--unit", "9.9"), "the network has one layer; got layer 9"),
    ],
)
def test_the_command_refuses_bad_input_in_one_line(
    finished: Path, nextchar: Run, options: tuple[str, ...], message: str
) -> None:
    assert message in nextchar("inspect", "units", finished, *options, "--quiet").problem()
