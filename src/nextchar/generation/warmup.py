"""Background compilation of the generation loop in a separate process.

A thread would compete with the plain loop for the interpreter lock. The compiled code is stored for
later runs, so the process completes even if the text is finished earlier.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from functools import cache

import torch

from nextchar.compilation.cache import LOGGER, cache_folder, storing_problem
from nextchar.config import NetworkConfig
from nextchar.generation.compiled.loop import CompiledLoop
from nextchar.generation.compiled.step import write
from nextchar.generation.engine import TextGenerator
from nextchar.generation.plain import StoredWeights
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

_LOCK_FILE = "generation.lock"


def is_compiling() -> bool:
    """Return whether a process of this installation is compiling the loop; log it once."""
    folder = cache_folder(write)
    if folder is None:
        return False
    try:
        # The file exists once a process has started to compile.
        with (folder / _LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        _log_once()
        return True
    except OSError:
        return False
    return False


@cache
def _log_once() -> None:
    LOGGER.info(
        "compiling the loops of generation in the background, once per installation (about 15 s); "
        "until then generation runs without them"
    )


@cache
def compile_in_background(stored: StoredWeights) -> subprocess.Popen[bytes] | None:
    """Start to compile in another process, at the first call; return ``None`` if impossible.

    Only one process per installation compiles at a time, and holds a lock until it exits. The
    caller acquires the lock, so concurrent programs start only one process.
    """
    folder = cache_folder(write)
    if folder is None or not sys.executable:
        return None
    try:
        with (folder / _LOCK_FILE).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return _start_process(stored, file.fileno())
    except OSError:
        return None


def _start_process(stored: StoredWeights, lock: int) -> subprocess.Popen[bytes]:
    """Start the process, which holds the lock until it exits and receives no Ctrl-C.

    It stays in the caller's session, because Linux shares processor time between sessions
    (autogroup) regardless of the priorities within them. Its imports run at low priority too.
    """
    call = (
        "import os; os.nice(19); from nextchar.generation import warmup; "
        f"warmup.compile_and_store({stored!r})"
    )
    return subprocess.Popen(  # noqa: S603  (this very Python)
        [sys.executable, "-c", call],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        pass_fds=[lock],
        process_group=0,
    )


def compile_and_store(stored: StoredWeights) -> None:
    """Compile and store the loop at the lowest priority.

    Raises
    ------
    SystemExit
        The code could not be stored.
    """
    _lower_priority()
    torch.set_num_threads(2)  # so that the code of worker threads is compiled too
    compile_generation(stored)
    if storing_problem() is not None:
        raise SystemExit(1)


def _lower_priority() -> None:
    """Run this process only on idle processors.

    Training threads wait for each other at every step. Competition from a process of similar
    priority makes a step take fifty times as long.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def compile_generation(stored: StoredWeights) -> None:
    """Compile or load all generation code for a storage format of the weights."""
    config = NetworkConfig(hidden_size=16, embedding_size=8)
    network = Network(4, config, generator=torch.Generator().manual_seed(0))
    writer = TextGenerator(
        network, torch.zeros(1, dtype=torch.long), Sampling(), [0], engine="plain"
    )
    CompiledLoop(network, Sampling(), writer.position, stored, None).load()
