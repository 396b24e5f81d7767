"""How pages are read, and that what fails on one is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.commands import Step, steps_of
from tests.docs.markdown import parse
from tests.docs.processes import MOST, abridged
from tests.docs.shell import Python, opened
from tests.docs.test_pages import _failures

PAGE = """# A page

    nextchar train a.txt --out a    # an explanation
    nextchar score a \\
        b.txt

    out 1 2

Prose with `nextchar info
a` and `--json`.

- a list

      nextchar never

<!-- not run: needs the network -->

```
$ nextchar data fetch x
nextchar said
```

<!-- run first: nextchar train c.txt --out c -->
<!-- run first: nextchar info c -->

```python
import os
```
"""


def test_commands_are_found_with_their_lines_and_marks() -> None:
    steps = [
        (s.line, s.code, s.is_python, s.not_run, s.is_hidden) for s in steps_of(parse(PAGE, "p.md"))
    ]
    assert steps == [
        (3, "nextchar train a.txt --out a", False, None, False),
        (4, "nextchar score a b.txt", False, None, False),
        (19, "nextchar data fetch x", False, "needs the network", False),
        (27, "nextchar train c.txt --out c", False, None, True),
        (27, "nextchar info c", False, None, True),
        (27, "import os\n", True, None, False),
    ]


def test_spans_are_read_over_line_breaks() -> None:
    spans = [(span.line, span.code) for span in parse(PAGE, "p.md").spans]
    assert spans == [(9, "nextchar info a"), (10, "--json")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```\nnextchar info a\n", "p.md:1: a fence that is never closed"),
        (
            "<!-- not run: long -->\n\nProse.\n",
            "p.md:1: a comment for a block that does not follow",
        ),
    ],
)
def test_a_page_that_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, "p.md")


def test_counts_are_cut_down_and_nothing_else() -> None:
    words = ["tune", "plays.txt", "--trials", "40", "--minutes", "30", "--seeds", "1"]
    assert abridged(words) == [
        "tune", "plays.txt", "--trials", str(MOST["--trials"]), "--minutes", "30", "--seeds", "1",
    ]  # fmt: skip


def test_what_goes_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    steps = [
        Step("p.md", 1, "nextchar data list > list.txt"),
        Step("p.md", 2, "nextchar train nothing.txt --out runs/a"),
        Step("p.md", 3, "nextchar train --no-such-option | cat"),
        Step("p.md", 4, "nextchar data list | head -n 1"),
        Step("p.md", 5, "import os\nos.nothing\n", is_python=True),
        Step("p.md", 7, "assert os.path.exists('list.txt')\n", is_python=True),
        Step("p.md", 8, "make nothing"),
        Step("p.md", 9, "python benchmarks/dates.py --no-such-option"),
        Step("p.md", 10, "python benchmarks/dates.py --steps 3"),
        Step("p.md", 11, "pip install 'nextchar[nothing]'"),
        Step("p.md", 12, "no-such-program"),
    ]
    failures = list(_failures(steps, tmp_path))
    assert [failure.split(":")[1] for failure in failures] == ["2", "3", "5", "8", "9", "11", "12"]
    assert "exit code 2: nextchar: " in failures[0]
    assert 'File "p.md", line 6' in failures[2]


def test_a_traceback_is_a_failure(tmp_path: Path) -> None:
    with opened(tmp_path) as shell:
        assert "Traceback" in shell.run("echo 'Traceback (most recent call last)' >&2")
        assert shell.run("cat") == ""


def test_snippets_share_their_names(tmp_path: Path) -> None:
    python = Python(tmp_path)
    assert python.run("a = 1\n", "p.md", 1) == ""
    assert python.run("assert a == 1\n", "p.md", 2) == ""
    python.close()
