"""The architecture page names every file of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.tree import PAGES, with_tree


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_architecture_page_has_the_tree_of_today(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert page == with_tree(page), "run python -m tests.docs.tree"
