"""Units held at values while a network writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.config import CellName, Config, InputKind, NetworkConfig
from nextchar.errors import ConfigError
from nextchar.generation.fixing import FixedUnits
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import learn
from tests.conftest import Run, english

_TEXT = english(600)


def _model(cell: CellName, layers: int = 1, inputs: InputKind = "embedding") -> LanguageModel:
    network = NetworkConfig(
        cell=cell, hidden_size=8, layers=layers, input=inputs, residual=layers > 1
    )
    return LanguageModel.create(Config(network=network), learn("char", [_TEXT], 1))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
@pytest.mark.parametrize(("layers", "inputs"), [(1, "onehot"), (2, "embedding")])
def test_its_own_recorded_values_change_no_character(
    cell: CellName, layers: int, inputs: InputKind
) -> None:
    model = _model(cell, layers, inputs)
    text = model.generate("The ", length=200, seed=3)
    recording = model.inspect.record(text)
    last = recording.layers[layers - 1]
    own = {"1.3": recording.layers[0].h[:, 2], f"{layers}.8": last.h[:, 7]}
    if last.c is not None:
        own[f"{layers}.c.5"] = last.c[:, 4]
    assert model.generate("The ", length=200, seed=3, fix=own) == text


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
@pytest.mark.parametrize(("layers", "inputs"), [(1, "onehot"), (2, "embedding")])
def test_its_own_values_change_no_bit_of_the_logits(
    cell: CellName, layers: int, inputs: InputKind
) -> None:
    network = _model(cell, layers, inputs).network
    ids = torch.randint(network.vocabulary_size, (50, 1), generator=torch.Generator())
    begin = network.initial_state(1)
    free, values, state = [], [], begin
    with torch.inference_mode():
        for symbol in ids:
            logits, state = network.step(symbol, state)
            free.append(logits)
            values.append([state[layers - 1][0][0, 2].item(), state[0][-1][0, 6].item()])
        own = dict(zip((f"{layers}.3", "1.c.7" if "lstm" in cell and cell != "min_lstm" else "1.7"),
                       zip(*values, strict=True), strict=True))  # fmt: skip
        held, _ = FixedUnits(network, own).read(ids, begin)
    assert (torch.stack(free) == held).all()


def test_without_held_units_the_logits_are_those_of_the_step() -> None:
    model = _model("lstm", 2)
    state = model.network.initial_state(2)
    ids = torch.tensor([1, 2])
    with torch.inference_mode():
        logits, after = model.network.step(ids, state)
        own, own_after = FixedUnits(model.network, {}).step(ids, state)
    assert (logits == own).all()
    assert all((a == b).all() for a, b in zip(after[1], own_after[1], strict=True))


def test_a_unit_stays_at_its_value() -> None:
    model = _model("lstm", 2)
    units = FixedUnits(model.network, {"1.2": 0.25, "2.c.3": -2})
    state = model.network.initial_state(3)
    with torch.inference_mode():
        for symbol in range(4):
            _, state = units.step(torch.full((3,), symbol), state)
            assert state[0][0][:, 1].tolist() == [0.25] * 3
            assert state[1][1][:, 2].tolist() == [-2] * 3


def test_a_unit_is_free_after_its_last_value() -> None:
    model = _model("gru")
    units = FixedUnits(model.network, {"1.2": [0.25]})
    state = model.network.initial_state(1)
    with torch.inference_mode():
        _, state = units.step(torch.tensor([1]), state)
        assert state[0][0][0, 1] == 0.25
        _, state = units.step(torch.tensor([1]), state)
        assert state[0][0][0, 1] != 0.25


def test_a_held_unit_decides_the_text() -> None:
    """Only one unit reaches the output, and it favours one symbol or another."""
    model = _model("gru")
    plus, minus = (int(model.vocabulary.encode(name)[0]) for name in "ab")
    with torch.no_grad():
        model.network.head.weight.zero_()
        model.network.head.weight[plus, 4] = 1
        model.network.head.weight[minus, 4] = -1
    assert model.generate(length=5, temperature=0, fix={"1.5": 1.0}) == "aaaaa"
    assert model.generate_batch(samples=2, length=5, temperature=0, fix={"1.5": -1.0}) == [
        "bbbbb",
        "bbbbb",
    ]
    assert (
        "".join(model.stream("a", length=2, temperature=0, fix={"1.5": np.full(9, -1.0)})) == "abb"
    )


@pytest.mark.parametrize(
    ("fix", "message"),
    [
        ({"1.9": 0.0}, "layer 1 has units 1 to 8; got 9"),
        ({"2.1": 0.0}, "unit 2.1: the network has one layer; got layer 2"),
        ({"1.c.1": 0.0}, "only an LSTM has a memory c"),
        ({"1.1": float("nan")}, "unit 1.1 must have a finite number, .*; got nan"),
        ({"1.1": ["x"]}, "unit 1.1 must have a finite number, .*; got .'x'"),
    ],
)
def test_bad_units_and_values_are_refused(fix: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _model("gru").generate(fix=fix)


def test_only_the_plain_engine_holds_units() -> None:
    with pytest.raises(ConfigError, match="fixed units need the plain engine"):
        _model("gru").generate(fix={"1.1": 0.0}, engine="compiled")
    with pytest.raises(ConfigError, match="fixed units need the plain engine"):
        _model("gru").generate(fix={"1.1": 0.0}, weights="int8")


def test_the_command_holds_units(finished: Path, nextchar: Run) -> None:
    options = ("generate", finished, "--seed", 1, "--length", 60)
    free = nextchar(*options).succeeded()
    held = nextchar(*options, "--fix", "1.3=1", "--fix", "1.4=-1").succeeded()
    assert len(held) == len(free) == 61
    assert held != free


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fix", "1.3"), "--fix must be layer.unit=VALUE, such as 1.57=0.9; got '1.3'"),
        (("--fix", "1.3=big"), "--fix must be layer.unit=VALUE"),
        (
            ("--fix", "1.3=inf"),
            "unit 1.3 must have a finite number, or one for each symbol; got inf",
        ),
        (("--fix", "x=1"), "a unit is layer.unit or layer.c.unit"),
        (("--fix", "1.999=1"), "layer 1 has units 1 to 16; got 999"),
        (("--fix", "1.3=1", "--beam", "4"), "--fix is for sampling"),
    ],
)
def test_the_command_refuses_bad_values_in_one_line(
    finished: Path, nextchar: Run, options: tuple[str, ...], message: str
) -> None:
    assert message in nextchar("generate", finished, *options).problem()
