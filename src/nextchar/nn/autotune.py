"""The choice of the fastest arithmetic on this machine, by short trials if necessary."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from nextchar.compilation.cache import was_compiled
from nextchar.config import NetworkConfig
from nextchar.nn.cell import Cell
from nextchar.nn.cells import build_cell
from nextchar.nn.initialization import initialize_cell
from nextchar.nn.precision import Arithmetic, computing_in, has_bfloat16, has_int16
from nextchar.nn.recurrent import supports_integers, unroll

_DTYPES = torch.bfloat16, torch.float32
_CANDIDATES: tuple[Arithmetic, Arithmetic] = "int16", "bfloat16"
_SECONDS = 0.1
_CLEARLY = 1.2
_STEPS = 32
_WORTH_COMPILING = 60.0  # seconds of training


def fastest_arithmetic(
    config: NetworkConfig, batch: int, device: torch.device, *, seconds: float = math.inf
) -> Arithmetic:
    """Return the arithmetic in which a layer of a network trains fastest, with streams [B].

    Integers halve the time of float32's products, so they need no trial against it. On a processor
    that has bfloat16 too, a layer is trained in both for a moment. Without integers, or with a cell
    that does not support them, bfloat16 must be clearly faster than float32 in the product
    [B, H] · [H, 4·H].

    A new installation has to compile the loops of integers first: a training of too few
    ``seconds`` to regain that time uses bfloat16, which needs hardly any compilation.
    """
    layer = build_cell(config, config.hidden_size)
    if not supports_integers(layer) or not has_int16(device):
        if not has_bfloat16(device):
            return "float32"
        low, usual = (_product(batch, config.hidden_size, device, each) for each in _DTYPES)
        return "bfloat16" if _seconds(low) * _CLEARLY < _seconds(usual) else "float32"
    if not has_bfloat16(device):
        return "int16"
    if seconds < _WORTH_COMPILING and not _loops_were_compiled():
        return "bfloat16"
    initialize_cell(layer, config, torch.Generator().manual_seed(0))
    seconds_of = {each: _seconds(_training(layer, batch, each)) for each in _CANDIDATES}
    return min(_CANDIDATES, key=lambda each: seconds_of[each])


def _loops_were_compiled() -> bool:
    # Imported here because it loads the compiler.
    from nextchar.nn.kernels.gru_reset_after import gru_reset_after_sequence
    from nextchar.nn.kernels.lstm import lstm_sequence

    return was_compiled(lstm_sequence) or was_compiled(gru_reset_after_sequence)


def _product(
    batch: int, hidden: int, device: torch.device, dtype: torch.dtype
) -> Callable[[], None]:
    left = torch.ones(batch, hidden, dtype=dtype, device=device)
    right = torch.ones(hidden, 4 * hidden, dtype=dtype, device=device)

    def multiply() -> None:
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize()

    return multiply


def _training(layer: Cell, batch: int, arithmetic: Arithmetic) -> Callable[[], None]:
    hidden = layer.hidden_size
    inputs, state = torch.zeros(_STEPS, batch, hidden), layer.initial_state(batch)

    def step() -> None:
        with computing_in(arithmetic, inputs.device):
            outputs, _ = unroll(layer, inputs, state)
        torch.autograd.backward(outputs.sum())

    return step


def _seconds(call: Callable[[], None]) -> float:
    """Return the shortest time of a call after the first one, which may compile."""
    call()
    times: list[float] = []
    ends = time.perf_counter() + _SECONDS
    while not times or time.perf_counter() < ends:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)
