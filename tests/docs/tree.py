"""The tree of the architecture page: every file with the first line of its docstring.

    python -m tests.docs.tree

writes it between the marks of that page and of its translation; a test compares both with the files
of today.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.docs.generated import with_generated
from tests.docs.markdown import ROOT, translation_of

PAGE = ROOT / "docs" / "explanation" / "architecture.md"
PAGES = tuple(page for page in (PAGE, translation_of(PAGE)) if page.exists())
PACKAGE = ROOT / "src" / "nextchar"
_WIDTH = 24  # of a name


def tree() -> str:
    """Return the tree as a block of Markdown."""
    lines = ["src/nextchar/", *_inside(PACKAGE, 1)]
    return "```\n" + "\n".join(lines) + "\n```\n"


def with_tree(page: str) -> str:
    """Return a page with the tree of today between its marks."""
    return with_generated(page, "tree", tree())


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
    for path in PAGES:
        path.write_text(with_tree(path.read_text(encoding="utf-8")), encoding="utf-8")
