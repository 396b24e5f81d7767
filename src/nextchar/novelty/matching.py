"""The longest match with a corpus that ends at each symbol of a text.

The automaton of the text reads the corpus once, block by block. Its state and the match length
describe the longest suffix of the corpus so far that is a substring of the text. Each state stores
its longest match. If a string matches, so do its suffixes; at the end, the matches are therefore
propagated along the suffix links. The corpus needs no index, and memory depends only on the text.

Only whole characters count: a match is recorded only if the next symbol of the corpus may follow
the end of a character.

Memory latency dominates the time, because the address of a state is known only after the previous
state has been read. Four readers therefore process parts of a block in turn, and their latencies
overlap. Each reader continues into the next part until its match lies entirely within that part,
where the next reader has found the same match.

Shapes: n symbols of the text, V vocabulary size; id V matches no symbol.
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
_FEW_EDGES = 8  # for which linear search is faster than binary search

# Columns of the table of readers.
_STATE, _MATCH, _CHARACTERS, _PLACE, _END = range(5)


class Matches(NamedTuple):
    """The longest match with the corpus that ends at each symbol of the text.

    Attributes
    ----------
    lengths
        Length of the match in symbols, int64[n]; 0 for no match.
    ends
        End of one occurrence of the match in the corpus, in characters, int64[n].
    """

    lengths: NDArray[np.int64]
    ends: NDArray[np.int64]


class Matcher:
    """Matches a corpus against a text.

    Parameters
    ----------
    ids
        The text, uint32[n], n from 1 to ``automaton.MAX_TEXT_LENGTH``; ids 0 to V.
    starts
        Whether each symbol begins a character, bool[V].
    follows
        Whether each symbol may follow the end of a character in the corpus, bool[V].
    """

    def __init__(self, ids: NDArray[np.uint32], starts: Flags, follows: Flags) -> None:
        self._automaton = build(ids)
        # One more symbol: the terminator that ``finish`` appends.
        self._starts, self._follows = np.append(starts, False), np.append(follows, True)
        self._ends = np.zeros(len(self._automaton.states), np.int64)
        self._state, self._match, self._characters = ROOT, 0, 0

    @property
    def characters(self) -> int:
        """Number of characters of the corpus read so far."""
        return self._characters

    def read(self, block: NDArray[np.uint32]) -> None:
        """Read the next block of the corpus: any number of ids, 0 to V − 1."""
        bounds = [len(block) * part // _READERS for part in range(_READERS + 1)]
        readers = np.zeros((_READERS, 5), np.int64)
        readers[0, _STATE], readers[0, _MATCH] = self._state, self._match
        readers[:, _PLACE], readers[:, _END] = bounds[:-1], bounds[1:]
        for reader, start, end in zip(readers, bounds[:-1], bounds[1:], strict=True):
            reader[_CHARACTERS] = self._characters
            self._characters += int(np.count_nonzero(self._starts[block[start:end]]))
        _match_block(block, self._starts, self._follows, self._automaton, self._ends, readers)
        # Of the readers at the end of the block, the first has the longest match.
        first = readers[readers[:, _PLACE] == len(block)][0]
        self._state, self._match = int(first[_STATE]), int(first[_MATCH])

    def finish(self) -> Matches:
        """Return the matches of the text, after the whole corpus has been read."""
        self.read(np.array([len(self._starts) - 1], np.uint32))
        _propagate(self._automaton.states, self._ends)
        prefixes = self._automaton.prefixes
        lengths = self._automaton.states[prefixes, BEST].astype(np.int64)
        return Matches(lengths, self._ends[prefixes])


@compiled
def _match_block(
    block: NDArray[np.uint32],
    starts: Flags,
    follows: Flags,
    automaton: SuffixAutomaton,
    ends: Places,
    readers: NDArray[np.int64],
) -> None:
    """Read a block with all readers, int64[., 5], and update them.

    Record the longest match of each state in its row, and the end of this match in the corpus, in
    characters, in ``ends``, int64[S].
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
    """Return the target of a state's edge for a symbol; the root if there is no such edge."""
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
def _propagate(states: NDArray[np.int32], ends: Places) -> None:
    """Propagate the matches along the suffix links, first to shorter strings and then back.

    Afterwards, ``BEST`` of a state is the length of the longest suffix of its strings that occurs
    in the corpus.
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
