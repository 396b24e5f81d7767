"""README.md and every page under docs/ have a Korean translation beside them that is current.

    python -m tests.docs.translations                     check all pages
    python -m tests.docs.translations --sync PAGE …       copy code blocks of English pages
    python -m tests.docs.translations --record PAGE …     record that translations are current

A translation begins with ``<!-- of NAME.md HASH -->``: the first 16 hexadecimal digits of the
SHA-256 of the English page, without what a program writes into it (``tests.docs.generated``).
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.docs.generated import without_generated
from tests.docs.markdown import (
    ROOT,
    TRANSLATED,
    Block,
    original_of,
    parse,
    translated_pages,
    translation_of,
)

_RECORD = re.compile(r"<!-- of (\S+) ([0-9a-f]{16}) -->\n")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#]+\.md)(?:#[^)]*)?\)")
_PROGRAM = "python -m tests.docs.translations"


def hash_of(page: str) -> str:
    """Return the hash of an English page that its translation records."""
    return hashlib.sha256(without_generated(page).encode()).hexdigest()[:16]


def faults(root: Path) -> Iterator[str]:
    """Yield what is wrong with the translations of a repository."""
    for page in translated_pages(root):
        name = _name(page, root)
        translation = translation_of(page)
        if not translation.exists():
            yield f"{name}: has no translation {translation.name}"
        else:
            for fault in _faults(page, translation, name):
                yield f"{_name(translation, root)}: {fault}"
    for translation in sorted((root / "docs").rglob(f"*{TRANSLATED}")):
        if not original_of(translation).exists():
            yield f"{_name(translation, root)}: there is no {original_of(translation).name}"


def _name(page: Path, root: Path) -> str:
    return str(page.relative_to(root))


def _faults(page: Path, translation: Path, name: str) -> Iterator[str]:
    english, korean = (path.read_text(encoding="utf-8") for path in (page, translation))
    found = _RECORD.match(korean)
    if found is None or found[1] != page.name:
        yield f"its first line is not <!-- of {page.name} HASH -->: {_PROGRAM} --record {name}"
    elif found[2] != hash_of(english):
        yield (
            f"{page.name} has changed since it was translated: "
            f"bring the translation up to date, then {_PROGRAM} --record {name}"
        )
    for text, path, link in (
        (english, page, f"[한국어]({translation.name})"),
        (korean, translation, f"[English]({page.name})"),
    ):
        if not re.search(rf"^# .+\n\n{re.escape(link)}\n\n", text, re.MULTILINE):
            yield f"{path.name} has no paragraph {link} below its heading"
    ours, theirs = (parse(text, page.name).blocks for text in (english, korean))
    if len(ours) != len(theirs):
        yield _numbers(page, ours, theirs)
    for one, other in zip(ours, theirs, strict=False):
        if (one.language, one.lines) != (other.language, other.lines):
            yield (
                f"line {other.line}: this block of code is not that of line {one.line} of "
                f"{page.name}: {_PROGRAM} --sync {name}"
            )
    if _comments(english) != _comments(korean):
        yield f"its comments <!-- … --> are not those of {page.name}"
    for link in _LINK.findall(korean):
        target = translation.parent / link
        if target.resolve() != page.resolve() and translation_of(target).exists():
            yield f"links to {link}: link to its translation"


def _numbers(page: Path, ours: tuple[Block, ...], theirs: tuple[Block, ...]) -> str:
    return f"has {len(theirs)} blocks of code, {page.name} has {len(ours)}"


def _comments(page: str) -> list[str]:
    """Return the comments of a page in order, without the record of a translation."""
    return _COMMENT.findall(_RECORD.sub("", page, count=1))


def record(page: Path) -> None:
    """Write into the translation of a page that it is current."""
    path = translation_of(page)
    line = f"<!-- of {page.name} {hash_of(page.read_text(encoding='utf-8'))} -->\n"
    korean = path.read_text(encoding="utf-8")
    found = _RECORD.match(korean)
    rest = korean[found.end() :] if found else f"\n{korean}"
    path.write_text(line + rest, encoding="utf-8")


def sync(page: Path) -> None:
    """Copy the blocks of code of a page into its translation; ``ValueError`` for another number."""
    path = translation_of(page)
    english, korean = (each.read_text(encoding="utf-8") for each in (page, path))
    ours, theirs = (parse(text, page.name).blocks for text in (english, korean))
    if len(ours) != len(theirs):
        raise ValueError(f"{path.name} {_numbers(page, ours, theirs)}")
    source, lines = english.splitlines(), korean.splitlines()
    for one, other in reversed(list(zip(ours, theirs, strict=True))):
        lines[_place(other)] = source[_place(one)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _place(block: Block) -> slice:
    """Return the lines of a block, with the fence that names its language."""
    first = block.line - 1
    return slice(first - bool(block.language), first + len(block.lines))


def main() -> int:
    """Run the command line of this module, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs.translations")
    parser.add_argument("--record", nargs="+", type=Path, metavar="PAGE", default=[])
    parser.add_argument("--sync", nargs="+", type=Path, metavar="PAGE", default=[])
    args = parser.parse_args()
    for page in args.sync:
        sync(page)
    for page in args.record:
        record(page)
    if args.sync or args.record:
        return 0
    found = list(faults(ROOT))
    print("\n".join(found) or "Every translation is current")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
