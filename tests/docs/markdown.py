"""Pages of documentation as blocks of code and spans of code in prose.

A comment right before a block says what the test needs to know of it:

    <!-- not run: downloads 8 MB -->                      why its commands or snippet are not run
    <!-- run first: nextchar train a.txt --out runs/a --> what the page takes for granted
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs" / "reference" / "command-line.md"  # usages, not commands to run
TRANSLATED = ".ko.md"  # how the name of a page in Korean ends


def translation_of(page: Path) -> Path:
    """Return the place of a page's translation."""
    return page.with_name(page.name.removesuffix(".md") + TRANSLATED)


def original_of(translation: Path) -> Path:
    """Return the English page of a translation."""
    return translation.with_name(translation.name.removesuffix(TRANSLATED) + ".md")


def english_pages(folder: Path) -> list[Path]:
    """Return the pages below a folder that are no translations."""
    return sorted(page for page in folder.rglob("*.md") if not page.name.endswith(TRANSLATED))


def translated_pages(root: Path) -> list[Path]:
    """Return the pages of a repository that have a translation: README.md and those of docs/."""
    return [root / "README.md", *english_pages(root / "docs")]


PAGES = (
    ROOT / "CONTRIBUTING.md",
    *(page for page in translated_pages(ROOT) if page != GENERATED),
)
# Their commands and snippets are those of the English pages; tests.docs.translations sees to it.
TRANSLATIONS = tuple(
    translation
    for translation in map(translation_of, translated_pages(ROOT))
    if translation.exists() and translation != translation_of(GENERATED)
)

_FENCE = re.compile(r" {0,3}```\s*(\w*)")
_INDENT = " " * 4
_ITEM = re.compile(r"\s*([-*+]|\d+\.)\s")
_COMMENT = re.compile(r"<!--\s*(not run|run first):\s*(.+?)\s*-->")
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes
    ----------
    line
        The number of its first line of code, from 1.
    language
        What its fence names; "" for none, and for an indented block.
    lines
        The code, without fences and indent.
    not_run, run_first
        What the comment before it says.
    """

    line: int
    language: str
    lines: tuple[str, ...]
    not_run: str | None = None
    run_first: str | None = None


@dataclass(frozen=True)
class Span:
    """Code in prose or in a table, on one line even where the page breaks it."""

    line: int
    code: str


@dataclass(frozen=True)
class Page:
    """A page: its name in the repository, its blocks, and the spans between them."""

    name: str
    blocks: tuple[Block, ...]
    spans: tuple[Span, ...]


def read_page(path: Path) -> Page:
    """Read a page."""
    return parse(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


def parse(text: str, name: str) -> Page:
    """Find blocks and spans; ``ValueError`` for an open fence or a comment without a block."""
    lines = text.splitlines()
    blocks: list[Block] = []
    prose = list(lines)
    for first, end, language, code in _ranges(lines, name):
        note, place = _note(lines, first - bool(language is not None))
        blocks.append(
            Block(
                line=first + 1,
                language=language or "",
                lines=tuple(code),
                not_run=note.get("not run"),
                run_first=note.get("run first"),
            )
        )
        for index in (*range(first - (language is not None), end), *place):
            prose[index] = ""
    for number, line in enumerate(prose, 1):
        if _COMMENT.fullmatch(line.strip()):
            raise ValueError(f"{name}:{number}: a comment for a block that does not follow: {line}")
    return Page(name, tuple(blocks), tuple(_spans(prose)))


def prose_of(path: Path) -> list[str]:
    """Return the lines of a page; those of its blocks are empty."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for first, end, language, _ in list(_ranges(lines, path.name)):
        for index in range(first - (language is not None), end):
            lines[index] = ""
    return lines


def _ranges(lines: list[str], name: str) -> Iterator[tuple[int, int, str | None, list[str]]]:
    """Give each block's first line, the line behind it, its language, its code.

    The language of an indented block is ``None``.
    """
    place, in_list = 0, False
    while place < len(lines):
        line = lines[place]
        fence = _FENCE.match(line)
        if fence:
            end = place + 1
            while end < len(lines) and not lines[end].strip().startswith("```"):
                end += 1
            if end == len(lines):
                raise ValueError(f"{name}:{place + 1}: a fence that is never closed")
            yield place + 1, end + 1, fence[1], lines[place + 1 : end]
            place = end + 1
            continue
        if _ITEM.match(line):
            in_list = True
        elif line.strip() and not line.startswith(" "):
            in_list = False
        if (
            line.startswith(_INDENT)
            and not in_list
            and (place == 0 or not lines[place - 1].strip())
        ):
            end = place
            while end < len(lines) and (lines[end].startswith(_INDENT) or not lines[end].strip()):
                end += 1
            while not lines[end - 1].strip():
                end -= 1
            yield place, end, None, [each.removeprefix(_INDENT) for each in lines[place:end]]
            place = end
            continue
        place += 1


def _note(lines: list[str], first: int) -> tuple[dict[str, str], list[int]]:
    """Give what the comments before a block say, and where they are."""
    found: dict[str, str] = {}
    places: list[int] = []
    place = first - 1
    while place >= 0 and (not lines[place].strip() or _COMMENT.fullmatch(lines[place].strip())):
        comment = _COMMENT.fullmatch(lines[place].strip())
        if comment:
            # Several commands that go first stand in as many comments.
            before = found.get(comment[1])
            found[comment[1]] = comment[2] if before is None else f"{comment[2]}\n{before}"
            places.append(place)
        place -= 1
    return found, places


def _spans(prose: list[str]) -> Iterator[Span]:
    """Give the code spans of each paragraph; a row of a table is one by itself."""
    paragraph: list[str] = []
    began = 1
    for number, line in enumerate([*prose, ""], 1):
        is_row = line.lstrip().startswith("|")
        if line.strip() and not is_row:
            began = began if paragraph else number
            paragraph.append(line)
            continue
        yield from _spans_of("\n".join(paragraph), began)
        paragraph = []
        if is_row:
            yield from _spans_of(line, number)


def _spans_of(text: str, began: int) -> Iterator[Span]:
    for found in _SPAN.finditer(text):
        yield Span(began + text.count("\n", 0, found.start()), " ".join(found[1].split()))
