"""Generation with compiled code on the CPU, from the position of the plain loop.

Shapes: B samples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import Thread

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.compilation.cache import is_ready
from nextchar.experts.texts import Texts, no_texts
from nextchar.generation.automaton import ENDED, Automaton
from nextchar.generation.compiled.matvec import Panels, WorkQueue, close_queue, help_out, open_queue
from nextchar.generation.compiled.packing import make_memory, pack
from nextchar.generation.compiled.sampling import NOT_A_NUMBER, Chooser, make_chooser
from nextchar.generation.compiled.step import Buffers, Weights, write
from nextchar.generation.plain import Position, StoredWeights, Symbols, not_finite
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

PIECE_SECONDS = 0.02  # of generation between two looks at the clock
LONGEST_PIECE = 512  # symbols of each sample
SHORT_PIECE = 64  # symbols in all; for fewer, starting a thread takes longer than it saves
RETRY, PIECES_AVERAGED = 16, 4
CLEARLY = 0.9  # of the time


class CompiledLoop:
    """Generates B texts side by side; everything between two symbols is compiled.

    If torch may use a second core, a second thread helps with the products of those pieces of text
    for which that was measured to be faster: another program may need the core.

    Parameters
    ----------
    network
        Of float32, on the CPU; its weights are copied.
    sampling
        The options of the choice of symbols.
    position
        The position of the texts; only the uniforms and the progress advance.
    stored
        The storage type of the weights.
    constraint
        The automaton that constrains the texts, or ``None``.

    It must be loaded before generation.
    """

    def __init__(
        self,
        network: Network,
        sampling: Sampling,
        position: Position,
        stored: StoredWeights,
        constraint: Automaton | None,
    ) -> None:
        self._weights = pack(network, stored)
        self._memory = make_memory(self._weights, position.logits, position.state)
        self._chooser = make_chooser(
            sampling,
            network.vocabulary_size,
            position.recent.numpy(),
            constraint,
            position.progress,
        )
        self._texts = no_texts() if position.texts is None else position.texts.compiled
        self._uniforms = position.uniforms
        self._can_share = torch.get_num_threads() > 1
        # Seconds per symbol in the last pieces with and without a helper, 0 before the first.
        self._seconds = {False: 0.0, True: 0.0}
        self._pieces = 0

    @property
    def is_ready(self) -> bool:
        """Whether the code only has to be loaded."""
        return is_ready(write, *self._nothing) and (
            not self._can_share or is_ready(help_out, *self._closed_queue)
        )

    def load(self) -> None:
        """Load or compile the code before generation."""
        write(*self._nothing)
        if self._can_share:
            help_out(*self._closed_queue)  # exits at once: the work queue is empty
            close_queue(self._memory.queue)

    @property
    def _nothing(
        self,
    ) -> tuple[Weights, Buffers, Texts, Chooser, NDArray[np.float64], Symbols]:
        """Arguments with which the loop generates nothing."""
        B = self._memory.logits.shape[1]
        nothing = np.empty((0, B)), np.empty((0, B), int)
        return self._weights, self._memory, self._texts, self._chooser, *nothing

    @property
    def _closed_queue(self) -> tuple[Panels, WorkQueue]:
        return self._weights.panels, self._memory.queue

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Return the next symbols of each sample, int64[count, B], none of them excluded."""
        self._chooser.masked[:] = False
        self._chooser.masked[list(excluded)] = True
        uniforms = self._uniforms.draw(count)
        symbols = np.empty(uniforms.shape, np.int64)
        start = 0
        while start < count:
            piece = slice(start, start + self._next_piece())
            self._write_piece(uniforms[piece], symbols[piece])
            start = piece.stop
        return symbols

    def _next_piece(self) -> int:
        """Return the number of symbols of each sample in the next piece."""
        shortest = -(-SHORT_PIECE // int(self._memory.logits.shape[1]))
        known = [seconds for seconds in self._seconds.values() if seconds > 0]
        fitting = int(PIECE_SECONDS / min(known)) if known else 0
        return min(LONGEST_PIECE, max(shortest, fitting))

    def _write_piece(self, uniforms: NDArray[np.float64], symbols: Symbols) -> None:
        measured = symbols.size >= SHORT_PIECE
        shared = measured and self._shares_next()
        began = time.perf_counter()
        with self._helper() if shared else nullcontext():
            written = write(
                self._weights, self._memory, self._texts, self._chooser, uniforms, symbols
            )
        if written < len(symbols):
            if (symbols[written] == NOT_A_NUMBER).any():
                raise not_finite()
            symbols[written:] = ENDED
        if measured:
            self._measured(shared, (time.perf_counter() - began) / len(symbols))

    def _measured(self, shared: bool, seconds: float) -> None:
        """Update the time per symbol: down at once, up slowly.

        Other programs can only increase a measured time.
        """
        before = self._seconds[shared] or seconds
        slower = before + (seconds - before) / PIECES_AVERAGED
        self._seconds[shared] = min(seconds, slower)

    def _shares_next(self) -> bool:
        """Return whether to share: the faster way so far, or occasionally the other one."""
        if not self._can_share:
            return False
        self._pieces += 1
        if self._seconds[True] == 0:
            return self._seconds[False] > 0
        faster = self._seconds[True] < CLEARLY * self._seconds[False]
        return faster != (self._pieces % RETRY == 0)

    @contextmanager
    def _helper(self) -> Iterator[None]:
        panels, queue = self._weights.panels, self._memory.queue
        open_queue(queue)
        thread = Thread(target=help_out, args=(panels, queue))
        thread.start()
        try:
            yield
        finally:
            close_queue(queue)
            thread.join()
