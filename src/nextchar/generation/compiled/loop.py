"""The loop that writes with compiled code, on the CPU, from where the plain one stands.

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
from nextchar.generation.automaton import ENDED, Automaton
from nextchar.generation.compiled.matvec import Desk, Panels, close_desk, help_out, open_desk
from nextchar.generation.compiled.packing import make_memory, pack
from nextchar.generation.compiled.sampling import NOT_A_NUMBER, Chooser, make_chooser
from nextchar.generation.compiled.step import Buffers, Weights, write
from nextchar.generation.plain import Position, StoredWeights, Symbols, not_finite
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

PIECE_SECONDS = 0.02  # of text between two looks at the clock
LONGEST_PIECE = 512  # symbols of each sample
SHORT_PIECE = 64  # symbols in all; in fewer, to begin a thread takes longer than it saves
RETRY, PIECES_AVERAGED = 16, 4
CLEARLY = 0.9  # of the time


class CompiledLoop:
    """Writes B texts side by side: everything between two symbols is compiled.

    Where torch may use a second core, a second thread helps with the products, in the pieces of
    text in which that was found to be faster: another program may need the core.

    Parameters
    ----------
    network
        Of float32, on the CPU; its weights are copied.
    sampling
        How symbols are chosen.
    position
        Where the texts stand; only the uniforms and the progress move on.
    stored
        What the weights are kept in.
    constraint
        What holds the texts; ``None`` for free ones.

    It must be loaded before it writes.
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
        self._uniforms = position.uniforms
        self._can_share = torch.get_num_threads() > 1
        # By whether they were shared: what a symbol took in the last pieces, 0 before the first.
        self._seconds = {False: 0.0, True: 0.0}
        self._pieces = 0

    @property
    def is_ready(self) -> bool:
        """Whether the code only has to be loaded."""
        return is_ready(write, *self._nothing) and (
            not self._can_share or is_ready(help_out, *self._idle_desk)
        )

    def load(self) -> None:
        """Load or compile the code before generation."""
        write(*self._nothing)
        if self._can_share:
            help_out(*self._idle_desk)  # exits at once: the work queue is empty
            close_desk(self._memory.desk)

    @property
    def _nothing(self) -> tuple[Weights, Buffers, Chooser, NDArray[np.float64], Symbols]:
        """Arguments with which the loop generates nothing."""
        B = self._memory.logits.shape[1]
        return self._weights, self._memory, self._chooser, np.empty((0, B)), np.empty((0, B), int)

    @property
    def _idle_desk(self) -> tuple[Panels, Desk]:
        return self._weights.panels, self._memory.desk

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols of each sample, int64[count, B], none of them excluded."""
        self._chooser.barred[:] = False
        self._chooser.barred[list(excluded)] = True
        uniforms = self._uniforms.draw(count)
        symbols = np.empty(uniforms.shape, np.int64)
        start = 0
        while start < count:
            piece = slice(start, start + self._next_piece())
            self._write_piece(uniforms[piece], symbols[piece])
            start = piece.stop
        return symbols

    def _next_piece(self) -> int:
        """Give how many symbols of each sample to write next."""
        shortest = -(-SHORT_PIECE // int(self._memory.logits.shape[1]))
        known = [seconds for seconds in self._seconds.values() if seconds > 0]
        fitting = int(PIECE_SECONDS / min(known)) if known else 0
        return min(LONGEST_PIECE, max(shortest, fitting))

    def _write_piece(self, uniforms: NDArray[np.float64], symbols: Symbols) -> None:
        measured = symbols.size >= SHORT_PIECE
        shared = measured and self._shares_next()
        began = time.perf_counter()
        with self._helper() if shared else nullcontext():
            written = write(self._weights, self._memory, self._chooser, uniforms, symbols)
        if written < len(symbols):
            if (symbols[written] == NOT_A_NUMBER).any():
                raise not_finite()
            symbols[written:] = ENDED
        if measured:
            self._measured(shared, (time.perf_counter() - began) / len(symbols))

    def _measured(self, shared: bool, seconds: float) -> None:
        """Follow what a symbol takes: down at once, up slowly, as other programs only delay."""
        before = self._seconds[shared] or seconds
        slower = before + (seconds - before) / PIECES_AVERAGED
        self._seconds[shared] = min(seconds, slower)

    def _shares_next(self) -> bool:
        """Take what was faster when it was last tried, and now and then try the other."""
        if not self._can_share:
            return False
        self._pieces += 1
        if self._seconds[True] == 0:
            return self._seconds[False] > 0
        faster = self._seconds[True] < CLEARLY * self._seconds[False]
        return faster != (self._pieces % RETRY == 0)

    @contextmanager
    def _helper(self) -> Iterator[None]:
        panels, desk = self._weights.panels, self._memory.desk
        open_desk(desk)
        thread = Thread(target=help_out, args=(panels, desk))
        thread.start()
        try:
            yield
        finally:
            close_desk(desk)
            thread.join()
