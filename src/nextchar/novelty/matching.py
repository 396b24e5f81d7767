"""What a text shares with a corpus: for every place, the longest string that ends there.

The corpus is read once, block by block, through the automaton of the text: the state and the
length of the match are what the newest symbols of the corpus have in common with some place of
the text. Each state remembers its longest match; a match of a string is one of its suffixes too,
which is told to the states along the links when all is read. So the corpus needs no index, and
the memory depends on the text alone.

Only whole characters count: a match is noted where the next symbol of the corpus may follow the
end of a character.

Most of the time goes into waiting for memory: where a state lies is known only when the last one
has been read. So a block is read at four places in turn, and their waits overlap. The reader of
a part goes on into the next part until its match lies in there as a whole, for then the reader
of that part knows it too.

Legend: n symbols of the text, V symbols of the vocabulary; id V is a symbol that nothing matches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled
from nextchar.novelty.automaton import (
    BEST,
    EDGE,
    END_EDGE,
    LENGTH,
    LINK,
    ROOT,
    SYMBOL,
    TARGET,
    SuffixAutomaton,
    build,
)

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

_READERS = 4
_FEW_EDGES = 8  # that are looked through faster than they are searched

# Columns of a table of readers.
_STATE, _MATCH, _CHARACTERS, _PLACE, _END = range(5)


class Matches(NamedTuple):
    """The longest string of the corpus that ends at each symbol of the text.

    Attributes
    ----------
    lengths
        Its symbols, int64[n]; 0 where there is none.
    ends
        Characters of the corpus up to the end of one place where it stands, int64[n].
    """

    lengths: NDArray[np.int64]
    ends: NDArray[np.int64]


class Matcher:
    """Reads a corpus and compares it with a text.

    Parameters
    ----------
    ids
        The text, [n], n from 1 to ``automaton.LONGEST_TEXT``; ids 0 to V.
    starts
        Whether each symbol begins a character, bool[V].
    follows
        Whether each symbol of the corpus may stand after the end of a character, bool[V].
    """

    def __init__(self, ids: NDArray[np.uint32], starts: Flags, follows: Flags) -> None:
        self._automaton = build(ids)
        # One symbol more: what ``finish`` puts after the last.
        self._starts, self._follows = np.append(starts, False), np.append(follows, True)
        self._ends = np.zeros(len(self._automaton.states), np.int64)
        self._state, self._match, self._characters = ROOT, 0, 0

    @property
    def characters(self) -> int:
        """Characters of the corpus that were read."""
        return self._characters

    def read(self, block: NDArray[np.uint32]) -> None:
        """Read the next ids of the corpus, any number of them, 0 to V - 1."""
        bounds = [len(block) * part // _READERS for part in range(_READERS + 1)]
        readers = np.zeros((_READERS, 5), np.int64)
        readers[0, _STATE], readers[0, _MATCH] = self._state, self._match
        readers[:, _PLACE], readers[:, _END] = bounds[:-1], bounds[1:]
        for reader, start, end in zip(readers, bounds[:-1], bounds[1:], strict=True):
            reader[_CHARACTERS] = self._characters
            self._characters += int(np.count_nonzero(self._starts[block[start:end]]))
        _follow(block, self._starts, self._follows, self._automaton, self._ends, readers)
        # The first of those that came to the end began before the others: it knows them all.
        first = readers[readers[:, _PLACE] == len(block)][0]
        self._state, self._match = int(first[_STATE]), int(first[_MATCH])

    def finish(self) -> Matches:
        """Give the matches of the text, when the whole corpus has been read."""
        self.read(np.array([len(self._starts) - 1], np.uint32))
        _spread(self._automaton.states, self._ends)
        prefixes = self._automaton.prefixes
        lengths = self._automaton.states[prefixes, BEST].astype(np.int64)
        return Matches(lengths, self._ends[prefixes])


@compiled
def _follow(
    block: NDArray[np.uint32],
    starts: Flags,
    follows: Flags,
    automaton: SuffixAutomaton,
    ends: Places,
    readers: NDArray[np.int64],
) -> None:
    """Read a block with all readers, int64[., 5], and leave them where they came to.

    Notes the longest match of each state in its row and, in ``ends`` int64[S], the characters
    of the corpus up to its end.
    """
    states = automaton.states
    unfinished = True
    while unfinished:
        unfinished = False
        for reader in readers:
            place, state, match = reader[_PLACE], reader[_STATE], reader[_MATCH]
            if place == len(block) or place - reader[_END] >= match:
                continue
            unfinished = True
            symbol = block[place]
            if follows[symbol] and match > states[state, BEST]:
                states[state, BEST] = match
                ends[state] = reader[_CHARACTERS]
            target = _target(automaton, state, symbol)
            if target == ROOT and state != ROOT:
                reader[_STATE] = states[state, LINK]
                reader[_MATCH] = states[reader[_STATE], LENGTH]
                continue
            reader[_STATE] = target
            reader[_MATCH] = match + 1 if target != ROOT else 0
            reader[_CHARACTERS] += starts[symbol]
            reader[_PLACE] = place + 1


@compiled
def _target(automaton: SuffixAutomaton, state: int, symbol: np.uint32) -> int:
    """Give the state that a symbol leads to, or the root, to which no edge leads."""
    row = automaton.states[state]
    if row[SYMBOL] == symbol:
        return int(row[TARGET])
    low, high = row[EDGE] + 1, row[END_EDGE]
    while high - low > _FEW_EDGES:
        middle = (low + high) // 2
        if automaton.symbols[middle] <= symbol:
            low = middle
        else:
            high = middle
    for edge in range(low, high):
        if automaton.symbols[edge] == symbol:
            return int(automaton.targets[edge])
    return ROOT


@compiled
def _spread(states: NDArray[np.int32], ends: Places) -> None:
    """Tell each match to the shorter strings, then give each state the longest one up its links.

    Afterwards ``BEST`` of a state is the longest of the corpus among all suffixes of its strings.
    """
    for state in range(len(states) - 1, 0, -1):
        link = states[state, LINK]
        if states[state, BEST] > 0 and states[link, BEST] < states[link, LENGTH]:
            states[link, BEST] = states[link, LENGTH]
            ends[link] = ends[state]
    for state in range(1, len(states)):
        if states[state, BEST] == 0:
            link = states[state, LINK]
            states[state, BEST] = states[link, BEST]
            ends[state] = ends[link]
