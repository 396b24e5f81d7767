"""Commands that read hostile files, each in a process with limits on time and memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import PROCESSES, contents
from tests.memory import memory, peak, reset_peak
from tests.regression.signing import seal

FIXTURES = Path(__file__).parent.parent / "fixtures"
SECONDS = 5.0  # of processor time, of a command
HANGING_SECONDS = 60.0
MEGABYTES = 64  # beside twice the size of the file
ADDRESS_SPACE = 6 << 30  # beyond this, an allocation fails at once
LONGEST_LINE = 2000
Change = Callable[[Path, random.Random], str]

_SMALL = ("--hidden-size", 8, "--embedding-size", 6, "--precision", "float32", "--device", "cpu")
_TRAINING = (*_SMALL, "--batch-size", 4, "--sequence-length", 16, "--steps", 6)
# The commands that read each kind of run. Their folder has runs/ and texts/.
COMMANDS: Mapping[str, Sequence[tuple[object, ...]]] = {
    "interrupted": (
        ("generate", "RUN", "--length", 3, "--seed", 1, "--engine", "plain"),
        ("evaluate", "RUN"),
        ("info", "RUN"),
        ("train", "--resume", "RUN", "--quiet"),
    ),
    "jamo": (("generate", "RUN", "--length", 3, "--engine", "plain"), ("info", "RUN")),
    "begun": (("info", "RUN"), ("train", "--resume", "RUN", "--quiet")),
    "given_vectors": (("info", "RUN"), ("train", "--resume", "RUN", "--quiet")),
    "extended": (("info", "RUN"), ("train", "--resume", "RUN", "--quiet")),
    "interrupted_classifier": (
        ("classify", "predict", "RUN", "a lovely film"),
        ("info", "RUN"),
        ("classify", "train", "--resume", "RUN", "--quiet"),
    ),
    "interrupted_tagger": (
        ("tag", "apply", "RUN", "texts/unspaced.txt"),
        ("info", "RUN"),
        ("tag", "train", "--resume", "RUN", "--quiet"),
    ),
    "tagger_bio": (("tag", "apply", "RUN", "texts/unlabelled.txt"), ("info", "RUN")),
    "interrupted_transducer": (
        ("transduce", "apply", "RUN", "abc", "--beam", 1),
        ("transduce", "evaluate", "RUN", "--beam", 1, "--sample", 5),
        ("transduce", "train", "--resume", "RUN", "--quiet"),
    ),
    "interrupted_conditional": (
        ("condition", "generate", "RUN", "--seed", 1, "--engine", "plain"),
        ("info", "RUN"),
        ("condition", "train", "--resume", "RUN", "--quiet"),
    ),
    "conditional_features": (
        ("condition", "generate", "RUN", "--vector", "6,3", "--seed", 1, "--engine", "plain"),
        ("condition", "train", "--resume", "RUN", "--quiet"),
    ),
    "embeddings": (("embeddings", "nearest", "RUN", "e", "t", "--count", 3),),
    "comparison": (
        ("compare", "texts/english.txt", "--cells", "rnn,gru", *_TRAINING,
         "--quiet", "--out", "RUN"),
    ),
    "crossval": (
        ("crossval", "texts/english.txt", "--folds", 2, *_TRAINING, "--quiet", "--out", "RUN"),
    ),
    "tuning": (
        ("tune", "texts/english.txt", "--search", "dropout=0,0.2", "--trials", 2,
         "--method", "grid", *_TRAINING, "--quiet", "--out", "RUN"),
    ),
}  # fmt: skip
# Files that no command reads: they are written for people.
_UNREAD = ("README.md", "table.md", "best.toml")
# In an experiment, the runs are those of a language model, with its own trials.
_OWN = {
    "comparison": r"comparison\.json|results/.*",
    "crossval": r"cross-validation\.json|results/.*",
    "tuning": r"tuning\.json|journal\.jsonl",
}


def files_of(kind: str) -> list[str]:
    """Return the files of a kind of run that its commands read."""
    folder = FIXTURES / "runs" / kind
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    return [
        name
        for name in names
        if name not in _UNREAD and re.fullmatch(_OWN.get(kind, ".*"), name) is not None
    ]


def copied(kind: str, place: Path) -> Path:
    """Copy a run and the texts into a folder, and return the run."""
    shutil.copytree(FIXTURES / "texts", place / "texts", dirs_exist_ok=True)
    run = shutil.copytree(FIXTURES / "runs" / kind, place / "runs" / kind)
    if kind.startswith("interrupted"):  # Four steps and a validation are enough.
        config = run / "config.json"
        config.write_text(re.sub(r'"steps": \d+', '"steps": 20', config.read_text()))
        seal(run)
    return run


@dataclass
class Ended:
    """A command that has ended: its outcome, processor time in seconds, and memory in bytes."""

    code: int | None
    err: str
    seconds: float
    grown: int

    def problems(self, size: int) -> list[str]:
        """Return what is wrong with it, for a file of this many bytes."""
        found = []
        if self.code == 2:
            # Notes may precede the error.
            lines = [line for line in self.err.splitlines() if not line.startswith("note: ")]
            one = len(lines) == 1 and lines[0].startswith("nextchar: ") and self.err[-1] == "\n"
            if not one or len(self.err) > LONGEST_LINE:
                found.append(f"not one line: {self.err[:300]!r}")
        elif self.code != 0 or "Traceback" in self.err:
            found.append(f"code {self.code}: {self.err[-1500:]}")
        if self.seconds > SECONDS:
            found.append(f"{self.seconds:.1f} s")
        if self.grown > 2 * size + (MEGABYTES << 20):
            found.append(f"{self.grown >> 20} MB")
        return found


class _Kept(io.BytesIO):
    """Bytes that outlive the stream that wrote them."""

    def close(self) -> None:
        """Stay open."""


def command(args: Sequence[object], place: Path, run: Path) -> Ended:
    """Run a command in this process, in a folder."""
    from nextchar.cli import main

    said = _Kept()
    out, err = (io.TextIOWrapper(raw, encoding="utf-8") for raw in (_Kept(), said))
    argv = ["nextchar", *(str(run.relative_to(place)) if a == "RUN" else str(a) for a in args)]
    saved = sys.argv, Path.cwd(), sys.stdin
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    code: int | None = None
    sys.argv, sys.stdin = argv, io.TextIOWrapper(io.BytesIO(b""))
    os.chdir(place)
    before, began = reset_peak(), time.process_time()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _deadline():
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else None
    except BaseException as error:  # noqa: BLE001  (each is a defect, and told)
        import traceback

        said.write("".join(traceback.format_exception(error)[-4:]).encode())
        code = None
    finally:
        seconds, grown = time.process_time() - began, peak() - before
        sys.argv, _, sys.stdin = saved
        os.chdir(saved[1])
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Ended(code, said.getvalue().decode(), seconds, grown)


class Late(BaseException):
    """A command takes too long; no handler of errors may catch this."""


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    def late(*_: object) -> None:
        raise Late(f"it takes more than {HANGING_SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, HANGING_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def check(
    kind: str,
    size: int,
    run: Path,
    place: Path,
    outside: Mapping[str, bytes],
    usual: Sequence[int],
    history: bytes | None,
) -> tuple[int, list[str]]:
    """Run all commands on a run with a changed file, and compare.

    Parameters
    ----------
    size
        Size of the changed file.
    outside
        The files outside of the run.
    usual
        The memory that each command takes for an unchanged run.
    history
        The original ``metrics.jsonl``.

    Returns
    -------
    int, list
        The number of refusals, and the problems.
    """
    problems, refused = [], 0
    is_history = contents(run).get("metrics.jsonl") != history
    for args, grown in zip(COMMANDS[kind], usual, strict=True):
        before = contents(run)
        ended = command(args, place, run)
        found = ended.problems(size + grown // 2)
        refused += ended.code == 2
        # A wrong row of the history may be found as late as when it is needed.
        if ended.code == 2 and contents(run) != before and not is_history:
            found.append("the run was changed")
        elsewhere = {k: v for k, v in contents(place).items() if not k.startswith("runs")}
        if elsewhere != outside:
            found.append("something was written outside of the run")
        problems += [f"{' '.join(map(str, args[:3]))}: {each}" for each in found]
    return refused, problems


def attack(
    kind: str, names: Sequence[str], changes: int, seed: int, change: Change, place: Path
) -> dict[str, Any]:
    """Change a file of a run in many ways, one at a time, and run the commands on each."""
    run = copied(kind, place)
    whole = contents(run)
    outside = {k: v for k, v in contents(place).items() if not k.startswith("runs")}
    draw = random.Random(seed)
    failures: list[str] = []
    refused = tried = 0
    usual: list[int] = []
    for _ in range(2):  # The first time loads and compiles, which is not the file's fault.
        usual = [command(args, place, run).grown for args in COMMANDS[kind]]
        _restore(run, whole)
    for number in range(changes):
        name = names[number % len(names)]
        what = change(run / name, draw)
        if name.endswith("ids.bin"):
            seal(run)
        size = (run / name).stat().st_size if (run / name).is_file() else 0
        tried += 1
        found, problems = check(kind, size, run, place, outside, usual, whole.get("metrics.jsonl"))
        refused += found > 0
        failures += [f"{kind} {name}: {what}: {each}" for each in problems]
        _restore(run, whole)
    return {"tried": tried, "refused": refused, "failures": failures}


def _restore(run: Path, whole: Mapping[str, bytes]) -> None:
    for path in sorted(run.rglob("*"), reverse=True):
        if path.is_symlink() or not path.is_dir():
            if str(path.relative_to(run)) in whole and path.is_file() and not path.is_symlink():
                continue
            path.unlink()
        elif not any(name.startswith(f"{path.relative_to(run)}/") for name in whole):
            path.rmdir()
    for name, data in whole.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.unlink(missing_ok=True)
            path.write_bytes(data)


def _in_child(function: Callable[..., dict[str, Any]], args: tuple[Any, ...], result: Path) -> None:
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + ADDRESS_SPACE,) * 2)
    result.write_text(json.dumps(function(*args)))


def in_child(
    function: Callable[..., dict[str, Any]], *args: object, folder: Path, seconds: float
) -> dict[str, Any]:
    """Call a function in another process, with a limit on its memory, and return its result."""
    result = folder / "result.json"
    process = PROCESSES.Process(target=_in_child, args=(function, args, result))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"it did not end within {seconds} s: {args[:4]}")
    assert process.exitcode == 0, f"it ended with {process.exitcode}: {args[:4]}"
    values: dict[str, Any] = json.loads(result.read_text())
    return values
