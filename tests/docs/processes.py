"""The processes in which documented commands and snippets run, each forked from a warm one.

Nothing of a command line is changed but the counts in ``MOST``; training loops end after a few
steps of a small network, and what is tried to plan them takes a moment.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import runpy
import shlex
import signal
import socket
import struct
import sys
import tomllib
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from nextchar.training.extension import Extension
from tests.docs.markdown import ROOT

MOST_STEPS = 4
# The most that these options may ask for; a larger number is replaced.
MOST = {
    "--length": 200, "--samples": 2, "--trials": 2, "--seeds": 1, "--folds": 2, "--count": 300,
    "--best": 3, "--beam": 4,
}  # fmt: skip
MOST_UNITS, FEW_UNITS = 192, 32  # a layer of more units than the most is made one of few
# What is tried before a training begins: for how long, how many steps, and on how many symbols.
_PROBES = {
    "PROBE_SECONDS": 0.01,
    "LEAST_PROBE_SECONDS": 0.01,
    "MOST_PROBE_SECONDS": 0.01,
    "PROBE_STEPS": 1,
    "VALIDATED_SYMBOLS": 256,
    "_SECONDS": 0.0,
    "_STEPS": 2,
}
_LENGTH = struct.Struct("!I")


def serve(path: str, log: str) -> None:
    """Run the commands that come to a socket, each in a process of its own, until killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _attend(client, log)
        client.close()


def _attend(client: socket.socket, log: str) -> NoReturn:
    """Run a client's command, and tell its exit code to the client and to the log."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(client, _LENGTH.size, 3)
    (size,) = _LENGTH.unpack(head)
    data = b""
    while len(data) < size:
        data += client.recv(size - len(data))
    request = json.loads(data)
    worker = os.fork()
    if worker == 0:
        client.close()
        os._exit(_work(request, streams))
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    with open(log, "a", encoding="utf-8") as lines:  # noqa: PTH123
        lines.write(json.dumps({"words": request["words"], "code": code}) + "\n")
    client.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _work(request: dict[str, Any], streams: Sequence[int]) -> int:
    """Be the command."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    program, *words = request["words"]
    code: object = 1
    try:
        shorten()
        PROGRAMS[program](words)
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    for output in (sys.stdout, sys.stderr):
        try:
            output.flush()
        except (AttributeError, OSError, ValueError):
            continue
    return code if isinstance(code, int) else int(code is not None)


def shorten() -> None:
    """Let trainings of this process end soon, compute in one thread, and plan in a moment."""
    import torch

    from nextchar.nn import autotune
    from nextchar.runs import training as run_training
    from nextchar.tasks import budget, item_task
    from nextchar.tasks.language_modeling import cost, creation
    from nextchar.training import extension

    torch.set_num_threads(1)  # Another page is run beside this one.
    for module, names in (
        (creation, ["PROBE_SECONDS"]),
        (cost, ["PROBE_STEPS", "VALIDATED_SYMBOLS"]),
        (budget, ["LEAST_PROBE_SECONDS", "MOST_PROBE_SECONDS"]),
        (autotune, ["_SECONDS", "_STEPS"]),
    ):
        for name in names:
            assert hasattr(module, name), f"{module.__name__} has no {name} to shorten"
            setattr(module, name, _PROBES[name])
    decide = _with_few_steps(creation.NewLanguageModel._decide, _with_few_units)
    creation.NewLanguageModel._decide = decide  # type: ignore[method-assign]
    item_task._decided = _with_few_steps(item_task._decided)
    run_training._seconds_of = lambda *_given: None  # The budget would be filled with steps.
    extension.Extension = _ShortExtension  # type: ignore[assignment, misc]


class _ShortExtension(Extension):
    """An extension of a few steps."""

    def __init__(self, *, first_step: int, steps: int, **others: Any) -> None:
        few = min(steps, first_step + MOST_STEPS)
        super().__init__(first_step=first_step, steps=few, **others)


def _with_few_steps(
    decide: Callable[..., Any], shrink: Callable[[Any], Any] = lambda config: config
) -> Callable[..., Any]:
    """Let what settles the config of a run settle for a few steps."""

    def decide_for_few(*given: Any, **named: Any) -> Any:
        config, validation_seconds = decide(*given, **named)
        few = min(config.training.steps, MOST_STEPS)
        return shrink(config).with_options(steps=few), validation_seconds

    return decide_for_few


def _with_few_units(config: Any) -> Any:
    """Make the layers of a network small."""
    units = config.network.hidden_size
    if units > MOST_UNITS:
        units = FEW_UNITS
    if config.network.tied:
        return config.with_options(hidden_size=units, embedding_size=units)
    return config.with_options(hidden_size=units)


def abridged(words: Sequence[str]) -> list[str]:
    """Replace the counts that are larger than they may be."""
    found = list(words)
    for place, (name, value) in enumerate(itertools.pairwise(words), 1):
        if name in MOST and value.isdigit() and int(value) > MOST[name]:
            found[place] = str(MOST[name])
    return found


def _nextchar(words: Sequence[str]) -> None:
    from nextchar.cli import main

    sys.argv = ["nextchar", *abridged(words)]
    main()


def _python(words: Sequence[str]) -> None:
    """Let a benchmark read its arguments, and end there; run a module."""
    if words[0] == "-m":
        PROGRAMS[{"nextchar": "nextchar", "torch.distributed.run": "torchrun"}[words[1]]](words[2:])
        return
    script = ROOT / words[0]
    read = argparse.ArgumentParser.parse_args

    def read_and_end(self: argparse.ArgumentParser, *args: Any, **named: Any) -> NoReturn:
        read(self, *args, **named)
        raise SystemExit(0)

    argparse.ArgumentParser.parse_args = read_and_end  # type: ignore[method-assign]
    sys.path.insert(0, str(script.parent))
    sys.argv = [words[0], *words[1:]]
    runpy.run_path(str(script), run_name="__main__")
    raise SystemExit(f"{words[0]} reads no arguments")


def _torchrun(words: Sequence[str]) -> None:
    """Read the launcher's arguments, and run the command as one process."""
    from torch.distributed.run import parse_args

    given = parse_args(list(words))  # type: ignore[no-untyped-call]
    if not given.module:
        raise SystemExit(f"torchrun does not start nextchar without -m: {shlex.join(words)}")
    PROGRAMS[given.training_script](given.training_script_args)


def _make(words: Sequence[str]) -> None:
    """Require that the Makefile has the targets."""
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in words:
        if not re.search(rf"^{re.escape(target)}:", rules, re.MULTILINE):
            raise SystemExit(f"Makefile has no target {target}")


def _pip(words: Sequence[str]) -> None:
    """Require that the extras that would be installed are there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words[1:]:
        extra = re.fullmatch(r"nextchar\[(\w+)\]", word)
        if extra and extra[1] not in project["optional-dependencies"]:
            raise SystemExit(f"pyproject.toml has no extra {extra[1]}")


def _tensorboard(words: Sequence[str]) -> None:
    """Require that there are events to be shown."""
    if not list(Path(words[words.index("--logdir") + 1]).rglob("events.out*")):
        raise SystemExit("tensorboard would have nothing to show")


PROGRAMS: dict[str, Callable[[Sequence[str]], None]] = {
    "nextchar": _nextchar,
    "python": _python,
    "torchrun": _torchrun,
    "make": _make,
    "pip": _pip,
    "tensorboard": _tensorboard,
}


def run_snippets(connection: Connection, folder: str, namespace: dict[str, Any]) -> None:
    """Run the snippets that come, each in what the ones before have left; answer with a traceback.

    The answer is empty where all went well.
    """
    os.chdir(folder)
    shorten()
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    namespace["__name__"] = "__main__"
    while True:
        try:
            source, name = connection.recv()
        except EOFError:
            return
        try:
            exec(compile(source, name, "exec", dont_inherit=True), namespace)
            connection.send("")
        except Exception:  # noqa: BLE001
            connection.send(traceback.format_exc())
