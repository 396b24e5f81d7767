"""How far a command has come: on terminals of any width, and where there is none."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from nextchar.cli import output
from nextchar.cli.notes import note_event
from nextchar.cli.output import PartDisplay, ProgressLine, flowing_text, part_display, write_note
from nextchar.errors import as_option
from nextchar.training.events import Noticed
from tests.conftest import TINY, Run, english

SHOWN = re.compile(r"\r\x1b\[K([^\r\n]+)(?=\r)")
STYLE = re.compile(r"\x1b\[[\d;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Give what stood in the moving line, one after the other."""
        return [STYLE.sub("", line) for line in SHOWN.findall(self.getvalue())]


def terminal(patch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal on which every change is shown."""
    made = Terminal()
    patch.setattr(sys, "stderr", made)
    patch.setattr(output, "_REFRESH_SECONDS", 0.0)
    return made


@pytest.mark.parametrize("columns", [80, 60, 40, 12])
def test_a_training_shows_its_eta_first_in_a_line_that_fits(
    nextchar: Run,
    texts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    nextchar("train", texts / "english.txt", "--out", tmp_path / "run", *TINY).succeeded()
    lines = screen.lines()
    steps = [line for line in lines if "step" in line] if columns > 12 else lines
    assert len(steps) > 20
    assert all(line.startswith("ETA ") for line in lines)
    assert all(cell_len(line) < columns for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "RUN", "--dynamic"],
        ["evaluate", "RUN", "TEXT", "--dynamic", "--quiet"],
        ["evaluate", "RUN", "TEXT"],
        ["evaluate", "RUN", "TEXT", "--exact"],
        ["score", "RUN", "TEXT", "--by", "line"],
        ["compress", "RUN", "TEXT", "OUT"],
        ["novelty", "RUN", "TEXT"],
        ["generate", "RUN", "--samples", "2", "--length", "90"],
        ["generate", "RUN", "--beam", "2", "--length", "20"],
        ["bigram", "TEXT", "--network", "30"],
        ["augment", "TEXT", "--augment-swap", "0.1", "--out", "OUT"],
    ],
    ids=" ".join,
)
def test_a_long_command_shows_how_long_it_will_take(
    nextchar: Run,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    screen = terminal(monkeypatch)
    text = tmp_path / "text.txt"
    text.write_text(english(30_000))
    places = {"RUN": finished, "TEXT": text, "OUT": tmp_path / "out"}
    nextchar(*(places.get(each, each) for each in arguments)).succeeded()
    shown = [line for line in screen.lines() if re.match(r"ETA (…|[\d:]+( s)?) · \d+%", line)]
    assert bool(shown) == ("--quiet" not in arguments)
    assert screen.getvalue().count("\n") == 0


def test_without_a_terminal_a_day_of_work_is_two_dozen_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count()
    now = [0.0]
    monkeypatch.setattr(output, "time", SimpleNamespace(monotonic=lambda: now[0]))
    display = PartDisplay("measuring")
    for second in itertools.takewhile(lambda second: second < 86_400, clock):
        now[0] = float(second)
        display(second / 86_400)
    lines = capsys.readouterr().err.splitlines()
    assert 15 < len(lines) < 36
    assert lines[0] == "ETA 23:59:50 · 0% · measuring"
    assert all(line.startswith("ETA ") for line in lines)


def test_short_work_without_a_terminal_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with part_display("measuring") as display:
        for percent in range(101):
            display(percent / 100)
    assert capsys.readouterr().err == ""


def test_wide_characters_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "20")
    line = ProgressLine()
    line.show(["가나다라마바사아자차카타파하", "ETA"], 0.5)
    line.clear()
    assert [cell_len(shown) for shown in screen.lines()] == [19]


def test_a_bar_fills_the_room_that_the_line_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    for columns in (80, 40, 20):
        monkeypatch.setenv("COLUMNS", str(columns))
        line = ProgressLine()
        line.show(["ETA 3 s", "50%", "measuring"], 0.5)
        line.clear()
    wide, narrow, none = screen.lines()
    assert wide.startswith("ETA 3 s · 50% · measuring  ━")
    assert cell_len(wide) > cell_len(narrow) > cell_len(none)
    assert "━" in narrow
    assert none == "ETA 3 s · 50%"


def test_a_second_pass_over_the_work_is_timed_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = terminal(monkeypatch)
    now = [0.0]
    monkeypatch.setattr(output, "time", SimpleNamespace(monotonic=lambda: now[0]))
    display = PartDisplay("measuring")
    for second, part in enumerate((0.0, 0.5, 0.99, 0.0, 0.5)):
        now[0] = 100.0 * second
        display(part)
    display.clear()
    assert screen.lines()[-1].startswith("ETA 1:40 ")


def test_an_interruption_takes_the_line_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with contextlib.suppress(KeyboardInterrupt), part_display("measuring") as display:
        display(0.5)
        raise KeyboardInterrupt
    assert screen.getvalue().endswith("\r\x1b[K")


def test_an_error_does_not_stand_behind_text_that_flows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with contextlib.suppress(RuntimeError), flowing_text() as text:
        text.write("one\ntw")
        raise RuntimeError
    with contextlib.suppress(RuntimeError), flowing_text() as text:
        text.write("one\n")
        raise RuntimeError
    with flowing_text() as text:
        text.write("three")
    assert capsys.readouterr().out == "one\ntw\none\nthree"


def test_a_note_takes_the_place_of_the_moving_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with part_display("measuring") as display:
        display(0.5)
        note_event(Noticed(message=f"{as_option('max_length', 8)} is short"))
    assert screen.lines()[-1].startswith("ETA ")
    assert screen.getvalue().endswith("\r\x1b[K")
    assert "\r\x1b[Knote: --max-length 8 is short\n" in screen.getvalue()


def test_notes_are_written_in_one_place() -> None:
    texts = {file.name: file.read_text() for file in Path(output.__file__).parent.glob("*.py")}
    assert [name for name, text in texts.items() if re.search('["}]note: ', text)] == ["output.py"]


def test_a_note_stands_above_text_that_flows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(sys, "stdout", screen)
    with flowing_text() as text:
        text.write("one\ntw")
        write_note("something happened")
        text.write("o")
    assert screen.getvalue() == "one\ntw\r\x1b[Knote: something happened\ntwo"
