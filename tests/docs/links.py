"""Relative links of a page: every file and every anchor exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs.markdown import ROOT, prose_of

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*")
_CODE = re.compile(r"`[^`]*`")
_ELSEWHERE = re.compile(r"[a-z]+:")


def broken(page: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the fault of each link whose file or anchor does not exist."""
    path = ROOT / page
    text = "\n".join(prose_of(path))
    prose = _CODE.sub(lambda code: " " * len(code[0]), text)
    for found in _LINK.finditer(prose):
        target = text[slice(*found.span(1))]
        if _ELSEWHERE.match(target):
            continue
        fault = _fault(path, target)
        if fault:
            yield 1 + prose.count("\n", 0, found.start()), f"{target}: {fault}"


def _fault(path: Path, target: str) -> str:
    name, _, anchor = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    if not file.exists():
        return f"there is no {name}"
    if anchor and anchor not in _anchors(file):
        return f"{file.name} has no heading with this anchor"
    return ""


@cache
def _anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = [_HEADING.fullmatch(line) for line in prose_of(path)]
    return frozenset(anchor_of(heading[1]) for heading in headings if heading)


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading: lower case, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
