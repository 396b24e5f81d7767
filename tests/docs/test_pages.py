"""Every command and every snippet of the documentation runs, on small stand-ins of its files.

Translations have the same ones, so only what their prose links to and mentions is tested.

``python -m tests.docs`` lists them; CONTRIBUTING.md says how to mark what cannot be run.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.commands import Step, pages, steps_of, translations
from tests.docs.links import broken
from tests.docs.markdown import Page
from tests.docs.mentions import unknown
from tests.docs.shell import Python, opened
from tests.docs.stand_ins import write_stand_ins

_PYTHON = re.compile(r"(?:import|from) \w+")
_MAKES = re.compile(r"nextchar ((?:[a-z]+ )+).*--out (runs/\S+)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_and_every_snippet_runs(page: Page, tmp_path: Path) -> None:
    before = write_stand_ins(tmp_path)
    steps = [step for step in steps_of(page) if step.not_run is None]
    failures = list(_failures(steps, tmp_path)) if steps else []
    failures += [
        f"{page.name}: {path.name} was overwritten, which the pages take for granted"
        for path, data in before.items()
        if path.read_bytes() != data and not any(f"> {path.name}" in step.code for step in steps)
    ]
    assert not failures, "\n" + "\n\n".join(failures)


@pytest.mark.parametrize("page", [*pages(), *translations()], ids=lambda page: page.name)
def test_every_command_option_and_name_that_is_mentioned_exists(page: Page) -> None:
    faults = [f"{page.name}:{line}: {fault}" for line, fault in unknown(page)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_snippets_of_python_are_fenced_as_such(page: Page) -> None:
    overlooked = [
        f"{page.name}:{block.line}: write this block as ```python: {block.lines[0]}"
        for block in page.blocks
        if block.language not in ("python", "py")
        and _PYTHON.match(block.lines[0] if block.lines else "")
    ]
    assert not overlooked, "\n" + "\n".join(overlooked)


@pytest.mark.parametrize(
    "page", [*(page.name for page in (*pages(), *translations())), "CHANGELOG.md"]
)
def test_every_relative_link_and_anchor_exists(page: str) -> None:
    faults = [f"{page}:{line}: {fault}" for line, fault in broken(page)]
    assert not faults, "\n" + "\n".join(faults)


def test_no_two_kinds_of_commands_make_the_same_folder() -> None:
    makers: dict[str, dict[str, str]] = {}
    for page in pages():
        for step in steps_of(page):
            made = _MAKES.search(step.code)
            if made:
                makers.setdefault(made[2].rstrip("/"), {}).setdefault(made[1], step.place)
    twice = {folder: kinds for folder, kinds in makers.items() if len(kinds) > 1}
    assert not twice


def _failures(steps: list[Step], folder: Path) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        shell = stack.enter_context(opened(folder))
        python: Python | None = None
        for step in steps:
            if step.is_python:
                if python is None:
                    python = Python(folder)
                    stack.callback(python.close)
                wrong = python.run(step.code, step.page, step.line)
            else:
                wrong = shell.run(step.code)
            if wrong:
                yield f"{step.place}: {step.title}\n    " + wrong.replace("\n", "\n    ")
