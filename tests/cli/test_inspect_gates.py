"""``nextchar inspect gates``: fractions, the drawing of a unit, and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import TINY, Run


def test_fractions_and_findings_are_told(nextchar: Run, finished: Path) -> None:
    outcome = nextchar("inspect", "gates", finished)
    lines = outcome.succeeded().splitlines()
    assert outcome.err.startswith(f"note: validation part of {finished}: all 600 symbols read")
    assert lines[1].split()[:3] == ["layer", "gate", "mean"]
    assert [line.split()[:2] for line in lines[2:5]] == [["1", "i"], ["1", "f"], ["1", "o"]]
    assert lines[-1].endswith(".")


def test_a_unit_is_drawn_under_the_text_it_reads(
    nextchar: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "23")
    text = tmp_path / "dog.txt"
    text.write_text("The dog sees\nthe tree. " * 20)
    lines = nextchar("inspect", "gates", finished, text, "--unit", "1.3").succeeded().splitlines()
    assert lines[0] == "unit 1.3: o open (0.5 or more), - closed"
    assert [line[0] for line in lines[2:6]] == [" ", "i", "f", "o"]
    assert lines[2] == "   The␣dog␣sees↵the␣tre"
    assert all(set(line[3:]) <= {"o", "-"} and len(line) == 23 for line in lines[3:6])
    assert sum(line.startswith("   ") for line in lines[:15]) == 3
    assert lines[7].startswith("   e.␣The")


def test_a_picture_shows_the_chosen_gate(nextchar: Run, finished: Path, tmp_path: Path) -> None:
    picture = tmp_path / "gates.svg"
    words = ("inspect", "gates", finished, "--gate", "f", "--excerpt", 12, "--picture", picture)
    nextchar(*words).succeeded()
    drawn = picture.read_text()
    for part in ("layer 1, i", "layer 1, f", "layer 1, o", "right-saturated (&gt; 0.9)"):
        assert f">{part}</text>" in drawn


def test_json_names_units_and_has_the_shares_of_each(nextchar: Run, finished: Path) -> None:
    values = nextchar("inspect", "gates", finished, "--unit", "1.16", "--json").values()
    assert (values["cell"], values["symbols_read"]) == ("lstm", 600)
    gate = values["layers"][0]["gates"]["f"]
    assert len(gate["left_saturated_share"]) == len(gate["mean"]) == 16
    assert len(values["unit"]["o"]) == len(values["unit"]["symbols"]) == 60
    assert values["unit"]["unit"] == "1.16"
    assert json.dumps(values)


def test_letters_and_bytes_are_drawn_one_by_one(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    text = tmp_path / "short.txt"
    text.write_text("나는 é")
    for vocabulary, shown in (("jamo", "   ㄴㅏㄴㅡㄴ␣"), ("byte", "   eb8298eb8a94␣c3a9")):
        out = tmp_path / vocabulary
        options = ("--vocabulary", vocabulary, "--cell", "gru", "--layers", 2, "--input", "onehot")
        nextchar(
            "train", texts / "korean.txt", "--out", out, *TINY, *options, "--steps", 2
        ).succeeded()
        words = ("inspect", "gates", out, text, "--unit", "2.1")
        lines = nextchar(*words).succeeded().splitlines()
        assert lines[2] == shown
        assert [line[0] for line in lines[3:5]] == ["r", "z"]


def test_an_rnn_has_no_gates(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "rnn"
    nextchar(
        "train", texts / "english.txt", "--out", out, *TINY, "--cell", "rnn", "--steps", 2
    ).succeeded()
    line = nextchar("inspect", "gates", out, "--quiet").problem()
    assert line == "nextchar: a network of rnn cells has no gates to inspect\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--unit", "57"), "a unit is layer.unit or layer.c.unit"),
        (("--unit", "1.17"), "layer 1 has units 1 to 16; got 17"),
        (("--layer", "2"), "--layer must be from 1 to 1; got 2"),
        (("--gate", "z"), "--gate must be one of i, f, o for a network of lstm cells; got 'z'"),
        (("--excerpt", "0"), "--excerpt must be from 1 to 1,000; got 0"),
        (("short.txt",), "short.txt is too short: a measure of gates needs 2 known symbols"),
        (("--picture", "gates.gif"), "--picture is a file that ends in .png, .svg, .pdf"),
    ],
)
def test_bad_input_is_one_line(
    words: tuple[str, ...], message: str, nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "short.txt").write_text("t€")
    outcome = nextchar("inspect", "gates", finished, *words, "--quiet", cwd=tmp_path)
    assert message in outcome.problem()


def test_without_matplotlib_the_picture_is_refused_in_one_line(
    nextchar: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    for command in ("gates", "gradients"):
        words = ("inspect", command, finished, "--picture", tmp_path / "a.png", "--quiet")
        assert "pictures need the package matplotlib" in nextchar(*words).problem(1)
