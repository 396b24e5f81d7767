"""Writing: a network, a prompt and a way to choose, and the loop that is fastest for them.

Two loops write the same text, up to the rounding of float32 in the logits. The compiled one is
many times faster, but has to be loaded. So ``auto`` begins with the plain one, and goes on with the
compiled one once the text has become long. That depends only on the position in the text: a
seed gives the same beginning, whatever the length of the text and of its pieces.

In a new installation the code has to be compiled first. Nothing waits for that: it is done in
the background (``warmup``), and the plain loop continues until then.

Works on ids and knows no text. Shapes: B samples, n symbols.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from nextchar.errors import ConfigError
from nextchar.following import report_symbols
from nextchar.generation.automaton import NO_LIMIT, Automaton, ConstraintState
from nextchar.generation.cuda_graph import CapturedStep
from nextchar.generation.plain import Loop, PlainLoop, Position, StoredWeights, Symbols
from nextchar.generation.sampling import Sampling
from nextchar.generation.uniforms import Uniforms
from nextchar.nn.network import Network

Engine = Literal["auto", "compiled", "plain", "captured"]

PLAIN_SYMBOLS = 512  # of each sample; about the time in which compiled code is loaded
_LOOK_EVERY = 64  # symbols between two checks for the compiled code
# Minimum duration of plain generation that justifies compiling code that cannot be stored.
_WORTH_COMPILING = 60.0


class TextGenerator:
    """Writes B samples that continue one prompt.

    Parameters
    ----------
    network
        Read only; its mode is set to evaluation.
    prompt
        int64[n], n ≥ 1: what every sample continues.
    sampling
        How symbols are chosen.
    seeds
        One seed a sample; B is their number.
    excluded, excluded_first
        Symbols that are never drawn, and those that are not drawn first.
    engine
        ``compiled``, ``plain``, ``auto``: plain for ``PLAIN_SYMBOLS``, then compiled; or
        ``captured``: plain on a GPU, with the network's step as one graph.
    weights
        What the compiled loop keeps the weights in: with ``int8``, ``auto`` is compiled from the
        start.
    constraint
        What all samples are held to.
    length
        Characters within which a sample must have satisfied the constraint.

    Raises
    ------
    ConfigError
        The network and the options do not go together, or the length is too short for any text
        that satisfies the constraint.
    """

    def __init__(
        self,
        network: Network,
        prompt: Tensor,
        sampling: Sampling,
        seeds: Sequence[int],
        *,
        excluded: Sequence[int] = (),
        excluded_first: Sequence[int] = (),
        engine: Engine = "auto",
        weights: StoredWeights = "float32",
        constraint: Automaton | None = None,
        length: int = NO_LIMIT,
    ) -> None:
        network.eval()
        self._network = network
        self._sampling = sampling
        self._weights: StoredWeights = weights
        self._excluded = excluded
        self._excluded_first = excluded_first
        self._plain_symbols = _plain_symbols(network, engine, weights)
        self._constraint = constraint
        if constraint is not None and constraint.distance[0] > length:
            raise ConfigError(
                f"the shortest text that satisfies the constraint has {constraint.distance[0]:,} "
                f"characters; got length {length:,}"
            )
        self._position = _prime(network, prompt, sampling, seeds, length)
        step = CapturedStep(network, self._position.state) if engine == "captured" else network.step
        self._loop: Loop = PlainLoop(sampling, self._position, step, constraint)
        self._written = 0
        self._waits = engine == "auto" and weights == "float32"
        self._length = length
        self._began = 0.0

    def write(self, count: int) -> Symbols:
        """Give the next symbols of each sample, int64[count, B]; ``ENDED`` after its end.

        Raises
        ------
        NextcharError
            The network's logits are not finite numbers.
        """
        parts = [np.empty((0, len(self._position.logits)), np.int64)]
        while count > 0:
            if self._written == self._plain_symbols:
                self._go_on_compiled()
            changes = [place for place in (1, self._plain_symbols) if place > self._written]
            part = min([count, *(place - self._written for place in changes)])
            first = self._excluded_first if self._written == 0 else ()
            parts.append(self._loop.write(part, [*self._excluded, *first]))
            self._written += part
            count -= part
            report_symbols(part)
            if self._written == 1:  # it took longer than all that follow
                self._began = time.monotonic()
        return np.concatenate(parts)

    @property
    def position(self) -> Position:
        """The state of the plain loop."""
        return self._position

    def _go_on_compiled(self) -> None:
        """Switch to the compiled loop, or prepare a later switch."""
        try:
            # Not before it is needed: numba takes a sixth of a second to import.
            from nextchar.generation import warmup
            from nextchar.generation.compiled.loop import CompiledLoop
        except ConfigError:  # Compilation is switched off.
            if not self._waits:
                raise
            self._plain_symbols = sys.maxsize
            return
        if self._waits and warmup.is_under_way():
            self._plain_symbols += _LOOK_EVERY
            return
        loop = CompiledLoop(
            self._network, self._sampling, self._position, self._weights, self._constraint
        )
        if self._waits and not loop.is_ready:
            warmup.prepare_beside(self._weights)
            if warmup.is_under_way() or not self._is_worth_compiling():
                self._plain_symbols += _LOOK_EVERY
                return
        loop.load()
        self._loop = loop

    def _is_worth_compiling(self) -> bool:
        """Return whether the rest is long enough to compile the code for this process alone."""
        pace = (time.monotonic() - self._began) / (self._written - 1)
        return (self._length - self._written) * pace >= _WORTH_COMPILING


def _plain_symbols(network: Network, engine: Engine, weights: StoredWeights) -> int:
    """Give how many symbols the plain loop writes before the compiled one goes on."""
    if engine not in get_args(Engine):
        raise ConfigError(f"engine must be one of {', '.join(get_args(Engine))}; got {engine!r}")
    if weights not in get_args(StoredWeights):
        allowed = ", ".join(get_args(StoredWeights))
        raise ConfigError(f"weights must be one of {allowed}; got {weights!r}")
    if weights != "float32" and engine == "plain":
        raise ConfigError(f"weights {weights!r} are for the compiled engine; got engine 'plain'")
    weight = network.head.weight
    if engine == "captured":
        if weight.device.type != "cuda" or weights != "float32":
            raise ConfigError(
                f"the captured engine takes float32 weights on a GPU; got {weights} on "
                f"{weight.device}"
            )
        return sys.maxsize
    suits = weight.device.type == "cpu" and weight.dtype == torch.float32
    if not suits and (engine == "compiled" or weights != "float32"):
        raise ConfigError(
            f"the compiled engine takes a float32 network on the CPU; got {weight.dtype} on "
            f"{weight.device}"
        )
    if engine == "plain" or not suits:
        return sys.maxsize
    return PLAIN_SYMBOLS if engine == "auto" and weights == "float32" else 0


def _prime(
    network: Network, prompt: Tensor, sampling: Sampling, seeds: Sequence[int], length: int
) -> Position:
    """Read the prompt once, for every sample."""
    B = len(seeds)
    with torch.inference_mode():
        begin = network.initial_state(1, int(prompt[0]))
        logits, state = network(prompt.to(begin[0][0].device).unsqueeze(1), begin)
        copies = tuple(
            tuple(tensor.expand(B, -1).contiguous() for tensor in cell_state)
            for cell_state in state
        )
        recent = prompt[-sampling.repetition_window :].expand(B, -1)
        logits = logits[-1].expand(B, -1)
        return Position(logits, copies, recent, Uniforms(seeds), ConstraintState.begin(B, length))
