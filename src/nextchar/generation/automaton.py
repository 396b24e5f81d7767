"""What a text may go on with: a table of states, made once, asked at every symbol.

A constraint is a deterministic automaton over symbols. Symbols that it never tells apart share a
class, so that the table stays small. Works on ids and knows no text.

Shapes: V vocabulary size, S states, C classes of symbols, B samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENDED = -1  # where a text has ended: its symbols from there on, and its state
NO_LIMIT = 1 << 62  # characters of a text that may become as long as it likes


@dataclass(frozen=True, kw_only=True)
class Automaton:
    """Which symbols may follow, and where a text may end.

    No state is a dead end: from each that can be reached, a text can be finished.

    Attributes
    ----------
    classes
        The class of each symbol, int32[V].
    following
        The state after a symbol of each class, int32[S, C]; −1 where it may not follow. State 0
        is where a text begins.
    accepts
        Whether a text may end here, bool[S].
    distance
        The fewest characters with which a text can be finished from here, int64[S].
    starts
        Whether each symbol begins a character, bool[V].
    ends
        Whether a text may end before it has its length. Where it may end, it does with the
        probability of all symbols that may not follow; elsewhere the others are made likelier.
    """

    classes: NDArray[np.int32]
    following: NDArray[np.int32]
    accepts: NDArray[np.bool_]
    distance: NDArray[np.int64]
    starts: NDArray[np.bool_]
    ends: bool


@dataclass
class ConstraintState:
    """Where each of B texts stands in an automaton; the loops move it on.

    Attributes
    ----------
    state
        int64[B], ``ENDED`` where a text has ended.
    left
        Characters that each may still have, int64[B].
    """

    state: NDArray[np.int64]
    left: NDArray[np.int64]

    @classmethod
    def begin(cls, samples: int, length: int) -> ConstraintState:
        """Give B texts that have not begun."""
        return cls(np.zeros(samples, np.int64), np.full(samples, length))

    def allowed(self, automaton: Automaton) -> NDArray[np.bool_]:
        """Say which symbols may follow each text, bool[B, V]: none where it has ended."""
        after = automaton.following[self.state][:, automaton.classes]
        left = self.left[:, None] - automaton.starts
        fits = (after >= 0) & (left >= automaton.distance[after]) & (left >= 0)
        allowed: NDArray[np.bool_] = fits & (self.state != ENDED)[:, None]
        return allowed

    def may_end(self, automaton: Automaton) -> NDArray[np.bool_]:
        """Say which texts may end now, bool[B]."""
        here = automaton.accepts[self.state] & (self.state != ENDED)
        may_end: NDArray[np.bool_] = here & (automaton.ends | (self.left == 0))
        return may_end

    def advance(self, automaton: Automaton, symbols: NDArray[np.int64]) -> None:
        """Read a symbol of each text, int64[B]; ``ENDED`` ends it."""
        going = (symbols != ENDED) & (self.state != ENDED)
        after = automaton.following[self.state, automaton.classes[symbols]]
        self.left -= going & automaton.starts[symbols]
        self.state = np.where(going, after, ENDED).astype(np.int64)
