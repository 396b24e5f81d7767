"""A run that is stopped anywhere and resumed is bit for bit the run that was not stopped."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.errors import Interrupted
from nextchar.training.events import Event, StepDone
from tests.conftest import TINY_OPTIONS, require_same_training

SLOW = pytest.mark.slow
EVERY = 5  # steps between two validations
# All that has a state of its own.
OPTIONS: dict[str, Any] = dict(TINY_OPTIONS) | {
    "steps": 60, "validate_every": EVERY, "layers": 2, "dropout": 0.3, "ema_decay": 0.9,
    "zoneout": 0.1, "schedule": "plateau", "plateau_patience": 1, "reset_probability": 0.1,
    "window_growth": 0.8, "keep_checkpoints": 2,
}  # fmt: skip
POINTS = 50
ROOT = Path(__file__).parents[2]


class Stop:
    """A listener that interrupts the training after a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self._step = step

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone) and event.step == self._step:
            os.kill(os.getpid(), signal.SIGINT)


def points(where: str, count: int) -> list[int]:
    """Draw steps: between two validations, at one, or either."""
    steps = range(2, OPTIONS["steps"] - 8)
    chosen = [
        n for n in steps if where == "second" or (n % EVERY == EVERY - 1) == (where == "boundary")
    ]
    draw = random.Random(where)
    return [draw.choice(chosen) for _ in range(count)]


@pytest.fixture(scope="module")
def whole(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    nextchar.train(texts / "english.txt", out, **OPTIONS)
    return out


@pytest.mark.parametrize("count", [3, pytest.param(POINTS, marks=SLOW)])
@pytest.mark.parametrize("where", ["middle", "boundary", "second"])
def test_a_stopped_run_resumes_bit_for_bit(
    texts: Path, tmp_path: Path, whole: Path, where: str, count: int
) -> None:
    for number, step in enumerate(points(where, count)):
        out = tmp_path / str(number)
        with pytest.raises(Interrupted, match="saved"):
            nextchar.train(texts / "english.txt", out, listeners=[Stop(step)], **OPTIONS)
        if where == "second":
            later = random.Random(number).randint(step + 2, OPTIONS["steps"] - 4)
            with pytest.raises(Interrupted, match="saved"):
                nextchar.resume(out, listeners=[Stop(later)])
        nextchar.resume(out)
        require_same_training(out, whole)
        shutil.rmtree(out)


_TWO = """
import json, sys
import nextchar
from tests.regression.test_exact_resume import OPTIONS, Stop
text, jobs = sys.argv[1], json.loads(sys.argv[2])
for out, stops in jobs:
    for place, stop in enumerate(stops):
        try:
            if place == 0:
                nextchar.train(text, out, listeners=[Stop(stop)], **OPTIONS)
            else:
                nextchar.resume(out, listeners=[Stop(stop)])
        except (nextchar.errors.Interrupted, nextchar.errors.OtherProcessError):
            continue
        raise SystemExit(f"{out} was not interrupted at {stop}")
    if stops:
        nextchar.resume(out)
    else:
        nextchar.train(text, out, **OPTIONS)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["middle", "boundary", "second"])
def test_two_processes_that_are_stopped_resume_bit_for_bit(
    texts: Path, tmp_path: Path, where: str
) -> None:
    script, jobs = tmp_path / "two.py", [(str(tmp_path / "whole"), list[int]())]
    script.write_text(_TWO)
    for number, step in enumerate(points(where, POINTS)):
        stops = [step]
        if where == "second":
            stops.append(random.Random(number).randint(step + 2, OPTIONS["steps"] - 4))
        jobs.append((str(tmp_path / str(number)), stops))
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(script), str(texts / "english.txt"), json.dumps(jobs)],
        check=True, capture_output=True, timeout=3000,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip
    for out, _ in jobs:
        require_same_training(Path(out), tmp_path / "whole")
