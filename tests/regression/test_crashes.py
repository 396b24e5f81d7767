"""Kills, power failures and errors at each call of a training: nothing is lost."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.errors import NextcharError, StorageError
from nextchar.training.extension import load_extension
from tests.conftest import PROCESSES, TINY_OPTIONS, contents, require_same_training
from tests.regression.faults import Disk, observed

SLOW = pytest.mark.slow
OPTIONS: dict[str, Any] = dict(TINY_OPTIONS) | {
    "steps": 4, "validate_every": 2, "keep_checkpoints": 1, "ema_decay": 0.9, "dropout": 0.2,
}  # fmt: skip
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EACCES", "EXDEV", "ENOSYS")


def train(text: Path, out: Path) -> None:
    """Train a run and train it further: each kind of file is written."""
    nextchar.train(text, out, **OPTIONS)
    nextchar.resume(out, steps=2)


def recover(text: Path, out: Path) -> None:
    """Do what a user does after a failure, up to the same end."""
    if not out.exists():
        train(text, out)
        return
    nextchar.resume(out)
    if load_extension(out) is None:
        nextchar.resume(out, steps=2)


@pytest.fixture(scope="module")
def text(texts: Path) -> Path:
    return texts / "english.txt"


@pytest.fixture(scope="module")
def whole(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(text, out)
    return out


def calls_of(text: Path, folder: Path) -> list[str]:
    """Return the kinds of the calls of an undisturbed training."""
    calls: list[str] = []
    with observed(folder, lambda kind, _path: calls.append(kind)):
        train(text, folder / "calls" / "run")
    shutil.rmtree(folder / "calls")
    return calls


@pytest.fixture(scope="module")
def calls(text: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return calls_of(text, tmp_path_factory.mktemp("calls"))


def test_each_kind_of_call_is_seen(calls: list[str]) -> None:
    kinds = {"create", "write", "flush", "flush folder", "rename", "unlink", "link", "mkdir"}
    assert kinds <= set(calls)
    assert len(calls) > 100


def places(calls: list[str], count: int) -> list[int]:
    """Draw numbers of calls, from all over a training."""
    return sorted(random.Random(count).sample(range(len(calls)), min(count, len(calls))))


def die_at(number: int, text: Path, folder: Path) -> None:
    """Train in a process that kills itself at a call."""
    left = number

    def die(_kind: str, _path: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with observed(folder, die):
        train(text, folder / "new" / "run")


def require_clean(folder: Path) -> None:
    """Require that the next command beside a leftover removes it."""
    assert [path.name for path in folder.rglob("*.tmp")] == []


@pytest.mark.parametrize("count", [7, pytest.param(10_000, marks=SLOW)])
def test_a_kill_at_any_call_loses_nothing(
    text: Path, whole: Path, calls: list[str], tmp_path: Path, count: int
) -> None:
    for number in places(calls, count):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = PROCESSES.Process(target=die_at, args=(number, text, folder))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, number
        out = folder / "new" / "run"
        if (out / "last" / "training.safetensors").exists():
            nextchar.LanguageModel.load(out)
        recover(text, out)
        require_same_training(out, whole)
        require_clean(folder)
        shutil.rmtree(folder)


def train_quietly(text: Path, out: Path) -> None:
    recover(text, out)


@pytest.mark.parametrize("count", [5, pytest.param(500, marks=SLOW)])
def test_a_kill_at_any_moment_loses_nothing(
    text: Path, whole: Path, tmp_path: Path, count: int
) -> None:
    out, draw = tmp_path / "new" / "run", random.Random(count)
    for _ in range(count):
        process = PROCESSES.Process(target=train_quietly, args=(text, out))
        process.start()
        process.join(draw.uniform(0.0, 0.6))
        process.kill()
        process.join()
        if (out / "last" / "training.safetensors").exists():
            nextchar.LanguageModel.load(out)
        if process.exitcode == 0:
            require_same_training(out, whole)
            shutil.rmtree(out)
    recover(text, out)
    require_same_training(out, whole)
    require_clean(tmp_path)


@pytest.mark.parametrize("count", [12, pytest.param(10_000, marks=SLOW)])
def test_a_power_failure_at_any_call_loses_nothing(
    text: Path, whole: Path, tmp_path: Path, count: int
) -> None:
    """What was not flushed is gone: contents, names, and new folders above the run."""
    folder, states = tmp_path / "disk", tmp_path / "states"
    folder.mkdir()
    states.mkdir()
    disk = Disk(folder)
    flushed: list[Path] = []
    made: list[Path] = []

    def follow(kind: str, path: Path) -> None:
        # The flush before this call has happened by now.
        while flushed:
            disk.flush(flushed.pop())
            made.append(states / str(len(made)))
            disk.restore(made[-1])
        if kind.startswith("flush"):
            flushed.append(path)

    with observed(folder, follow):
        train(text, folder / "new" / "deeper" / "run")
        follow("end", folder)
    disk.close()
    assert len(made) > 40
    # A result that was reported is there.
    require_same_training(made[-1] / "new" / "deeper" / "run", whole)
    for number in places(["state"] * len(made), count):
        out = made[number] / "new" / "deeper" / "run"
        if (out / "last" / "training.safetensors").exists():
            nextchar.LanguageModel.load(out)
        recover(text, out)
        require_same_training(out, whole)
        require_clean(made[number])
        shutil.rmtree(made[number])


def failing_at(number: int, code: int) -> Callable[[str, Path], None]:
    left = number

    def fail(_kind: str, path: Path) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise OSError(code, os.strerror(code), str(path))

    return fail


def failing_from(number: int, code: int) -> Callable[[str, Path], None]:
    left = number

    def fail(kind: str, path: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0 and kind not in ("unlink", "rmdir"):
            raise OSError(code, os.strerror(code), str(path))

    return fail


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("count", [2, pytest.param(10_000, marks=SLOW)])
@pytest.mark.parametrize("failing", [failing_at, failing_from], ids=["once", "from then on"])
def test_an_error_of_any_call_loses_nothing(
    text: Path, whole: Path, calls: list[str], tmp_path: Path, name: str, count: int, failing: Any
) -> None:
    for number in places(calls, count + ERRORS.index(name)):
        folder = tmp_path / str(number)
        folder.mkdir()
        out = folder / "new" / "run"
        problem = ""
        with observed(folder, failing(number, getattr(errno, name))):
            try:
                train(text, out)
            except StorageError as error:
                problem = str(error)
        assert "\n" not in problem
        assert problem == "" or os.strerror(getattr(errno, name)) in problem
        require_clean(folder)
        recover(text, out)
        require_same_training(out, whole)
        shutil.rmtree(folder)


TASKS = {
    "classify": ("odd,even", {"epochs": 1, "batch_size": 8}),
    "tag": ("tags", {"restore": "spaces", "epochs": 1, "batch_size": 8}),
    "transduce": ("pairs", {"epochs": 1, "batch_size": 8}),
    "condition": ("odd,even", {"epochs": 1, "batch_size": 8}),
}


def task_data(folder: Path, kind: str) -> Path:
    words = [f"{a}{b}{c}" for a in "abcd" for b in "efgh" for c in "ijkl"]
    if kind == "tags":
        path = folder / "text.txt"
        path.write_text("\n".join(f"the {word} runs" for word in words))
    elif kind == "pairs":
        path = folder / "pairs.csv"
        path.write_text("source,target\n" + "\n".join(f"{w},{w[::-1]}" for w in words))
    else:
        path = folder / "words.csv"
        rows = (f"{word},{'odd' if n % 2 else 'even'}" for n, word in enumerate(words))
        path.write_text("text,label\n" + "\n".join(rows))
    return path


def die_in_task(number: int, task: str, data: Path, folder: Path) -> None:
    left = number

    def die(_kind: str, _path: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    from nextchar.runs import train as train_task

    with observed(folder, die):
        options: Any = TASKS[task][1]
        train_task(task, data, folder / "run", hidden_size=8, precision="float32", **options)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("step", [70, pytest.param(1, marks=SLOW)])
def test_a_kill_at_any_call_of_a_task_loses_nothing(task: str, step: int, tmp_path: Path) -> None:
    from nextchar.runs import train as train_task

    data = task_data(tmp_path, TASKS[task][0])
    number, code, finished = step // 2, -signal.SIGKILL, tmp_path / "whole"
    options: Any = TASKS[task][1]
    train_task(task, data, finished, hidden_size=8, precision="float32", **options)
    while code != 0:
        folder = tmp_path / str(number)
        folder.mkdir()
        process = PROCESSES.Process(target=die_in_task, args=(number, task, data, folder))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        code, out = process.exitcode, folder / "run"
        if out.exists():
            nextchar.resume(out)
        else:
            train_task(task, data, out, hidden_size=8, precision="float32", **options)
        require_same_training(out, finished)
        require_clean(folder)
        shutil.rmtree(folder)
        number += step


@pytest.fixture
def dead(text: Path, tmp_path: Path) -> Path:
    """A folder with what a killed start leaves behind."""
    folder = tmp_path / "folder"
    folder.mkdir()
    process = PROCESSES.Process(target=die_before_the_rename, args=(text, folder))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    left = [path.name for path in folder.iterdir()]
    assert left == [".run.nextchar.tmp"]
    assert (folder / left[0] / "corpus" / "ids.bin").exists()
    return folder


def die_before_the_rename(text: Path, folder: Path) -> None:
    def die(kind: str, path: Path) -> None:
        if kind == "rename" and path.parent == folder:
            os.kill(os.getpid(), signal.SIGKILL)

    with observed(folder, die):
        nextchar.train(text, folder / "run", **OPTIONS)


def test_a_killed_start_is_tidied_by_a_run_of_another_name(dead: Path, text: Path) -> None:
    nextchar.train(text, dead / "other", **OPTIONS)
    assert [path.name for path in dead.iterdir()] == ["other"]


def test_a_killed_start_is_tidied_by_a_file_beside_it(dead: Path) -> None:
    from nextchar.storage import write_bytes

    write_bytes(dead / "page.html", b"x")
    assert [path.name for path in dead.iterdir()] == ["page.html"]


def test_a_killed_start_does_not_hinder_the_next_one(dead: Path, text: Path) -> None:
    nextchar.train(text, dead / "run", **OPTIONS)
    assert [path.name for path in dead.iterdir()] == ["run"]


def hold(folder: Path, ready: Path) -> None:
    """Be a process that creates a folder for ever."""
    from nextchar.storage import atomic_folder

    with atomic_folder(folder):
        ready.touch()
        time.sleep(600)


def test_the_work_of_a_living_process_is_kept_and_reserves_the_place(
    text: Path, tmp_path: Path
) -> None:
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    process = PROCESSES.Process(target=hold, args=(place / "run", ready), daemon=True)
    process.start()
    while not ready.exists():
        time.sleep(0.01)
    try:
        nextchar.train(text, place / "other", **OPTIONS)
        with pytest.raises(NextcharError, match="another process is creating"):
            nextchar.train(text, place / "run", **OPTIONS)
        assert sorted(path.name for path in place.iterdir()) == [".run.nextchar.tmp", "other"]
    finally:
        process.kill()
        process.join()
    nextchar.train(text, place / "run", **OPTIONS)
    assert sorted(path.name for path in place.iterdir()) == ["other", "run"]


@pytest.mark.parametrize(
    "name", [".mine.tmp", ".notes.1234abcd.tmp", "x.nextchar.tmp", ".run.tmp", "~run", ".run.swp"]
)
def test_files_of_a_user_are_never_removed(text: Path, tmp_path: Path, name: str) -> None:
    place = tmp_path / "place"
    for folder in (place, place / "inside"):
        folder.mkdir()
        (folder / name).write_text("mine")
    nextchar.train(text, place / "run", **OPTIONS)
    (place / "run" / name).write_text("mine")
    (place / "run" / "last" / name).mkdir()
    (place / "run" / "last" / name / "note").write_text("mine")
    nextchar.resume(place / "run", steps=2)
    kept = [found.relative_to(place) for found in place.rglob(name)]
    assert len(kept) == 4


@pytest.mark.parametrize("name", [".run.nextchar.tmp", ".metrics.jsonl.12345678.nextchar.tmp"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_leftover_of_any_kind_does_not_hinder(
    text: Path, tmp_path: Path, name: str, kind: str
) -> None:
    place = tmp_path / "place"
    nextchar.train(text, place / "other", **OPTIONS)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    for folder in (place, place / "other", place / "other" / "last"):
        if kind == "file":
            (folder / name).write_text("left")
        elif kind == "folder":
            (folder / name).mkdir()
            (folder / name / "left").write_text("left")
        elif name != ".run.nextchar.tmp":
            (folder / name).symlink_to(precious)
    nextchar.resume(place / "other", steps=2)
    nextchar.train(text, place / "run", **OPTIONS)
    assert contents(precious) == {"file": b"mine"}
    if kind != "link":
        assert list(place.rglob(name)) == []
