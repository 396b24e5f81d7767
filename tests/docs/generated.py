"""Parts of pages that a program writes: between marks, in the English page and in its translation.

    <!-- tree: python -m tests.docs.tree -->
    …
    <!-- end of the tree -->

The rest of a page is written by hand, and only the rest makes a translation stale.
"""

from __future__ import annotations

import re

_PART = re.compile(
    r"(<!-- (?P<name>\w+): python -m [\w.]+ -->\n).*?(<!-- end of the (?P=name) -->\n)", re.DOTALL
)


def without_generated(page: str) -> str:
    """Return a page whose generated parts are empty."""
    return _PART.sub(r"\1\3", page)


def with_generated(page: str, name: str, content: str) -> str:
    """Return a page with new content in its part of this name; ``ValueError`` if it has none."""
    for part in _PART.finditer(page):
        if part["name"] == name:
            return page[: part.end(1)] + content + page[part.start(3) :]
    raise ValueError(f"the page has no part <!-- {name}: … --> that ends")
