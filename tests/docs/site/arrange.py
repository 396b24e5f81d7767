"""The pages of one language as the source of a site.

A page has the same name in both languages, so links between pages keep their form, and the pair of
``en/how-to/train.html`` is ``ko/how-to/train.html``. A page without a translation is in English in
both. The groups of the navigation are those of docs/README.md.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.docs.markdown import (
    TRANSLATED,
    english_pages,
    original_of,
    prose_of,
    translation_of,
)

LANGUAGES = ("en", "ko")
HOME = "index.md"
CONTENTS = "README.md"

_CODE_OR_TARGET = re.compile(r"(?P<code>(?P<ticks>`+).*?(?P=ticks))|\]\((?P<target>[^)\s]+)\)")
_TARGET = re.compile(r"\]\(([^)\s#]+)")
_ELSEWHERE = re.compile(r"[a-z]+:")
_UNTRANSLATED = "아직 한국어로 옮기지 않은 글이다."


def arrange(docs: Path, language: str, source: Path) -> None:
    """Write the pages of a language, with what they show and link to, into a new folder."""
    docs = docs.resolve()
    shutil.copytree(docs, source, ignore=shutil.ignore_patterns("*.md"))
    for page in english_pages(docs):
        name = page.relative_to(docs)
        text = _Text(docs, source, language, page, name).written()
        if str(name) == HOME:
            text += "".join(_navigation(docs, language))
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def version(page: Path, language: str) -> Path:
    """Return a page in a language, or in English where there is no other."""
    translation = translation_of(page)
    return translation if language == "ko" and translation.exists() else page


def _navigation(docs: Path, language: str) -> Iterator[str]:
    """Yield tables of contents that only the navigation shows."""
    yield _toctree("", [CONTENTS.removesuffix(".md")])
    group, names = "", list[str]()
    for line in [*prose_of(version(docs / CONTENTS, language)), "## "]:
        if line.startswith("## "):
            if names:
                yield _toctree(group, names)
            group, names = line.removeprefix("## "), []
        for target in _TARGET.findall(line):
            name = target.removesuffix(TRANSLATED).removesuffix(".md")
            # A file that is no page, such as a notebook, is only linked.
            if group and target.endswith(".md") and name not in names:
                names.append(name)


def _toctree(caption: str, names: list[str]) -> str:
    lines = ["```{toctree}", ":hidden:", f":caption: {caption}" if caption else "", "", *names]
    return "\n" + "\n".join(lines) + "\n```\n"


class _Text:
    """A page of the source, made from a page of the repository.

    Files outside of the pages' folder that it links to are copied beside the pages.
    """

    def __init__(self, docs: Path, source: Path, language: str, page: Path, name: Path) -> None:
        self._docs, self._source, self._language = docs, source, language
        self._page, self._name = page, name
        self._path = version(page, language)

    def written(self) -> str:
        """Return the text with links as they are between the pages of the source."""
        lines = self._path.read_text(encoding="utf-8").splitlines()
        for place, line in enumerate(prose_of(self._path)):
            if line:
                lines[place] = _CODE_OR_TARGET.sub(self._replaced, line)
        if self._language == "ko" and self._path == self._page:
            heading = next(place for place, line in enumerate(lines) if line.startswith("# "))
            lines.insert(heading + 1, f"\n{_UNTRANSLATED} [English]({self._pair(self._name)})")
        return "\n".join(lines) + "\n"

    def _replaced(self, found: re.Match[str]) -> str:
        return found[0] if found["code"] else f"]({self._target(found['target'])})"

    def _target(self, target: str) -> str:
        name, hash_, anchor = target.partition("#")
        if not name or _ELSEWHERE.match(target):
            return target
        file = (self._path.parent / name).resolve()
        is_korean = name.endswith(TRANSLATED)
        page = original_of(file) if is_korean else file
        if page == self._docs.parent / "README.md":
            page, hash_, anchor = self._docs / HOME, "", ""
        if not page.is_relative_to(self._docs):
            return self._relative(self._copied(file))
        wanted = version(page, "ko" if is_korean else "en")
        if wanted == version(page, self._language):
            return f"{self._relative(page.relative_to(self._docs))}{hash_}{anchor}"
        if self._path == self._page and self._language == "ko":
            # An English page among Korean ones: its anchors are those of English headings.
            return self._relative(page.relative_to(self._docs))
        return self._pair(page.relative_to(self._docs))

    def _copied(self, file: Path) -> Path:
        """Copy a file that is no page of the folder, and return its name in the source."""
        name = file.relative_to(self._docs.parent)
        copy = self._source / name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
            if file.suffix == ".md":
                page = _Text(self._docs, self._source, self._language, file, name).written()
                copy.write_text(f"---\norphan: true\n---\n\n{page}", encoding="utf-8")
        return name

    def _relative(self, name: Path) -> str:
        return os.path.relpath(name, self._name.parent)

    def _pair(self, name: Path) -> str:
        """Return the link to a page in the other language."""
        other = next(language for language in LANGUAGES if language != self._language)
        there = self._relative(Path("..") / other / name.with_suffix(".html"))
        return f"pair:{there}"
