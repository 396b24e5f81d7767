"""What the tests of whole commands share: texts, a trained run, and ways to run commands."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("nextchar", deadline=None)
settings.load_profile("nextchar")

# Threads that wait for work sleep instead of spinning: on a busy machine, where tests run beside
# each other, spinning makes tiny networks ten times slower. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A network and a training that take a moment.
TINY_OPTIONS: Mapping[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "batch_size": 4,
    "sequence_length": 16,
    "steps": 30,
    "precision": "float32",
}
TINY = tuple(
    word
    for name, value in TINY_OPTIONS.items()
    for word in (f"--{name.replace('_', '-')}", str(value))
)
DEADLINE_SECONDS = 120.0

_WORDS = [
    "the",
    "a",
    "dog",
    "cat",
    "tree",
    "house",
    "runs",
    "sees",
    "likes",
    "finds",
    "old",
    "big",
    "red",
    "small",
    "and",
    "but",
    "never",
]
_KOREAN = [
    "나는",
    "너는",
    "우리는",
    "오늘",
    "내일",
    "학교에",
    "집에",
    "산에",
    "값을",
    "닭을",
    "읽고",
    "간다",
    "온다",
    "있다",
    "없다",
    "좋다",
]

# The processes of commands are forked from a server that has imported what they need.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "tests.preloaded", "tests.conftest"])


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    def succeeded(self) -> str:
        """Require success and give the standard output."""
        assert self.code == 0, self
        assert "Traceback" not in self.err, self
        return self.out

    def values(self) -> dict[str, Any]:
        """Require success and one JSON object on standard output."""
        values: dict[str, Any] = json.loads(self.succeeded())
        return values

    def problem(self, code: int = 2) -> str:
        """Require failure with one line on standard error and nothing else, and give it."""
        assert self.code == code, self
        assert self.err.startswith("nextchar: "), self
        assert self.err.endswith("\n"), self
        assert self.err.count("\n") == 1, self
        assert self.out == "", self
        return self.err


class Command:
    """A run of the command line as a process of its own; its output goes to files in a folder."""

    def __init__(
        self, args: tuple[object, ...], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._streams = [folder / "stdout", folder / "stderr"]
        for stream in self._streams:
            stream.touch()
        self._process = PROCESSES.Process(
            target=_as_command,
            args=([str(argument) for argument in args], self._streams, dict(environment or {})),
        )
        self._process.start()

    def send(self, number: int) -> None:
        """Send a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens while the command runs."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert self._process.is_alive(), self.outcome()
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.005)

    def wait_for_end(self, seconds: float) -> None:
        """Wait, but not longer than so many seconds."""
        self._process.join(seconds)

    def printed(self) -> bytes:
        """Give what it has written on standard output so far."""
        return self._streams[0].read_bytes()

    def said(self) -> bytes:
        """Give what it has written on standard error so far."""
        return self._streams[1].read_bytes()

    def code(self) -> int:
        """Wait for the end and give the exit code."""
        self._process.join(DEADLINE_SECONDS)
        assert self._process.exitcode is not None, "the command did not end in time"
        return self._process.exitcode

    def outcome(self) -> Outcome:
        """Wait for the end; the code of a process killed by a signal is the negative number."""
        code = self.code()
        out, err = (stream.read_bytes().decode() for stream in self._streams)
        return Outcome(code, out, err)

    def stop(self) -> None:
        """Kill it, if it still runs."""
        self._process.kill()
        self._process.join(DEADLINE_SECONDS)


def _as_command(args: list[str], streams: list[Path], environment: dict[str, str]) -> None:
    """Be the command: runs in the new process."""
    from nextchar.cli import main

    os.environ.update(environment)
    for number, path in enumerate(streams, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    # What the server has open may be of another kind, which cannot seek where this can.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.argv = ["nextchar", *args]
    main()


class Start(Protocol):
    def __call__(self, *args: object) -> Command: ...


class Run(Protocol):
    def __call__(self, *args: object, stdin: bytes = b"", cwd: Path | None = None) -> Outcome: ...


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a command; it is killed when the test ends."""
    commands: list[Command] = []

    def start_command(*args: object) -> Command:
        commands.append(Command(args, tmp_path_factory.mktemp("command")))
        return commands[-1]

    yield start_command
    for command in commands:
        command.stop()


@pytest.fixture
def nextchar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command in this process, where it starts at once and parts of the world can change."""
    from nextchar.cli import main

    def run_command(*args: object, stdin: bytes = b"", cwd: Path | None = None) -> Outcome:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["nextchar", *map(str, args)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            patch.chdir(cwd or Path.cwd())
            with pytest.raises(SystemExit) as end:
                main()
        captured = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Outcome(end.value.code, captured.out, captured.err)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield run_command
    for number, handler in handlers.items():
        signal.signal(number, handler)


def english(characters: int, seed: int = 1) -> str:
    """Make up sentences."""
    return _sentences(_WORDS, characters, seed)


def korean(characters: int, seed: int = 1) -> str:
    """Make up sentences in Hangul."""
    return _sentences(_KOREAN, characters, seed)


def _sentences(words: list[str], characters: int, seed: int) -> str:
    draw = random.Random(seed)
    text = ""
    while len(text) < characters:
        text += " ".join(draw.choices(words, k=draw.randint(3, 9))).capitalize() + ".\n"
    return text[:characters]


def write_gzip(path: Path, text: str) -> Path:
    """Write a gzip file."""
    path.write_bytes(gzip.compress(text.encode()))
    return path


def rows_of(run: Path) -> list[dict[str, Any]]:
    """Read the history without what differs between two equal trainings."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "chars_per_second", "check")}
        for row in rows
    ]


def require_same_training(left: Path, right: Path) -> None:
    """Require that two runs agree in every bit that training computes."""
    import torch

    from nextchar.training.checkpoint import load_tensors

    for name in ("model.safetensors", "last/training.safetensors"):
        (tensors, content), (others, other_content) = (
            load_tensors(run / name) for run in (left, right)
        )
        assert tensors.keys() == others.keys()
        assert [key for key in tensors if not torch.equal(tensors[key], others[key])] == []
        for timed in ("seconds", "deadline", "validation_seconds", "metrics_size"):
            content.pop(timed, None)
            other_content.pop(timed, None)
        assert content == other_content
    assert rows_of(left) == rows_of(right)


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small texts: ``english.txt`` and ``korean.txt``."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "english.txt").write_text(english(6000), encoding="utf-8")
    (folder / "korean.txt").write_text(korean(3000), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def finished(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run on the English text; tests only read it."""
    from nextchar.language_model.training import train

    folder = tmp_path_factory.mktemp("runs") / "finished"
    train(texts / "english.txt", folder, **TINY_OPTIONS)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the complete run, to be damaged."""
    return shutil.copytree(finished, tmp_path / "run")
