"""Tables on stdout: fitted to terminals, plain elsewhere."""

from __future__ import annotations

import io
import sys

import pytest
from rich.cells import cell_len

from nextchar.cli.tables import print_rows, print_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROWS = [("north", "1,234", "0.5000"), ("한국", "9", "[bold]" + "x" * 90)]


def test_a_pipe_gets_plain_lines_of_any_width(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("label", "items", "share"), ROWS, left=(0, 2))
    print_rows([("run", "a" * 300), ("steps", "[3]")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "label  items  share"
    assert lines[1] == "north  1,234  0.5000"
    assert lines[2] == f"한국       9  [bold]{'x' * 90}"
    assert lines[3:] == [f"run    {'a' * 300}", "steps  [3]"]
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)


@pytest.mark.parametrize("columns", [80, 60, 40, 12])
def test_a_terminal_is_never_exceeded(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    print_table(("label", "items", "share"), ROWS, left=(0, 2))
    print_rows([("run", "a" * 300)])
    assert all(cell_len(line) <= columns for line in screen.getvalue().splitlines())
    assert screen.getvalue().count("x") == 90
    assert screen.getvalue().count("a") >= 300
