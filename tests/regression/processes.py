"""Commands as processes of their own, whose standard streams are files or terminals."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import tty
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.test_commands import CALLS, SIZES
from tests.conftest import DEADLINE_SECONDS, PROCESSES

NOTHING = "/dev/null"


@dataclass(frozen=True)
class Result:
    """The exit code of a command, and the bytes on standard output and standard error."""

    code: int | None
    out: bytes
    err: bytes


def run_command(
    words: Sequence[object], *, stdout: str = "", stderr: str = "", folder: Path
) -> Result:
    """Run a command; each stream is a path, by default that of a new file."""
    files = [folder / "stdout", folder / "stderr"]
    for file in files:
        file.write_bytes(b"")
    streams = [stdout or str(files[0]), stderr or str(files[1])]
    process = PROCESSES.Process(target=_be, args=(list(map(str, words)), streams))
    process.start()
    process.join(DEADLINE_SECONDS)
    process.kill()
    return Result(process.exitcode, *(file.read_bytes() for file in files))


def run_on_terminals(words: Sequence[object], *, folder: Path) -> Result:
    """Run a command whose standard output and standard error are a terminal each."""
    with _terminal() as (out, read_out), _terminal() as (err, read_err):
        code = run_command(words, stdout=out, stderr=err, folder=folder).code
    return Result(code, bytes(read_out), bytes(read_err))


def words_of(name: str, places: dict[str, Path], out: Path) -> list[str]:
    """Return the call of a command in the catalogue of calls, with these files and folders."""
    fillings = {"OUT": str(out), **{f"{{{key}}}": str(path) for key, path in places.items()}}
    pattern = re.compile("|".join(map(re.escape, fillings)))
    words = [pattern.sub(lambda found: fillings[found[0]], word) for word in CALLS[name].split()]
    size = ["--hidden-size", "8", "--embedding-size", "4", "--precision", "float32"]
    return [*name.split(), *words, *(size if name in SIZES else [])]


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[str, bytearray]]:
    """Yield the name of a new terminal, and the bytes that it receives."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    received = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # which ends it: the other side is closed
            while data := os.read(ours, 65536):
                received.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield os.ttyname(theirs), received
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)


def _be(words: list[str], streams: list[str]) -> None:
    """Be the command: runs in the new process, with these streams."""
    from nextchar.cli import main

    for number, name in enumerate((NOTHING, *streams)):
        descriptor = os.open(name, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    sys.argv = ["nextchar", *words]
    main()
