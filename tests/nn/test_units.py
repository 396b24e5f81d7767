"""The names of units."""

from __future__ import annotations

import pytest

from nextchar.config import NetworkConfig
from nextchar.errors import ConfigError
from nextchar.nn.stack import build_stack
from nextchar.nn.units import Unit, unit_of

_LSTM = build_stack(NetworkConfig(cell="lstm", hidden_size=4, layers=2), 3).cells
_GRU = build_stack(NetworkConfig(cell="gru", hidden_size=4), 3).cells


@pytest.mark.parametrize("unit", [Unit(0, 0), Unit(1, 3), Unit(0, 2, "c")])
def test_a_name_is_read_as_the_unit_that_has_it(unit: Unit) -> None:
    assert unit_of(str(unit), _LSTM) == unit


def test_layers_and_units_count_from_1() -> None:
    assert str(Unit(0, 0)) == "1.1"
    assert unit_of("2.c.4", _LSTM) == Unit(1, 3, "c")
    assert unit_of("2.h.4", _LSTM) == Unit(1, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "a unit is layer.unit"),
        ("7", "a unit is layer.unit"),
        ("1.g.2", "a unit is layer.unit"),
        ("3.1", "the network has 2 layers; got layer 3"),
        ("0.1", "the network has 2 layers; got layer 0"),
        ("1.5", "layer 1 has units 1 to 4; got 5"),
        ("1.0", "layer 1 has units 1 to 4; got 0"),
    ],
)
def test_a_name_without_a_unit_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        unit_of(name, _LSTM)


def test_a_gru_has_no_memory() -> None:
    with pytest.raises(ConfigError, match="only an LSTM has a memory c"):
        unit_of("1.c.2", _GRU)
