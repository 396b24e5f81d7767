"""Edits as they are shown: marked without colour, and with nothing that commands a terminal."""

from __future__ import annotations

import io

import pytest

from nextchar.rendering.edits import edit_lines
from nextchar.rendering.terminal import takes_colors
from nextchar.text.augmentation import Line, Piece

PIECES = (
    Piece("a ", "a "),
    Piece("th", "ht", "swap"),
    Piece("e\x1b", "e\x1b"),
    Piece("e", "", "drop"),
)


def test_edits_are_marked_in_both_lines() -> None:
    shown = list(edit_lines(Line(12, PIECES, "\n"), columns=80, colors=False))
    assert shown == [
        "    12 - a ⟦th⟧e␛⟦e⟧",
        "       + a ⟦ht⟧e␛⟦⟧   (swap, drop)",
    ]


def test_colours_stand_between_the_marks() -> None:
    before, after = edit_lines(Line(1, PIECES, "\n"), columns=80, colors=True)
    assert "⟦\x1b[31mth\x1b[39m⟧" in before
    assert "⟦\x1b[32mht\x1b[39m⟧" in after


def test_a_line_without_an_edit_is_shown_once() -> None:
    line = Line(3, (Piece("text", "text"),), "\n")
    assert list(edit_lines(line, columns=80, colors=False)) == ["     3   text"]


def test_of_a_long_line_only_what_is_near_an_edit_is_shown() -> None:
    far = "x" * 100
    pieces = (Piece(far, far), Piece("a", "b", "neighbor"), Piece(far, far), Piece("c", "", "drop"),
              Piece(far, far))  # fmt: skip
    before, after = edit_lines(Line(1, pieces, "\n"), columns=80, colors=False)
    near = "x" * 30
    assert before == f"     1 - …{near}⟦a⟧{near}…{near}⟦c⟧{near}…"
    assert after.startswith(f"       + …{near}⟦b⟧{near}…{near}⟦⟧{near}…")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, environment: dict[str, str], expected: bool
) -> None:
    assert takes_colors(stream, environment) == expected
