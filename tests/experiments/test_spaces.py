"""Search spaces: what is written is what is searched, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config
from nextchar.errors import ConfigError
from nextchar.experiments.spaces import (
    Choice,
    Range,
    default_space,
    grid_of,
    parse_space,
    read_space,
)


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("learning_rate", "1e-4..3e-2:log", Range(low=1e-4, high=3e-2, log=True)),
        ("dropout", "0..0.5", Range(low=0.0, high=0.5)),
        ("dropout", " 0 .. 0.5 : step=0.1 ", Range(low=0.0, high=0.5, step=0.1)),
        ("layers", "1..3", Range(low=1, high=3)),
        ("forget_bias", "-1..2", Range(low=-1.0, high=2.0)),
        ("hidden_size", "64,128", Choice((64, 128))),
        ("hidden_size", [64, 128], Choice((64, 128))),
        ("hidden_size", 64, Choice((64,))),
        ("dropout", [0, 0.5], Choice((0.0, 0.5))),
        ("cell", "lstm, gru", Choice(("lstm", "gru"))),
        ("tied", "true,false", Choice((True, False))),
        ("layers", Range(low=1, high=3), Range(low=1, high=3)),
    ],
)
def test_a_dimension_is_what_was_written(name: str, written: object, meant: Range | Choice) -> None:
    assert parse_space({name: written}) == {name: meant}


def test_a_file_without_an_option_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text("# nothing\n")
    with pytest.raises(ConfigError, match=r"space\.toml has no options to search"):
        read_space(path)


def test_a_range_does_not_hold_what_is_no_number() -> None:
    assert not Range(low=0.0, high=0.5).contains(None)


@pytest.mark.parametrize(
    ("name", "written", "reason"),
    [
        ("droput", "0..0.5", "did you mean 'dropout'"),
        ("folds", "2,3", "losses would not be comparable"),
        ("dropout", "0..1", "dropout must be at least 0 and below 1; got 1.0"),
        ("dropout", "-0.1..0.5", "got -0.1"),
        ("dropout", [0.1, 2.0], "got 2.0"),
        ("dropout", "nan..0.5", "got nan"),
        ("dropout", "0.5..0.1", "from a lower to a higher number; got 0.5..0.1"),
        ("dropout", "0.5..0.5", "from a lower to a higher number"),
        ("dropout", "..0.5", "dropout must be numbers; got ''"),
        ("dropout", "0..0.5:lin", "LOW..HIGH:log or LOW..HIGH:step=NUMBER; got 0..0.5:lin"),
        ("dropout", "0.1..0.5:log:step=0.1", "LOW..HIGH:log or"),
        ("dropout", "0..0.5:log", "must be above 0"),
        ("dropout", "0..0.5:step=0.2", "must be a multiple of"),
        ("dropout", "0..0.5:step=0", "step of a range must be above 0"),
        ("dropout", "0..0.5:step=nan", "step of a range must be above 0"),
        ("hidden_size", "16..32.5", "integers; got '32.5'"),
        ("layers", "0..3", "layers must be at least 1"),
        ("cell", "lstm,lstn", "cell must be one of"),
        ("cell", "lstm..gru", "cell is not numeric"),
        ("tied", "false..true", "tied is not numeric"),
        ("dropout", "0.1,0.1", "needs one or more distinct values"),
        ("dropout", [], "needs one or more distinct values"),
        ("seed", "1,2", "seed cannot be searched"),
        ("minutes", "1..2", "minutes cannot be searched"),
        ("validation_fraction", "0.1,0.2", "losses would not be comparable"),
    ],
)
def test_what_cannot_be_searched_is_one_line(name: str, written: object, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_space({name: written})
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(1, 400), st.integers(1, 40), st.integers(1, 30))
def test_a_stepped_range_is_written_as_it_is_read_and_holds_its_points(
    low: int, step: int, count: int
) -> None:
    for name, scale in (("hidden_size", 1), ("learning_rate", 1000)):
        whole = scale == 1
        first, distance = (low, step) if whole else (low / scale, step / scale)
        end = low + step * count
        text = f"{first}..{end if whole else end / scale}:step={distance}"
        [dimension] = parse_space({name: text}).values()
        assert isinstance(dimension, Range)
        assert parse_space({name: str(dimension)}) == {name: dimension}
        points = dimension.points()
        assert len(points) == count + 1
        assert points[0] == dimension.low
        assert points[-1] == dimension.high
        assert all(dimension.contains(Config.check_option(name, point)) for point in points)
        assert not dimension.contains(dimension.high + distance)


def test_a_grid_has_every_combination_once() -> None:
    space = parse_space({"dropout": "0..0.2:step=0.1", "layers": "1..2", "cell": "rnn,gru"})
    grid = grid_of(space)
    assert grid[0] == {"dropout": 0.0, "layers": 1, "cell": "rnn"}
    assert grid[1] == {"dropout": 0.0, "layers": 1, "cell": "gru"}
    assert grid[-1] == {"dropout": 0.2, "layers": 2, "cell": "gru"}
    assert len({tuple(each.items()) for each in grid}) == len(grid) == 12


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ({"dropout": "0..0.5"}, "dropout: a grid needs values, or a range with a step"),
        ({"layers": "1..8:log"}, "a grid needs values"),
        ({"hidden_size": "1..200", "batch_size": "1..200"}, "40,000 combinations"),
    ],
)
def test_no_grid_is_without_end(search: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        grid_of(parse_space(search))


def test_a_space_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text('learning_rate = "1e-4..1e-2:log"\nhidden_size = [64, 128]\n')
    assert read_space(path) == parse_space(
        {"learning_rate": "1e-4..1e-2:log", "hidden_size": [64, 128]}
    )
    for content, reason in (
        ('droput = "0..0.5"', "space.toml: unknown option 'droput': did you mean 'dropout'"),
        ('dropout = "0..2"', "space.toml: dropout must be"),
        ("dropout = ", "space.toml is not TOML"),
    ):
        path.write_text(content)
        with pytest.raises(ConfigError, match=reason):
            read_space(path)


@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd"}, {"dropout": 0.1}])
def test_the_usual_space_leaves_alone_what_is_set(by_time: bool, options: dict[str, Any]) -> None:
    space = default_space(options, by_time=by_time)
    assert "learning_rate" in space
    assert not set(space) & set(options)
    assert ("hidden_size" in space) == by_time
    rate = {"sgd": 0.5}.get(options.get("optimizer", ""), 6e-3)
    assert space["learning_rate"].contains(rate)


def test_a_search_in_which_all_is_set_is_refused() -> None:
    options = {"learning_rate": 0.1, "dropout": 0.1, "warmup": 0.1, "weight_decay": 0.1}
    with pytest.raises(ConfigError, match="nothing to search"):
        default_space(options, by_time=False)
