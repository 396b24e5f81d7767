"""Constraints on generation: a table of states, built once and consulted at every symbol.

A constraint is a deterministic finite automaton over symbol ids. Symbols with the same transitions
in every state share a class, which keeps the table small.

Shapes: V vocabulary size, S states, C symbol classes, B samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENDED = -1  # the state and all later symbols of a text that has ended
NO_LIMIT = 1 << 62  # characters, for texts without a length limit


@dataclass(frozen=True, kw_only=True)
class Automaton:
    """The allowed symbols in each state, and the states in which a text may end.

    There are no dead ends: every reachable state leads to an accepting one.

    Attributes
    ----------
    classes
        The class of each symbol, int32[V].
    following
        The transitions: the next state for each state and class, int32[S, C]; −1 if the class is
        not allowed. State 0 is the initial state.
    accepts
        Whether a text may end in each state, bool[S].
    distance
        The minimum number of characters from each state to an accepting one, int64[S].
    starts
        Whether each symbol begins a character, bool[V].
    ends
        Whether a text may end before its maximum length. In an accepting state it then ends with
        the total probability of the symbols that are not allowed. In every other state the
        probabilities of the allowed symbols are renormalised.
    """

    classes: NDArray[np.int32]
    following: NDArray[np.int32]
    accepts: NDArray[np.bool_]
    distance: NDArray[np.int64]
    starts: NDArray[np.bool_]
    ends: bool


@dataclass
class ConstraintState:
    """The states of B texts in an automaton; the generation loops update them.

    Attributes
    ----------
    state
        int64[B]; ``ENDED`` for a text that has ended.
    left
        The characters remaining for each text, int64[B].
    """

    state: NDArray[np.int64]
    left: NDArray[np.int64]

    @classmethod
    def begin(cls, samples: int, length: int) -> ConstraintState:
        """Return the initial state of B texts."""
        return cls(np.zeros(samples, np.int64), np.full(samples, length))

    def allowed(self, automaton: Automaton) -> NDArray[np.bool_]:
        """Return the symbols allowed next in each text, bool[B, V]; none if it has ended."""
        after = automaton.following[self.state][:, automaton.classes]
        left = self.left[:, None] - automaton.starts
        fits = (after >= 0) & (left >= automaton.distance[after]) & (left >= 0)
        allowed: NDArray[np.bool_] = fits & (self.state != ENDED)[:, None]
        return allowed

    def may_end(self, automaton: Automaton) -> NDArray[np.bool_]:
        """Return whether each text may end now, bool[B]."""
        accepting = automaton.accepts[self.state] & (self.state != ENDED)
        may_end: NDArray[np.bool_] = accepting & (automaton.ends | (self.left == 0))
        return may_end

    def advance(self, automaton: Automaton, symbols: NDArray[np.int64]) -> None:
        """Advance each text by one symbol, int64[B]; ``ENDED`` ends the text."""
        active = (symbols != ENDED) & (self.state != ENDED)
        after = automaton.following[self.state, automaton.classes[symbols]]
        self.left -= active & automaton.starts[symbols]
        self.state = np.where(active, after, ENDED).astype(np.int64)
