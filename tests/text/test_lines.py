"""Lines: where they end, wherever the text is cut; and where two columns part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import TextError
from nextchar.text import lines
from nextchar.text.lines import TwoColumns, lines_of, lines_with_ends

LINE = st.text(st.characters(exclude_characters="\r\n"), max_size=5)


def cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(
    lines=st.lists(LINE, min_size=1),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    is_ended=st.booleans(),
    size=st.integers(1, 9),
)
def test_lines_end_alike(lines: list[str], end: str, is_ended: bool, size: int) -> None:
    text = end.join(lines) + end * is_ended
    wanted = lines if is_ended or lines[-1] else lines[:-1]
    assert list(lines_of(cut(text, size), "a.txt")) == wanted
    assert [line.rstrip("\r\n") for line in lines_with_ends(cut(text, size), "a.txt")] == wanted
    assert "".join(lines_with_ends(cut(text, size), "a.txt")) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb\rc\r\nd\r", ["a", "b\rc", "d"]),
        ("a\rb\nc\r\n\rd", ["a", "b", "c", "", "d"]),
        ("a\r\nb\rc\n", ["a", "b\rc"]),
        ("\n\n", ["", ""]),
        ("", []),
        ("\x85a\u2028b\x0c\n", ["\x85a\u2028b\x0c"]),
    ],
)
def test_a_return_alone_ends_lines_where_it_ends_the_first(text: str, lines: list[str]) -> None:
    for size in range(1, 4):
        assert list(lines_of(cut(text, size), "a.txt")) == lines


def parted(*lines: str) -> list[tuple[str, str]]:
    parting = TwoColumns(("label", "text"), "hint")
    return [parting.split(line, f"line {number}") for number, line in enumerate(lines, 1)]


def test_columns_are_parted_at_the_tab_or_at_the_first_blank() -> None:
    assert parted("New York\tbig", "Rome\told city\t\t") == [
        ("New York", "big"), ("Rome", "old city"),
    ]  # fmt: skip
    assert parted("a  b c", " d e", "f\tg h") == [("a", "b c"), ("d", "e"), ("f", "g h")]
    assert parted("\ttext", "label\t") == [("", "text"), ("label", "")]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ("a\tb", "c\td\te"),
            "line 2 has 3 columns separated by tabs: a line must be a label,",
        ),
        (
            ("a b", "c d\te"),
            "line 2 is separated by a tab, and line 1 by a space: use tabs in all lines",
        ),
        (("a b\tc", "d\te", "f g"), "line 3 is separated by a space, and line 1 by a tab"),
        (("label\ttext", "a\tb"), "line 1 is a header, not a label and a text"),
        (("a b", "alone"), "line 2 has no text after its label 'alone'"),
        (("a b", "alone "), "line 2 has no text after its label 'alone'"),
    ],
)
def test_a_line_that_does_not_fit_is_refused(lines: tuple[str, ...], words: str) -> None:
    with pytest.raises(TextError) as refused:
        parted(*lines)
    assert words in str(refused.value)
    assert str(refused.value).endswith("(hint)")


@pytest.mark.parametrize("split", [lines_of, lines_with_ends])
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    split: Callable[[Iterable[str], str], Iterator[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 50)
    assert [*split(["a" * 20, "a" * 30, "\n", "b"], "a.txt")][1:] == ["b"]
    drawn: list[int] = []

    def endless() -> Iterator[str]:
        yield "one\ntwo\n"
        for number in range(1000):
            drawn.append(number)
            yield "a" * 10

    with pytest.raises(TextError, match=r"^a\.txt, line 3 is too long: at most 50 characters"):
        list(split(endless(), "a.txt"))
    assert len(drawn) == 6
