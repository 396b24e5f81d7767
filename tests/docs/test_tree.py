"""The architecture page names every file of the package."""

from __future__ import annotations

from tests.docs.tree import PAGE, with_tree


def test_the_architecture_page_has_the_tree_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tree(page), "run python -m tests.docs.tree"
