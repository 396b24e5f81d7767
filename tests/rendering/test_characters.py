"""Characters as they can be shown anywhere."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.rendering.characters import clipped, symbol_name, width
from nextchar.visible import printable, printable_text


@given(st.characters())
def test_nothing_that_commands_a_terminal_is_printed(character: str) -> None:
    shown = printable(character)
    assert len(shown) == 1
    assert unicodedata.category(shown) not in ("Cc", "Cs", "Zl", "Zp")
    joins_emoji = shown in "\u200c\u200d" or "\U000e0020" <= shown <= "\U000e007f"
    assert unicodedata.category(shown) != "Cf" or joins_emoji


@pytest.mark.parametrize(
    ("character", "shown"),
    [("\x1b", "␛"), ("\0", "␀"), ("\x7f", "␡"), ("\x9b", "\ufffd"), ("\u202e", "\ufffd"),
     ("\udcff", "\ufffd"), ("\n", "↵"), ("\t", "→"), ("한", "한"), (" ", " ")],
)  # fmt: skip
def test_what_would_not_show_is_replaced(character: str, shown: str) -> None:
    assert printable(character) == shown


def test_a_space_as_a_symbol_can_be_seen() -> None:
    assert [symbol_name(name) for name in (" ", "<unk>", "literal ᄀ")] == [
        "␣",
        "<unk>",
        "literal ᄀ",
    ]


@pytest.mark.parametrize(
    ("text", "cells"),
    [("abc", 3), ("한글", 4), ("漢", 2), ("e\u0301", 1), ("\u1112\u1161\u11ab", 2)],
)
def test_a_wide_character_takes_two_cells_and_a_combining_one_none(text: str, cells: int) -> None:
    assert width(text) == cells


@given(st.text(max_size=20).map(printable_text), st.integers(2, 30))
def test_a_clipped_text_fits_and_says_that_it_was_clipped(text: str, room: int) -> None:
    cut = clipped(text, room)
    assert width(cut) <= room
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))
