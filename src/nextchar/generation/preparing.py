"""Background compilation of the generation loop, in a process of its own.

A thread would share the interpreter with the plain loop, which would wait for it at every call. The
compiled code is stored for later runs, so the process continues to its end, for some seconds, even
if the text is finished earlier.
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
    """Start compiling in another process, once; return ``None`` if that is impossible."""
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
        "compiling the loops of generation in the background, once per installation (about 15 s); "
        "until then the text is written without them"
    )
    return process


def prepare(stored: StoredWeights) -> None:
    """Compile and store the loop, with as little disturbance as possible.

    Only one process does so at a time; later ones find the code stored.
    """
    os.nice(5)
    place = place_of(write)
    with contextlib.ExitStack() as closing:
        if place is not None:
            file = closing.enter_context((place / _LOCK_FILE).open("wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        torch.set_num_threads(2)  # compiles the second thread's part too
        compile_generation(stored)


def compile_generation(stored: StoredWeights) -> None:
    """Compile or load all generation code for weights stored in this format."""
    config = NetworkConfig(hidden_size=16, embedding_size=8)
    network = Network(4, config, generator=torch.Generator().manual_seed(0))
    writer = Writer(network, torch.zeros(1, dtype=torch.long), Sampling(), [0], engine="plain")
    CompiledLoop(network, Sampling(), writer.position, stored, None).load()
