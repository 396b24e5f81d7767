"""Ahead-of-time compilation of all training and generation loops.

Shapes: T time steps, B streams.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from nextchar.compilation.cache import cache_folders, compilation_seconds, storing_problem
from nextchar.config import NetworkConfig
from nextchar.errors import StorageError
from nextchar.experts.warmup import compile_experts
from nextchar.following import each_a_part
from nextchar.generation.warmup import compile_generation
from nextchar.nn.network import Network
from nextchar.nn.precision import Arithmetic, computing_in, has_bfloat16, has_int16

# Large enough for integer GEMMs, and wider than the sizes that torch handles in bfloat16.
_HIDDEN, _STREAMS, _STEPS, _SYMBOLS = 208, 8, 4, 5
_CELLS: Sequence[dict[str, str]] = (
    {"cell": "lstm"},
    {"cell": "gru"},
    {"cell": "rnn"},
    {"cell": "peephole_lstm"},
    {"cell": "gru", "reset": "before"},
)


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """The result of a compilation.

    Attributes
    ----------
    folders
        The folders of the stored code.
    seconds
        The total duration.
    compiling_seconds
        The time spent compiling; 0 if all code was stored already.
    """

    folders: tuple[Path, ...]
    seconds: float
    compiling_seconds: float


def compile_loops() -> Compiled:
    """Compile and store all training and generation loops for this processor.

    Raises
    ------
    StorageError
        The code cannot be stored.
    """
    began = time.monotonic()
    works: list[Callable[[], None]] = [
        partial(compile_generation, "float32"),
        partial(compile_generation, "int8"),
        compile_experts,
        *(partial(_train, *each) for each in itertools.product(_CELLS, _arithmetics())),
    ]
    for work in each_a_part(works):
        work()
        problem = storing_problem()
        if problem is not None:
            raise StorageError(f"compiled code cannot be stored: {problem}")
    return Compiled(
        folders=cache_folders(),
        seconds=time.monotonic() - began,
        compiling_seconds=compilation_seconds(),
    )


def _arithmetics() -> list[Arithmetic]:
    cpu = torch.device("cpu")
    has: dict[Arithmetic, bool] = {
        "float32": True,
        "int16": has_int16(cpu),
        "bfloat16": has_bfloat16(cpu),
    }
    return [each for each, is_there in has.items() if is_there]


def _train(cell: dict[str, str], arithmetic: Arithmetic) -> None:
    """Run the forward and backward pass of a two-layer network on one window."""
    sizes = {"hidden_size": _HIDDEN, "embedding_size": _HIDDEN, "layers": 2}
    config = NetworkConfig.from_dict({**sizes, **cell})
    network = Network(_SYMBOLS, config, generator=torch.Generator().manual_seed(0))
    ids = torch.zeros(_STEPS, _STREAMS, dtype=torch.long)
    with computing_in(arithmetic, ids.device):
        with torch.inference_mode():
            network(ids, network.initial_state(_STREAMS))
        logits, _ = network(ids, network.initial_state(_STREAMS))
    torch.autograd.backward(logits.float().sum())
