"""Two of everything at once: one is refused in one line before its work, or both succeed."""

from __future__ import annotations

import itertools
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import nextchar
from nextchar.errors import RunError
from nextchar.storage import atomic_file, atomic_folder, write_bytes
from tests.conftest import (
    PROCESSES,
    TINY,
    Outcome,
    Run,
    Start,
    require_same_training,
)

SLOW = pytest.mark.slow
ENDLESS = (*TINY, "--steps", "1000000", "--validate-every", "50", "--checkpoint-seconds", "0.05")
TRIES = [3, pytest.param(100, marks=SLOW)]


def refused(outcome: Outcome) -> str:
    line = outcome.problem()
    words = ("exists already and is not overwritten", "another process is")
    assert any(each in line for each in words), line
    return line


@pytest.mark.parametrize("tries", TRIES)
def test_of_two_trainings_of_the_same_name_one_is_refused(
    start: Start, texts: Path, tmp_path: Path, tries: int
) -> None:
    for number in range(tries):
        out = tmp_path / str(number) / "run"
        both = [start("train", texts / "english.txt", "--out", out, "-q", *TINY) for _ in range(2)]
        outcomes = sorted((each.outcome() for each in both), key=lambda each: each.code)
        outcomes[0].succeeded()
        if outcomes[1].code != 0:
            refused(outcomes[1])
        else:
            pytest.fail("both trained")
        assert [path.name for path in out.parent.iterdir()] == ["run"]
        nextchar.LanguageModel.load(out)


def create_many(folder: Path, number: int, results: str) -> None:
    """Create folders of the same names as another process."""
    outcomes = []
    for name in range(60):
        try:
            with atomic_folder(folder / str(name)) as temporary:
                (temporary / "who").write_text(str(number))
                (temporary / "also").write_text(str(number))
            outcomes.append("made")
        except RunError:
            outcomes.append("refused")
    Path(results).write_text("\n".join(outcomes))


def test_folders_created_by_several_processes_are_whole_and_made_once(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    results = [tmp_path / f"results{n}" for n in range(4)]
    processes = [
        PROCESSES.Process(target=create_many, args=(place, n, str(result)))
        for n, result in enumerate(results)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    made = [result.read_text().splitlines() for result in results]
    for name in range(60):
        assert [each[name] for each in made].count("made") == 1, name
        folder = place / str(name)
        assert (folder / "who").read_text() == (folder / "also").read_text()
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == []


def write_many(path: Path, number: int) -> None:
    for _ in range(150):
        with atomic_file(path) as file:
            file.write(bytes([number]) * 10_000)
            file.write(bytes([number]) * 10_000)


def test_a_file_written_by_several_processes_is_that_of_one(tmp_path: Path) -> None:
    path = tmp_path / "place" / "file"
    path.parent.mkdir()
    write_bytes(path, bytes([1]) * 20_000)
    processes = [PROCESSES.Process(target=write_many, args=(path, n)) for n in range(1, 4)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        found = path.read_bytes()
        assert len(found) == 20_000
        assert len(set(found)) == 1
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_resuming_twice_at_once_is_refused_for_one(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = start("train", texts / "english.txt", "--out", out, "-q", *ENDLESS)
    command.wait_until((out / "last" / "training.safetensors").exists)
    for words in (("train", "--resume", out), ("seal", out)):
        assert "another process is training in" in nextchar(*words).problem()
    refused(nextchar("train", texts / "english.txt", "--out", out, *TINY))
    command.send(signal.SIGTERM)
    command.outcome().problem(143)


@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=SLOW)])
def test_a_run_is_readable_at_any_moment_of_its_training(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path, seconds: float
) -> None:
    out = tmp_path / "run"
    command = start("train", texts / "english.txt", "--out", out, "-q", *ENDLESS)
    command.wait_until((out / "model.safetensors").exists)
    readers: list[Callable[[], object]] = [
        lambda: nextchar("generate", out, "--length", "5", "--seed", "1", "-q").succeeded(),
        lambda: nextchar("info", out).succeeded(),
        lambda: nextchar("info", out, "--json").values(),
        lambda: nextchar("evaluate", out, "-q").succeeded(),
    ]
    done = threading.Event()
    timer = threading.Timer(seconds, done.set)
    timer.start()
    for read in itertools.cycle(readers):
        read()
        if done.is_set():
            break
    command.send(signal.SIGTERM)
    command.outcome().problem(143)


def tidy_for_ever(folder: Path) -> None:
    """Write beside the work of others again and again: each write removes leftovers."""
    for number in itertools.count():
        write_bytes(folder / "beside", str(number).encode())


@pytest.mark.parametrize("tries", TRIES)
def test_a_process_that_tidies_does_not_disturb_one_that_creates(
    texts: Path, tmp_path: Path, finished: Path, tries: int
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    process = PROCESSES.Process(target=tidy_for_ever, args=(place,), daemon=True)
    process.start()
    try:
        for number in range(tries):
            from tests.conftest import TINY_OPTIONS

            nextchar.train(texts / "english.txt", place / str(number), **TINY_OPTIONS)
            require_same_training(place / str(number), finished)
            shutil.rmtree(place / str(number))
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("target", ["nowhere", "file", "run", "itself", "empty", "pipe"])
def test_an_output_that_is_a_link_works_or_is_refused_before_the_work(
    nextchar: Run, texts: Path, tmp_path: Path, finished: Path, target: str
) -> None:
    link, place = tmp_path / "link", tmp_path / "place"
    place.mkdir()
    (place / "file").write_text("mine")
    (place / "empty").mkdir()
    (place / "run").symlink_to(finished)
    link.symlink_to("link" if target == "itself" else place / target)
    words = ("train", texts / "english.txt", "--out", link, "-q", *TINY)
    if target == "empty":
        nextchar(*words).succeeded()
        nextchar("info", place / "empty").succeeded()
        assert link.is_symlink()
        return
    outcome = nextchar(*words)
    line = outcome.problem(outcome.code)
    assert outcome.code in (1, 2)
    assert "link" in line
    assert sorted(path.name for path in place.iterdir()) == ["empty", "file", "run"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "command0") == [
        "link",
        "place",
    ]


@pytest.mark.parametrize(
    "name",
    ["a b", "-run", ".run", "x" * 255, "é" * 127, "run\udcff", "run\nb", "*", "run.tmp", "~"],
    ids=["space", "dash", "dot", "long", "long é", "no UTF-8", "line", "star", "tmp", "tilde"],
)
def test_a_run_may_have_any_name(texts: Path, tmp_path: Path, name: str) -> None:
    from tests.conftest import TINY_OPTIONS

    out = tmp_path / "place" / name
    nextchar.train(texts / "english.txt", out, **TINY_OPTIONS)
    assert [path.name for path in out.parent.iterdir()] == [name]
    nextchar.LanguageModel.load(out)


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_locks_works(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    import errno
    import fcntl
    import os

    number = getattr(errno, code)

    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    from nextchar.storage import write_bytes

    write_bytes(tmp_path / "file", b"x")
    with atomic_folder(tmp_path / "folder") as folder:
        write_bytes(folder / "file", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
