"""Every command and every snippet of the documentation runs, on small stand-ins of its files.

``python -m tests.docs`` lists them; CONTRIBUTING.md says how to mark what cannot be run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.commands import Step, pages, steps_of
from tests.docs.markdown import Page
from tests.docs.shell import Python, opened
from tests.docs.stand_ins import write_stand_ins


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
