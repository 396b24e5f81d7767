"""A training in a real kernel: interrupting it saves the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nextchar.training.extension import progress_of
from tests.conftest import DEADLINE_SECONDS, TINY_OPTIONS
from tests.docs.markdown import ROOT

pytest.importorskip("ipykernel")

CELL = """
import nextchar
nextchar.train({text!r}, {run!r}, listeners=[nextchar.NotebookProgress()], **{options!r})
"""


def test_interrupting_the_kernel_saves_the_run(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_client.manager import KernelManager

    run = tmp_path / "run"
    options = {**TINY_OPTIONS, "steps": 1_000_000, "validate_every": 1000}
    cell = CELL.format(text=str(texts / "english.txt"), run=str(run), options=options)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    manager: Any = KernelManager()
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    shown: list[str] = []
    interrupted: list[bool] = []

    def interrupt_in_training(message: Any) -> None:
        shown.append(message["msg_type"])
        html = message["content"].get("data", {}).get("text/html", "")
        if " left · step " in html and not interrupted:
            interrupted.append(True)
            manager.interrupt_kernel()

    try:
        client.wait_for_ready(timeout=DEADLINE_SECONDS)
        reply = client.execute_interactive(
            cell, timeout=DEADLINE_SECONDS, output_hook=interrupt_in_training
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

    assert reply["content"]["ename"] == "Interrupted"
    assert shown.count("display_data") == 1
    course = progress_of(run)
    assert course is not None
    assert course.step > 0
