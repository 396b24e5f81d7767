"""Several processes train a task as one does: the same numbers, exact resuming."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nextchar
from nextchar.errors import Interrupted, OtherProcessError, RunError
from nextchar.runs import resume, train
from nextchar.tasks.examples import ItemBatch
from nextchar.training.checkpoint import load_tensors
from nextchar.training.events import Event, Listener, StepDone
from tests.conftest import Outcome, english, require_same_training, rows_of
from tests.training.test_processes import Job, arguments, in_each, job

__all__ = ["job"]  # a fixture
CLOSE = 1e-5  # relative
WORDS = sorted(set(english(3000).split()))
LABELS = [("long", "short")[len(word) < 4] for word in WORDS]
# All that is random; 9 items in a batch are no multiple of the processes.
SMALL: dict[str, Any] = {
    "hidden_size": 12,
    "embedding_size": 6,
    "batch_size": 9,
    "precision": "float32",
    "dropout": 0.3,
    "input_dropout": 0.1,
    "embedding_dropout": 0.1,
    "weight_dropout": 0.1,
    "steps": 12,
    "validate_every": 1,
    "seed": 5,
}
TASKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "classify": (WORDS, {"labels": LABELS, "consistency": 1.0, "members": 2, "ngrams": 2}),
    "tag": (Path("text.txt"), {"restore": "spaces", "window": 16}),
    "transduce": ([(word, word[::-1]) for word in WORDS], {}),
    "condition": (WORDS, {"labels": LABELS, "vocabulary": "byte"}),
}


def trained(task: str, folder: Path, out: Path, *listeners: Listener) -> None:
    data, options = TASKS[task]
    place = folder / data if isinstance(data, Path) else data
    train(task, place, out, listeners=listeners, **{**SMALL, **options})


def _train(folder: Path, task: str) -> None:
    torch.set_num_threads(1)
    trained(task, folder, folder / "together")


def _train_and_stop(folder: Path, task: str) -> None:
    torch.set_num_threads(1)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises((Interrupted, OtherProcessError)):
        trained(task, folder, folder / "cut", stop)


def _resume(folder: Path) -> None:
    torch.set_num_threads(1)
    resume(folder / "cut")


@pytest.mark.parametrize("task", TASKS)
def test_two_processes_train_as_one_and_resume_bit_for_bit(task: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(english(2000))
    trained(task, tmp_path, tmp_path / "alone")
    assert in_each(_train, tmp_path, task) == [0, 0]
    pairs = list(zip(rows_of(tmp_path / "alone"), rows_of(tmp_path / "together"), strict=True))
    names = [n for n in pairs[0][0] if n.startswith(("train_nats", "validation_nats", "grad"))]
    assert [n for n in names if not n.startswith("gradient_norm_of.")] == names[:3]
    assert len(names) > 3
    for alone, together in pairs:
        assert [together[n] for n in names] == pytest.approx([alone[n] for n in names], rel=CLOSE)
    assert in_each(_train_and_stop, tmp_path, task) == [0, 0]
    assert in_each(_resume, tmp_path) == [0, 0]
    require_same_training(tmp_path / "together", tmp_path / "cut")


def test_the_command_line_trains_in_all_processes_and_the_first_alone_speaks(
    tmp_path: Path, job: Job
) -> None:
    data = tmp_path / "data.csv"
    rows = [f"{word},{label}" for word, label in zip(WORDS, LABELS, strict=True)]
    data.write_text("\n".join(["text,label", *rows]) + "\n")
    options = arguments(**{**SMALL, "steps": 4})
    command = ("classify", "train", data, "--json", *options, "--out")
    first, second = job.run(tmp_path, *command, tmp_path / "together")
    assert second == Outcome(0, "", "")
    figures = first.values()
    alone = nextchar.Classifier.train(data, tmp_path / "alone", **{**SMALL, "steps": 4})
    assert figures["nats_per_item"] == pytest.approx(alone.nats, rel=CLOSE)
    outcomes = job.run(tmp_path, "classify", "train", "--resume", tmp_path / "together")
    assert [outcome.code for outcome in outcomes] == [0, 0]


def test_a_batch_smaller_than_the_processes_leaves_some_idle() -> None:
    items = np.array([4, 7])
    shares = [ItemBatch.share(items, rank=rank, world=3) for rank in range(3)]
    assert [share.is_idle for share in shares].count(True) == 1
    assert sorted(n for share in shares if not share.is_idle for n in share.own.tolist()) == [4, 7]
    assert all(len(share.own) == 1 for share in shares)


def _train_few(folder: Path) -> None:
    torch.set_num_threads(1)
    words, labels = WORDS[:11], ["a", "b"] * 5 + ["a"]
    train("classify", words, folder / "run", labels=labels, **{**SMALL, "batch_size": 10})


def test_an_idle_process_changes_nothing(tmp_path: Path) -> None:
    assert in_each(_train_few, tmp_path, world=3) == [0, 0, 0]
    (tmp_path / "alone").mkdir()
    _train_few(tmp_path / "alone")
    parts = (load_tensors(folder / "run" / "model.safetensors")[0] for folder in
             (tmp_path, tmp_path / "alone"))  # fmt: skip
    left, right = parts
    assert all(torch.allclose(left[name], right[name], atol=1e-5) for name in left)
    assert nextchar.load(tmp_path / "run").label_names == ("a", "b")


def _train_and_extend(folder: Path) -> None:
    torch.set_num_threads(1)
    small = {**SMALL, "steps": 2}
    nextchar.Classifier.train(WORDS, folder / "run", labels=LABELS, **small)
    steps = [nextchar.resume(folder / "run", steps=3).steps for _ in range(2)]
    assert steps == [5, 8]
    with pytest.raises((RunError, OtherProcessError)):
        nextchar.Classifier.train(WORDS, folder / "run", labels=LABELS, **small)


def test_every_call_of_a_script_is_one_of_its_own(tmp_path: Path) -> None:
    assert in_each(_train_and_extend, tmp_path) == [0, 0]
