"""The tree of the architecture page: every file with the first line of its docstring.

    python -m tests.docs.tree

writes it between the marks of that page; a test compares the page with the files of today.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "explanation" / "architecture.md"
PACKAGE = ROOT / "src" / "nextchar"
BEGIN, END = "<!-- tree: python -m tests.docs.tree -->\n", "<!-- end of the tree -->\n"
_WIDTH = 24  # of a name


def tree() -> str:
    """Return the tree as a block of Markdown."""
    lines = ["src/nextchar/", *_inside(PACKAGE, 1)]
    return "```\n" + "\n".join(lines) + "\n```\n"


def with_tree(page: str) -> str:
    """Return a page with the tree of today between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{tree()}{END}{after}"


def _inside(folder: Path, depth: int) -> Iterator[str]:
    files = [path for path in folder.iterdir() if path.suffix == ".py"]
    for path in sorted(files):
        if path.name != "__init__.py" or folder == PACKAGE:
            yield _line(path.name, path, depth)
    for inner in sorted(path for path in folder.iterdir() if (path / "__init__.py").exists()):
        yield _line(f"{inner.name}/", inner / "__init__.py", depth)
        yield from _inside(inner, depth + 1)


def _line(name: str, path: Path, depth: int) -> str:
    return f"{'  ' * depth}{name:{_WIDTH}} {_summary(path)}".rstrip()


def _summary(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(doc.partition("\n\n")[0].split()).removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(with_tree(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
