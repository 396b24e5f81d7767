"""Compiling the loop that writes in a process of its own, beside the one that writes plainly.

A thread would not do: it would share the interpreter with the plain loop, which would wait for it
at every call. What the process has compiled is stored for all that come later, so it goes on to
its end, some seconds, even if the text is finished before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from functools import cache

import torch

from nextchar.config import NetworkConfig
from nextchar.generation.compiled import CompiledLoop
from nextchar.generation.engine import Writer
from nextchar.generation.kernel import write
from nextchar.generation.plain import StoredWeights
from nextchar.generation.sampling import Sampling
from nextchar.machine_code import LOGGER, place_of
from nextchar.nn.network import Network

_LOCK_FILE = "generation.lock"


@cache
def prepare_beside(stored: StoredWeights) -> subprocess.Popen[bytes] | None:
    """Begin to compile in another process, once; ``None`` where that cannot be."""
    if place_of(write) is None or not sys.executable:
        return None
    call = f"from nextchar.generation import preparing; preparing.prepare({stored!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        process = subprocess.Popen(  # noqa: S603  (this very Python)
            [sys.executable, "-c", call],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return None
    LOGGER.info(
        "the loops of generation are compiled beside, once in an installation (about 15 s); "
        "until then the text is written without them"
    )
    return process


def prepare(stored: StoredWeights) -> None:
    """Compile and store the loop, with as little disturbance as possible.

    Only one process does so at a time; those that come second find the work done.
    """
    os.nice(5)
    place = place_of(write)
    with contextlib.ExitStack() as closing:
        if place is not None:
            file = closing.enter_context((place / _LOCK_FILE).open("wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        torch.set_num_threads(2)  # the second thread's part too
        compile_generation(stored)


def compile_generation(stored: StoredWeights) -> None:
    """Compile, or load, all that writes texts with weights that are stored so."""
    config = NetworkConfig(hidden_size=16, embedding_size=8)
    network = Network(4, config, generator=torch.Generator().manual_seed(0))
    writer = Writer(network, torch.zeros(1, dtype=torch.long), Sampling(), [0], engine="plain")
    CompiledLoop(network, Sampling(), writer.position, stored, None).load()
