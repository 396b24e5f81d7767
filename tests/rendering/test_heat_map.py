"""A scored text in a terminal."""

from __future__ import annotations

import io
import math
import re

import pytest

from nextchar.rendering.characters import width
from nextchar.rendering.heat_map import heat_map, legend, palette_of
from tests.rendering.scores import score_of


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


COLOURS = palette_of(_Terminal(), {"TERM": "xterm-256color"})


def _plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_bars_under_the_text_grow_with_the_bits_and_spare_the_cheap() -> None:
    score = score_of("abcdefghij", [0, 0.9, 1, 2, 3, 4, 6, 8, 10, 12])
    assert list(heat_map(score, width=80, palette=None)) == ["abcdefghij", "  ▁▂▃▄▅▆▇█"]


def test_a_line_without_surprises_has_no_line_of_bars() -> None:
    assert list(heat_map(score_of("ab\ncd", [0] * 5), width=80, palette=None)) == ["ab", "cd"]


def test_bars_under_wide_characters_are_two_cells_wide() -> None:
    lines = list(heat_map(score_of("한a글", [3, 0, 12]), width=80, palette=None))
    assert lines == ["한a글", "▃▃ ██"]


def test_marks_that_combine_share_a_cell_and_add_their_bits() -> None:
    lines = list(heat_map(score_of("ae\u0301b", [0, 2, 2, 0]), width=80, palette=None))
    assert lines == ["ae\u0301b", " ▄"]


def test_what_was_left_out_is_crossed() -> None:
    assert list(heat_map(score_of("aΩb", [0, math.nan, 1]), width=80, palette=None))[1] == " ×▁"


@pytest.mark.parametrize("palette", [None, COLOURS])
def test_long_lines_wrap_and_keep_every_character(palette: object) -> None:
    text = "한글 text " * 7
    assert palette is None or palette is COLOURS
    rows = [
        _plain(row)
        for row in heat_map(
            score_of(text, [0.0] * len(text)), width=9, palette=COLOURS if palette else None
        )
    ]
    assert "".join(rows) == text
    assert max(map(width, rows)) <= 9


def test_no_escape_sequence_of_the_text_reaches_the_terminal() -> None:
    text = "a\x1b[31mb\x9b2J\x07\r\u202e\udc80\x00\n"
    for palette in (None, COLOURS):
        shown = "\n".join(heat_map(score_of(text), width=80, palette=palette))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", _plain(shown))
    assert COLOURS is not None
    painted = "\n".join(heat_map(score_of(text, [5.0] * len(text)), width=80, palette=COLOURS))
    sequences = set(re.findall("\x1b[^m]*m", painted))
    assert sequences <= {*COLOURS.by_level, COLOURS.unmeasured, "\x1b[0m"}


def test_a_line_break_shows_where_it_is_a_surprise() -> None:
    assert list(heat_map(score_of("a\nb\n", [0, 9, 0, 1]), width=80, palette=None)) == [
        "a↵",
        " ▆",
        "b",
    ]


def test_a_tab_takes_cells_that_can_be_counted() -> None:
    assert list(heat_map(score_of("a\tb", [0, 3, 0]), width=80, palette=None)) == [
        "a→   b",
        " ▃▃▃▃",
    ]


def test_cheap_text_keeps_the_colours_of_the_terminal() -> None:
    (line,) = heat_map(score_of("abc", [0, 1, 20]), width=80, palette=COLOURS)
    assert COLOURS is not None
    assert line == f"ab{COLOURS.by_level[-1]}c\x1b[0m"


@pytest.mark.parametrize(
    ("stream", "environment"),
    [
        (_Terminal(), {"NO_COLOR": "1"}),
        (_Terminal(), {"TERM": "dumb"}),
        (io.StringIO(), {"TERM": "xterm"}),
    ],
)
def test_there_is_no_colour_where_it_is_not_wanted(
    stream: io.StringIO, environment: dict[str, str]
) -> None:
    assert palette_of(stream, environment) is None
    assert "\x1b" not in legend(None)


def test_the_most_surprising_differs_most_from_the_background() -> None:
    light = palette_of(_Terminal(), {"COLORFGBG": "0;15"})
    assert COLOURS is not None
    assert light is not None
    assert light.by_level[-1] == COLOURS.by_level[2]


def test_the_legend_names_the_bits_of_every_shade() -> None:
    for palette in (None, COLOURS):
        line = _plain(legend(palette))
        assert "bits" in line
        assert all(name in line for name in ("2-3", "6-8", "12+"))


def test_what_is_seen_as_one_character_is_shaded_and_marked_as_one() -> None:
    text = "a👩\u200d🚀e\u0301🇰🇷\u1112\u1161\u11ab"
    score = score_of(text, [0, 9, 9, 9, 1, 1, 2, 4, 1, 1, 1])
    assert list(heat_map(score, width=80, palette=None)) == [text, " ██▂▅▅▃▃"]
    (painted,) = heat_map(score, width=80, palette=COLOURS)
    assert all(seen in painted for seen in ("👩\u200d🚀", "e\u0301", "🇰🇷", "\u1112\u1161\u11ab"))
