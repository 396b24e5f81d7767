"""Options in TOML files: what is written is what is read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config.toml import overridden, read_options, write_options
from nextchar.errors import ConfigError


@given(
    rate=st.floats(1e-300, 1e30, allow_subnormal=False),
    size=st.integers(1, 1 << 30),
    tied=st.booleans(),
    encoding=st.text(st.characters(codec="utf-8")),
)
def test_written_options_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rate: float, size: int, tied: bool, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("options") / "best.toml"
    options = {"learning_rate": rate, "hidden_size": size, "tied": tied, "encoding": encoding}
    write_options(path, {**options, "minutes": None}, heading="two\nlines")
    assert read_options(path) == options
    assert path.read_text().startswith("# two\n# lines\nlearning_rate = ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hiden_size = 3", "unknown option 'hiden_size': did you mean 'hidden_size'"),
        (b"hidden_size = 0", "o.toml: hidden_size must be at least 1"),
        (b"hidden_size = '3'", "o.toml: hidden_size must be an integer; got '3'"),
        (b"[network]\nhidden_size = 3", "options must not be in sections; got .network."),
        (b"hidden_size", "o.toml is not TOML"),
        (b"\xff", "o.toml is not TOML"),
        (b"a." * 60_000 + b"a = 1", "120,005 bytes, and at most 65,536 are allowed"),
        (b"x = 1\n" + b"a." * 3000 + b"a = 1", "line 2 has 6,005 bytes, and at most 5,000 are"),
        (b"[" * 3000, "o.toml is not TOML"),
        (b"a = " + b"[" * 4000, "o.toml is not TOML"),
        (b"a = " + b"9" * 4900, "o.toml is not TOML"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "o.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        read_options(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read_options(tmp_path / "gone.toml")


def test_one_budget_takes_the_place_of_the_other() -> None:
    assert overridden({"steps": 5, "layers": 2}, by={"minutes": 1.0}) == {"layers": 2, "minutes": 1}
    assert overridden({"minutes": 1.0}, by={"steps": 5}) == {"steps": 5}
    assert overridden({"epochs": 3.0}, by={"steps": 5}) == {"steps": 5}
    assert overridden({"steps": 5}, by={"layers": 1}) == {"steps": 5, "layers": 1}


def test_the_slowest_file_that_is_allowed_takes_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "o.toml"
    line = ".".join("a" * 2400)
    path.write_text("".join(f"{line}.b{number} = 1\n" for number in range(13)))
    began = time.process_time()
    with pytest.raises(ConfigError, match="must not be in sections"):
        read_options(path)
    assert time.process_time() - began < 5


def test_a_message_quotes_only_the_beginning_of_a_value(tmp_path: Path) -> None:
    path = tmp_path / "o.toml"
    for content in (
        f"hidden_size = '{'x' * 4900}'",
        f"cell = '{'x' * 4900}'",
        "\n".join(f"{'n' * 900}{number} = 1" for number in range(60)),
        f"[{'s' * 4900}]\na = 1",
    ):
        path.write_text(content)
        with pytest.raises(ConfigError) as caught:
            read_options(path)
        assert len(str(caught.value)) < 3000
        assert "\n" not in str(caught.value)


def test_a_byte_order_mark_of_utf8_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "o.toml"
    path.write_text("hidden_size = 3", encoding="utf-8-sig")
    assert read_options(path) == {"hidden_size": 3}


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "o.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    with pytest.raises(ConfigError, match=r"cannot read .*o\.toml: "):
        read_options(path)
