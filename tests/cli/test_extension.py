"""``--resume RUN --steps N``, for every kind of run that is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("train", "model"),
        ("classify train", "classifier"),
        ("tag train", "tagger"),
        ("transduce train", "transducer"),
        ("condition train", "conditional"),
    ],
)
def test_a_finished_run_of_any_kind_is_trained_further(
    command: str, kind: str, nextchar: Run, folders: dict[str, Path], tmp_path: Path
) -> None:
    run = shutil.copytree(folders[kind], tmp_path / "run")
    words = (*command.split(), "--resume", run)
    before = nextchar(*words, "--json", "--quiet").values()["steps"]
    outcome = nextchar(*words, "--steps", "3", "--learning-rate", "0.001")
    assert f"note: training further: 3 steps, from {before} to {before + 3}" in outcome.err
    assert f"{before + 3}" in outcome.succeeded()
    again = nextchar(*words, "--json")
    assert again.values()["steps"] == before + 3
    assert "add --steps or --minutes to train it further" in again.err
    line = nextchar(*words, "--dropout", "0.5", "--steps", "3").problem()
    assert "takes no --dropout" in line
    assert "trained further with --steps or --minutes" in line
    assert "got both" in nextchar(*words, "--minutes", "1", "--steps", "3").problem()
    assert "got neither" in nextchar(*words, "--learning-rate", "1").problem()
    shown = nextchar("info", run).succeeded()
    assert f"{before} to {before + 3}" in shown
