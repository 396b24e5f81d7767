"""The check of translations, on made-up pages with one fault each, and on the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.generated import with_generated
from tests.docs.markdown import ROOT
from tests.docs.translations import faults, record, sync

UNTRANSLATED = "docs/in/b.md: has no translation b.ko.md"
ENGLISH = """# A page

[한국어](a.ko.md)

Run this, then [that](b.md#more):

<!-- not run: takes long -->

    nextchar train a.txt --out a    # ten minutes

```python
import nextchar
```

<!-- tree: python -m tests.docs.tree -->
```
a/
```
<!-- end of the tree -->
"""
KOREAN = (
    ENGLISH.replace("# A page", "# 어떤 글")
    .replace("[한국어](a.ko.md)", "[English](a.md)")
    .replace("Run this, then [that](b.md#more):", "이것을 실행한 다음 [저것](b.md)을 본다.")
)
README = "# Of the repository\n\n[한국어](README.ko.md)\n\nSee [a page](docs/in/a.md).\n"
README_IN_KOREAN = "# 저장소\n\n[English](README.md)\n\n[글](docs/in/a.ko.md)을 보라.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A README and a page with current translations, and a page that lacks one."""
    folder = tmp_path / "docs" / "in"
    folder.mkdir(parents=True)
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    (tmp_path / "README.ko.md").write_text(README_IN_KOREAN, encoding="utf-8")
    (folder / "a.md").write_text(ENGLISH, encoding="utf-8")
    (folder / "a.ko.md").write_text(KOREAN, encoding="utf-8")
    (folder / "b.md").write_text("# Another\n\n## More\n", encoding="utf-8")
    record(tmp_path / "README.md")
    record(folder / "a.md")
    return tmp_path


def _change(page: Path, change: Callable[[str], str]) -> None:
    before = page.read_text(encoding="utf-8")
    page.write_text(change(before), encoding="utf-8")
    assert page.read_text(encoding="utf-8") != before


def _found(root: Path) -> list[str]:
    return [each for each in faults(root) if each != UNTRANSLATED]


def test_the_translations_of_this_repository_are_current() -> None:
    assert not list(faults(ROOT))


def test_a_current_translation_has_no_fault(root: Path) -> None:
    assert _found(root) == []


def test_the_recorded_hash_of_a_page_of_prose_is_that_of_its_bytes(root: Path) -> None:
    page = root / "docs" / "in" / "a.md"
    text = "# A page\n\n[한국어](a.ko.md)\n\nProse.\n"
    page.write_text(text, encoding="utf-8")
    record(page)
    first, _, rest = page.with_name("a.ko.md").read_text(encoding="utf-8").partition("\n")
    assert first == f"<!-- of a.md {hashlib.sha256(text.encode()).hexdigest()[:16]} -->"
    assert rest == f"\n{KOREAN}"


@pytest.mark.parametrize(
    ("page", "old", "new", "fault"),
    [
        (
            "README.md",
            "See",
            "Read",
            "README.ko.md: README.md has changed since it was translated: bring the translation up "
            "to date, then python -m tests.docs.translations --record README.md",
        ),
        (
            "README.ko.md",
            "a.ko.md",
            "a.md",
            "README.ko.md: links to docs/in/a.md: link to its translation",
        ),
        (
            "docs/in/a.md",
            "Run this",
            "Read this",
            "docs/in/a.ko.md: a.md has changed since it was translated: bring the translation up "
            "to date, then python -m tests.docs.translations --record docs/in/a.md",
        ),
        ("docs/in/a.ko.md", "<!-- of a.md", "<!-- of c.md", "docs/in/a.ko.md: its first line is"),
        ("docs/in/a.ko.md", "[English](a.md)\n\n", "", "docs/in/a.ko.md: a.ko.md has no paragraph"),
        ("docs/in/a.ko.md", "# ten minutes", "# 십 분", "docs/in/a.ko.md: line 11: this block"),
        ("docs/in/a.ko.md", "```python", "```text", "docs/in/a.ko.md: line 14: this block"),
        ("docs/in/a.ko.md", "```python\nimport nextchar\n```\n", "", "docs/in/a.ko.md: has 2"),
        ("docs/in/a.ko.md", "takes long", "오래 걸린다", "docs/in/a.ko.md: its comments"),
    ],
)  # fmt: skip
def test_a_fault_is_told(root: Path, page: str, old: str, new: str, fault: str) -> None:
    _change(root / page, lambda text: text.replace(old, new))
    found = _found(root)
    assert any(each.startswith(fault) for each in found), found


def test_what_a_program_writes_makes_no_translation_stale(root: Path) -> None:
    for name in ("a.md", "a.ko.md"):
        _change(
            root / "docs" / "in" / name, lambda text: with_generated(text, "tree", "```\nb/\n```\n")
        )
    assert _found(root) == []


def test_a_part_that_a_page_does_not_have_is_not_written() -> None:
    with pytest.raises(ValueError, match="commands"):
        with_generated(ENGLISH, "commands", "")


def test_a_page_without_a_translation_is_told(root: Path) -> None:
    assert list(faults(root)) == [UNTRANSLATED]


def test_a_translation_without_a_page_is_told(root: Path) -> None:
    (root / "docs" / "c.ko.md").write_text("# 글\n", encoding="utf-8")
    assert _found(root) == ["docs/c.ko.md: there is no c.md"]


def test_a_link_to_a_page_that_is_translated_is_told(root: Path) -> None:
    (root / "docs" / "in" / "b.ko.md").write_text(
        "# 또 다른 글\n\n[English](b.md)\n\n", encoding="utf-8"
    )
    assert "docs/in/a.ko.md: links to b.md: link to its translation" in _found(root)


def test_blocks_of_code_are_copied_and_nothing_else(root: Path) -> None:
    page, translation = root / "docs" / "in" / "a.md", root / "docs" / "in" / "a.ko.md"
    before = translation.read_text(encoding="utf-8")
    _change(page, lambda text: text.replace("--out a  ", "--out b\n    nextchar info b  "))
    _change(page, lambda text: text.replace("```python\nimport", "```py\nfrom a import"))
    sync(page)
    assert translation.read_text(encoding="utf-8") == before.replace(
        "--out a  ", "--out b\n    nextchar info b  "
    ).replace("```python\nimport", "```py\nfrom a import")
    record(page)
    assert _found(root) == []


def test_no_blocks_are_copied_where_their_number_differs(root: Path) -> None:
    _change(root / "docs" / "in" / "a.md", lambda text: text + "\n```\nmore\n```\n")
    before = (root / "docs" / "in" / "a.ko.md").read_bytes()
    with pytest.raises(ValueError, match=r"a\.ko\.md has 3 blocks of code, a\.md has 4"):
        sync(root / "docs" / "in" / "a.md")
    assert (root / "docs" / "in" / "a.ko.md").read_bytes() == before
