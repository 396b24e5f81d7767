"""Text generation, with the fastest loop for the network and the options.

The plain and the compiled loop produce the same text, up to float32 rounding in the logits. The
compiled loop is many times faster, but loading its code takes time. ``auto`` therefore starts with
the plain loop and switches to the compiled one at a fixed position in the text. A seed thus
produces the same beginning, regardless of the length of the text and of its pieces.

In a new installation the code has to be compiled first. This happens in the background
(``warmup``), and the plain loop continues until the code is ready.

Works on ids. Shapes: B samples, n symbols.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from nextchar.config import ExpertUse
from nextchar.errors import ConfigError
from nextchar.following import report_symbols
from nextchar.generation.automaton import NO_LIMIT, Automaton, ConstraintState
from nextchar.generation.cuda_graph import CapturedStep
from nextchar.generation.fixing import Fixed, FixedUnits
from nextchar.generation.plain import Loop, PlainLoop, Position, Step, StoredWeights, Symbols
from nextchar.generation.sampling import Sampling
from nextchar.generation.uniforms import Uniforms
from nextchar.nn.network import Network, State
from nextchar.nn.quantization import with_int8_weights

if TYPE_CHECKING:
    from nextchar.experts.experts import Experts
    from nextchar.generation.mixer import Mixer

# Reads a prompt int64[T, B] from a state: returns logits [T, B, V] and the state.
Read: TypeAlias = "Callable[[Tensor, State], tuple[Tensor, State]]"

# The experts to mix with the network, and how they are used.
MixtureUse: TypeAlias = "tuple[Experts | None, ExpertUse]"

Engine = Literal["auto", "compiled", "plain", "captured"]

PLAIN_SYMBOLS = 512  # per sample; they take about as long as loading the compiled code
_CHECK_EVERY = 64  # symbols between two checks for compiled code
# Minimum duration of plain generation that justifies compiling code that cannot be stored.
_WORTH_COMPILING = 60.0


class TextGenerator:
    """Generates B samples that continue one prompt.

    Parameters
    ----------
    network
        Switched to evaluation mode; otherwise not modified.
    prompt
        int64[n], n ≥ 1; shared by all samples.
    sampling
        The sampling options.
    seeds
        One seed for each of the B samples.
    excluded, excluded_first
        Symbols excluded everywhere, and symbols excluded only in the first position.
    engine
        ``compiled``; ``plain``; ``auto``, which is plain for ``PLAIN_SYMBOLS`` and then compiled;
        or ``captured``, which is plain on a GPU with the network's step as one CUDA graph.
    weights
        The storage format of the weights in the compiled loop. With ``int8``, ``auto`` uses the
        compiled loop from the start.
    constraint
        The constraint on all samples; ``None`` for none.
    length
        Maximum number of characters, within which a sample must satisfy the constraint.
    mixture
        The experts to mix with the network, and their use; see ``generation.mixer``.
    fixed
        Units held at values, by name; see ``generation.fixing``. The loop is then plain.

    Raises
    ------
    ConfigError
        The network does not support the options, or no text of this length satisfies the
        constraint.
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
        mixture: MixtureUse = (None, "none"),
        fixed: Fixed | None = None,
    ) -> None:
        network.eval()
        self._network = network
        self._sampling = sampling
        self._weights: StoredWeights = weights
        self._excluded = excluded
        self._excluded_first = excluded_first
        self._plain_symbols = _plain_symbols(network, engine, weights)
        reader = network if weights == "float32" else with_int8_weights(network)
        read: Read = reader
        step: Step = network.step
        if fixed:
            if weights != "float32" or engine not in ("auto", "plain"):
                raise ConfigError(
                    f"fixed units need the plain engine and float32 weights; got engine "
                    f"{engine!r}, weights {weights!r}"
                )
            units = FixedUnits(network, fixed)
            self._plain_symbols, read, step = sys.maxsize, units.read, units.step
        self._constraint = constraint
        if constraint is not None and constraint.distance[0] > length:
            raise ConfigError(
                f"the shortest text that satisfies the constraint has {constraint.distance[0]:,} "
                f"characters; got length {length:,}"
            )
        self._position = _prime(reader, read, prompt, sampling, seeds, length, mixture)
        if engine == "captured":
            step = CapturedStep(network, self._position.state)
        self._loop: Loop = PlainLoop(sampling, self._position, step, constraint)
        self._written = 0
        self._is_auto = engine == "auto" and weights == "float32"
        self._length = length
        self._start_time = 0.0

    def write(self, count: int) -> Symbols:
        """Return the next symbols of each sample, int64[count, B]; ``ENDED`` after its end.

        Raises
        ------
        NextcharError
            The network's logits are not finite numbers.
        """
        parts = [np.empty((0, len(self._position.logits)), np.int64)]
        while count > 0:
            if self._written == self._plain_symbols:
                self._switch_to_compiled()
            changes = [place for place in (1, self._plain_symbols) if place > self._written]
            part = min([count, *(place - self._written for place in changes)])
            first = self._excluded_first if self._written == 0 else ()
            parts.append(self._loop.write(part, [*self._excluded, *first]))
            self._written += part
            count -= part
            report_symbols(part)
            if self._written == 1:  # the first symbol is the slowest, and is not timed
                self._start_time = time.monotonic()
        return np.concatenate(parts)

    @property
    def position(self) -> Position:
        """The state of the plain loop."""
        return self._position

    def _switch_to_compiled(self) -> None:
        """Switch to the compiled loop, or prepare a later switch."""
        try:
            # Imported only here, because importing numba takes a sixth of a second.
            from nextchar.generation import warmup
            from nextchar.generation.compiled.loop import CompiledLoop
        except ConfigError:  # compilation is disabled
            if not self._is_auto:
                raise
            self._plain_symbols = sys.maxsize
            return
        if self._is_auto and warmup.is_compiling():
            self._plain_symbols += _CHECK_EVERY
            return
        loop = CompiledLoop(
            self._network, self._sampling, self._position, self._weights, self._constraint
        )
        if self._is_auto and not loop.is_ready:
            warmup.compile_in_background(self._weights)
            if warmup.is_compiling() or not self._is_worth_compiling():
                self._plain_symbols += _CHECK_EVERY
                return
        loop.load()
        self._loop = loop

    def _is_worth_compiling(self) -> bool:
        """Return whether the remaining text justifies compiling for this process alone."""
        pace = (time.monotonic() - self._start_time) / (self._written - 1)
        return (self._length - self._written) * pace >= _WORTH_COMPILING


def _plain_symbols(network: Network, engine: Engine, weights: StoredWeights) -> int:
    """Return the number of symbols to generate before the compiled loop takes over."""
    if engine not in get_args(Engine):
        raise ConfigError(f"engine must be one of {', '.join(get_args(Engine))}; got {engine!r}")
    if weights not in get_args(StoredWeights):
        allowed = ", ".join(get_args(StoredWeights))
        raise ConfigError(f"weights must be one of {allowed}; got {weights!r}")
    if weights != "float32" and engine == "plain":
        raise ConfigError(f"weights {weights!r} need the compiled engine; got engine 'plain'")
    weight = network.head.weight
    if engine == "captured":
        if weight.device.type != "cuda" or weights != "float32":
            raise ConfigError(
                f"the captured engine needs float32 weights on a GPU; got {weights} on "
                f"{weight.device}"
            )
        return sys.maxsize
    is_supported = weight.device.type == "cpu" and weight.dtype == torch.float32
    if not is_supported and (engine == "compiled" or weights != "float32"):
        raise ConfigError(
            f"the compiled engine needs a float32 network on the CPU; got {weight.dtype} on "
            f"{weight.device}"
        )
    if engine == "plain" or not is_supported:
        return sys.maxsize
    return PLAIN_SYMBOLS if engine == "auto" and weights == "float32" else 0


def _prime(
    network: Network,
    read: Read,
    prompt: Tensor,
    sampling: Sampling,
    seeds: Sequence[int],
    length: int,
    mixture: MixtureUse,
) -> Position:
    """Read the prompt once and return the position after it, for all samples."""
    B = len(seeds)
    with torch.inference_mode():
        begin = network.initial_state(1, int(prompt[0]))
        logits, state = read(prompt.to(begin[0][0].device).unsqueeze(1), begin)
        copies = tuple(
            tuple(tensor.expand(B, -1).contiguous() for tensor in cell_state)
            for cell_state in state
        )
        recent = prompt[-sampling.repetition_window :].expand(B, -1)
        mixer = mixer_of(mixture, prompt, logits.squeeze(1))
        return Position(
            logits[-1].expand(B, -1),
            copies,
            recent,
            Uniforms(seeds),
            ConstraintState.begin(B, length),
            None if mixer is None else mixer.texts(B),
        )


def mixer_of(mixture: MixtureUse, prompt: Tensor, logits: Tensor) -> Mixer | None:
    """Return the mixture after a prompt, or ``None`` without experts; see ``Mixer``."""
    experts, use = mixture
    if experts is None:
        return None
    # Imported only here, because importing numba takes a sixth of a second.
    from nextchar.generation.mixer import Mixer

    return Mixer(experts, use, prompt, logits)
