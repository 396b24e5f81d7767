"""Background compilation of the generation loop, in a process of its own.

A thread would share the interpreter with the plain loop, which would wait for it at every call. The
compiled code is stored for later runs, so the process continues to its end, for some seconds, even
if the text is finished earlier.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from functools import cache

import torch

from nextchar.compilation.cache import LOGGER, place_of, storing_problem
from nextchar.config import NetworkConfig
from nextchar.generation.compiled.loop import CompiledLoop
from nextchar.generation.compiled.step import write
from nextchar.generation.engine import TextGenerator
from nextchar.generation.plain import StoredWeights
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

_LOCK_FILE = "generation.lock"


def is_under_way() -> bool:
    """Say whether any process of this installation is compiling the loop; tell so, once."""
    place = place_of(write)
    if place is None:
        return False
    try:
        # The file is there once a process has begun to compile.
        with (place / _LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        _tell_once()
        return True
    except OSError:
        return False
    return False


@cache
def _tell_once() -> None:
    LOGGER.info(
        "compiling the loops of generation in the background, once per installation (about 15 s); "
        "until then the text is written without them"
    )


@cache
def prepare_beside(stored: StoredWeights) -> subprocess.Popen[bytes] | None:
    """Begin to compile in another process, at the first call; ``None`` where that cannot be.

    Only one process of an installation compiles at a time: it holds a lock until it ends, which is
    taken here, so that several programs that begin together do not start several.
    """
    place = place_of(write)
    if place is None or not sys.executable:
        return None
    try:
        with (place / _LOCK_FILE).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return _begun(stored, file.fileno())
    except OSError:
        return None


def _begun(stored: StoredWeights, lock: int) -> subprocess.Popen[bytes]:
    """Start the process; it holds the lock as long as it lives, and gets no Ctrl-C.

    It stays in this session: Linux weighs each session as a whole (autogroup), whatever the
    priorities within it. Its imports have a low priority too.
    """
    call = (
        "import os; os.nice(19); from nextchar.generation import warmup; "
        f"warmup.prepare({stored!r})"
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


def prepare(stored: StoredWeights) -> None:
    """Compile and store the loop, with as little disturbance as possible.

    Raises
    ------
    SystemExit
        The code could not be stored.
    """
    _yield_to_others()
    torch.set_num_threads(2)  # compiles the second thread's part too
    compile_generation(stored)
    if storing_problem() is not None:
        raise SystemExit(1)


def _yield_to_others() -> None:
    """Let this process run only where no other one wants the processor.

    The threads of a training wait for each other at every step: with a competitor of nearly their
    own priority, a step takes fifty times as long.
    """
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def compile_generation(stored: StoredWeights) -> None:
    """Compile or load all generation code for weights stored in this format."""
    config = NetworkConfig(hidden_size=16, embedding_size=8)
    network = Network(4, config, generator=torch.Generator().manual_seed(0))
    writer = TextGenerator(
        network, torch.zeros(1, dtype=torch.long), Sampling(), [0], engine="plain"
    )
    CompiledLoop(network, Sampling(), writer.position, stored, None).load()
