"""``nextchar data``: corpora by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's own cache out of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NEXTCHAR_DATA", raising=False)
    return tmp_path / "cache"


def test_the_list_names_every_corpus(nextchar: Run) -> None:
    listed = nextchar("data", "list").succeeded()
    known = nextchar("data", "list", "--json").values()["datasets"]
    assert {"python", "shakespeare"} <= {entry["name"] for entry in known}
    assert all(entry["name"] in listed and entry["terms"] in listed for entry in known)


def test_the_builtin_corpus_needs_no_network(nextchar: Run, cache: Path) -> None:
    where = Path(nextchar("data", "fetch", "python").succeeded().strip())
    assert where.is_relative_to(cache)
    text = where.read_text(encoding="utf-8")
    assert 100_000 < len(text) <= 2_000_000
    assert "def " in text
    assert Path(nextchar("data", "path", "python").succeeded().strip()) == where


def test_the_path_of_a_corpus_that_was_not_fetched_is_a_failure(nextchar: Run) -> None:
    assert "shakespeare" in nextchar("data", "path", "shakespeare").problem(1)


def test_an_unknown_corpus_is_named_with_its_nearest(nextchar: Run) -> None:
    line = nextchar("data", "fetch", "shakespear").problem(2)
    assert "'shakespear'" in line
    assert "shakespeare'" in line.replace("'shakespear'", "")
