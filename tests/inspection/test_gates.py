"""Gates over a text: fractions, drawings, and planted units of no use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import Config
from nextchar.errors import ConfigError, TextError
from nextchar.inspection import gates
from nextchar.inspection.gates import GateReport, measure_gates
from nextchar.inspection.recording import record
from nextchar.inspection.sample import Sample
from nextchar.inspection.symbols import symbol_marks
from nextchar.language_model.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.text.vocabulary import ByteVocabulary, learn
from tests.inspection.test_recording import network_of

HIDDEN = 12
IDS = np.random.default_rng(7).integers(0, 7, 300)


def sample_of(ids: Any = IDS) -> Sample:
    return Sample(name="text", ids=np.asarray(ids, np.int64), is_whole=True)


def measured(network: Network, **options: Any) -> GateReport:
    symbols = [f"{number}" for number in IDS[:40].tolist()]
    return measure_gates(network, sample_of(), symbols, **options)


def lively(cell: str, **options: Any) -> Network:
    """A network whose gates move."""
    network = network_of(cell=cell, hidden_size=HIDDEN, **options)
    with torch.no_grad():
        for name, each in network.named_parameters():
            if "weight_ih" in name:
                each.mul_(3)
    return network


def plant(network: Network, layer: int, gate: str, units: list[int], value: float) -> None:
    """Hold a gate of some units at a value by its bias."""
    cell = network.stack.cells[layer]
    place = cell.gate_names.index(gate) * HIDDEN
    with torch.no_grad():
        for unit in units:
            cell.bias[place + unit] = value
            cell.weight_ih[place + unit] = 0
            dict(cell.named_parameters()).get("weight_hh", cell.weight_ih)[place + unit] = 0


@pytest.mark.parametrize(
    ("cell", "letters"),
    [
        ("lstm", "ifo"),
        ("peephole_lstm", "ifo"),
        ("gru", "rz"),
        ("min_gru", "z"),
        ("min_lstm", "fi"),
    ],
)
def test_the_fractions_are_those_of_the_recorded_gates(
    cell: str, letters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_AT_ONCE", 31)
    network = lively(cell)
    report = measured(network)
    assert report.letters == tuple(letters)
    for layer, recorded in zip(report.layers, record(network, IDS).layers, strict=True):
        assert "".join(layer.gates) == letters
        for letter, gate in layer.gates.items():
            values = recorded.gates[letter]
            np.testing.assert_allclose(gate.left, (values < 0.1).mean(axis=0), atol=0.01)
            np.testing.assert_allclose(gate.right, (values > 0.9).mean(axis=0), atol=0.01)
            np.testing.assert_allclose(gate.mean, values.mean(axis=0), atol=1e-5)
            np.testing.assert_allclose(layer.strips[letter], values[:40], atol=1e-5)


def test_nothing_is_found_in_a_lively_network() -> None:
    for cell in ("lstm", "gru", "min_gru", "min_lstm"):
        report = measured(lively(cell))
        for layer in report.layers:
            assert (layer.dead.tolist(), layer.idle.tolist()) == ([], [])
        assert report.lines()[-1].startswith("No unit is dead, saturated or idle")


@pytest.mark.parametrize(
    ("cell", "gate", "value"), [("lstm", "output", -60.0), ("gru", "update", 60.0)]
)
def test_planted_dead_units_are_all_found_and_no_others(cell: str, gate: str, value: float) -> None:
    network = lively(cell)
    plant(network, 0, gate, [2, 5, 11], value)
    plant(network, 1, gate, [0], value)
    report = measured(network)
    assert report.layers[0].dead.tolist() == [2, 5, 11]
    assert report.layers[1].dead.tolist() == [0]
    for layer in report.layers:
        assert layer.idle.tolist() == []
        for letter in layer.gates:
            assert not layer.saturated(letter, is_open=True).size
            assert not layer.saturated(letter, is_open=False).size
    told = "\n".join(report.lines())
    assert "dead, the output never changes: 1.3, 1.6, 1.12" in told
    assert "dead, the output never changes: 2.1\n" in told
    assert report.lines()[-1].startswith("Dead units do no work")
    assert report.to_dict()["layers"][0]["dead"] == ["1.3", "1.6", "1.12"]


def test_planted_saturated_gates_are_all_found_and_no_others() -> None:
    network = lively("lstm")
    plant(network, 0, "forget", [1, 4], 5.0)
    plant(network, 0, "input", [7], -5.0)
    report = measured(network)
    layer = report.layers[0]
    assert layer.saturated("f", is_open=True).tolist() == [1, 4]
    assert layer.saturated("i", is_open=False).tolist() == [7]
    stuck = [
        (letter, is_open)
        for each in report.layers
        for letter in each.gates
        for is_open in (False, True)
        if each.saturated(letter, is_open=is_open).size
    ]
    assert stuck == [("i", False), ("f", True)]
    told = "\n".join(report.lines())
    assert "saturated, f stays open: 1.2, 1.5" in told
    assert "saturated, i stays closed: 1.8" in told
    assert report.lines()[-1].startswith("A few gates that never move are no fault")
    figures = report.to_dict()["layers"][0]["gates"]
    assert figures["f"]["stays_open"] == ["1.2", "1.5"]
    assert figures["i"]["stays_closed"] == ["1.8"]


def test_planted_idle_units_are_all_found_and_no_others() -> None:
    network = lively("lstm")
    plant(network, 1, "output", [3, 8], -6.0)
    report = measured(network)
    assert report.layers[1].idle.tolist() == [3, 8]
    assert report.layers[0].idle.tolist() == report.layers[1].dead.tolist() == []
    assert "idle, the output barely changes: 2.4, 2.9" in "\n".join(report.lines())
    assert report.lines()[-1].startswith("Idle units say almost nothing")


def test_many_gates_that_never_move_are_a_fault() -> None:
    network = lively("gru", layers=1)
    plant(network, 0, "reset", list(range(9)), 5.0)
    assert measured(network).lines()[-1].startswith("38% of the gates never move")


def test_a_long_list_of_units_is_cut() -> None:
    network = lively("lstm", layers=1)
    plant(network, 0, "output", list(range(12)), -60.0)
    assert "1.9, 1.10 and 2 more" in "\n".join(measured(network).lines())


def test_a_unit_is_drawn_under_the_text_with_its_gates_open_or_closed() -> None:
    network = lively("lstm")
    plant(network, 1, "forget", [6], 9.0)
    plant(network, 1, "output", [6], -0.5)
    report = measured(network, unit="2.7")
    expected = record(network, IDS).layers[1].gates["i"][:40, 6] >= 0.5
    lines = report.lines(width=33)
    assert lines[0] == "unit 2.7: o open (0.5 or more), - closed"
    first, second = lines[2:6], lines[7:11]
    assert first[0] == "   " + "".join(map(str, IDS[:30]))
    assert second[0] == "   " + "".join(map(str, IDS[30:40]))
    marks = first[1][3:] + second[1][3:]
    assert [mark == "o" for mark in marks] == expected.tolist()
    assert (first[2], first[3]) == ("f  " + "o" * 30, "o  " + "-" * 30)
    values = report.to_dict()["unit"]
    assert (values["unit"], len(values["symbols"]), len(values["f"])) == ("2.7", 40, 40)
    assert min(values["f"]) > 0.99


def test_wide_characters_have_marks_in_their_columns() -> None:
    report = measure_gates(lively("gru"), sample_of(), ["가", "a", "나"], unit="1.1", gate="z")
    lines = report.lines()
    assert lines[2] == "   가a나"
    assert len(lines[3]) == 7  # two cells, one, and a mark at the start of two
    assert lines[3][4] == " "
    assert not lines[4].startswith("r")


def test_marks_of_symbols_are_visible_and_apart() -> None:
    jamo = learn("jamo", ["값 a\n"], 1)
    assert symbol_marks(jamo, jamo.encode("값 a\n").astype(np.int64)) == [
        "ㄱ",
        "ㅏ",
        "ㅄ",
        "␣",
        "a",
        "↵",
    ]
    octets = ByteVocabulary()
    assert symbol_marks(octets, octets.encode("é a\t").astype(np.int64)) == [
        "c3",
        "a9",
        "␣",
        "a",
        "→",
    ]
    marks = learn("char", ["e\u0301"], 1)
    assert symbol_marks(marks, marks.encode("e\u0301").astype(np.int64)) == ["e", "◌\u0301"]


def test_the_picture_has_a_strip_for_each_gate_and_fractions_for_each_layer() -> None:
    report = measured(lively("lstm"), unit="1.4")
    above, below = report.plot().subfigs
    strips = [axes for axes in above.axes if axes.images]
    assert [axes.get_ylabel() for axes in strips] == ["i", "f", "o"]
    shown = strips[0].images[0].get_array()
    assert shown.shape == (HIDDEN, 40)
    order = np.argsort(-report.layers[0].gates["i"].mean, kind="stable")
    assert np.array_equal(shown, report.layers[0].strips["i"][:, order].T)
    assert strips[0].get_yticklabels()[0].get_text() == "1.4"
    assert [text.get_text() for text in strips[2].get_xticklabels()] == list(report.symbols)
    assert [axes.get_title() for axes in below.axes] == [
        "layer 1, i", "layer 1, f", "layer 1, o", "layer 2, i", "layer 2, f", "layer 2, o",
    ]  # fmt: skip
    points = below.axes[4].collections[0].get_offsets()
    fractions = report.layers[1].gates["f"]
    assert np.array_equal(points, np.stack([fractions.left, fractions.right], axis=1))
    one = measured(lively("gru"), gate="z", layer=1)
    assert (one.letters, one.layer) == (("z",), 0)
    assert len([axes for axes in one.plot().subfigs[0].axes if axes.images]) == 1
    assert measured(lively("gru")).layer == 1


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        ("rnn", {}, "a network of rnn cells has no gates to inspect"),
        ("gru", {"gate": "f"}, "gate must be one of r, z for a network of gru cells; got 'f'"),
        ("gru", {"layer": 3}, "layer must be from 1 to 2; got 3"),
        ("gru", {"layer": 1, "unit": "2.4"}, "unit 2.4 is not in layer 1"),
        ("gru", {"unit": "1.13"}, "layer 1 has units 1 to 12; got 13"),
    ],
)
def test_impossible_requests_are_refused(cell: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        measured(lively(cell), **options)


def test_the_text_and_the_excerpt_have_limits() -> None:
    config = Config.from_options({"cell": "gru", "hidden_size": 4, "embedding_size": 3})
    model = LanguageModel.create(config, learn("char", ["ab"], 1))
    assert model.inspect.gates("abab", excerpt=3).symbols == ("a", "b", "a")
    assert model.inspect.gates("abab").symbols == ("a", "b", "a", "b")
    with pytest.raises(TextError, match="a measure of gates needs 2 known symbols; got 1"):
        model.inspect.gates("a")
    with pytest.raises(ConfigError, match="excerpt must be from 1 to 1,000; got 0"):
        model.inspect.gates("abab", excerpt=0)
