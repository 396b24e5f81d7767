"""The suffix automaton of a text: a machine that knows every substring of it.

A state stands for the substrings that end at the same places of the text: the longest of them
has ``LENGTH`` symbols, the others are its suffixes, down to one symbol more than the longest
string of the state that its ``LINK`` leads to. Reading a symbol follows an edge, and forgetting
what was read first follows a link. A text of n symbols has at most 2n states and 3n edges, which
one pass over it finds:

    A. Blumer, J. Blumer, D. Haussler, A. Ehrenfeucht, M. T. Chen, J. Seiferas: The smallest
    automaton recognizing the subwords of a text. Theoretical Computer Science 40, 1985.

Legend: n symbols of the text, S states, E edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled

Numbers = NDArray[np.int32]

LONGEST_TEXT = (2**31 - 1) // 3  # symbols: edges are counted in int32

# Columns of ``SuffixAutomaton.states``: a state fills half a cache line.
LINK, LENGTH, BEST, EDGE, END_EDGE, SYMBOL, TARGET = range(7)
ROOT = 0

_COLUMNS = 8  # 32 bytes
_NONE = -1
_SCATTER = 0x1E3779B97F4A7C15  # odd, and no pattern in its bits: mixes keys as a factor


class SuffixAutomaton(NamedTuple):
    """The substrings of a text, in states that are numbered by rising length.

    Attributes
    ----------
    states
        int32[S, 8], in columns: where the link leads, always to a lower number; the length of
        the longest string; the longest match that was seen, 0 at first; the first edge and the
        end of the edges; and the symbol and the target of the first edge once more, since most
        states have no other.
    symbols, targets
        The edges, int32[E]; those of a state stand side by side, by rising symbol.
    prefixes
        The state of the text up to and with each symbol, int32[n].
    """

    states: Numbers
    symbols: Numbers
    targets: Numbers
    prefixes: Numbers


class _Draft(NamedTuple):
    """An automaton that grows: its edges are linked lists, so that a state can be copied.

    ``links``, ``lengths`` and ``newest`` (edge) are of states, int32[2n]; ``symbols``,
    ``targets``, ``owners`` and ``older`` (edge of the same state) of edges, int32[3n]. Since some
    states have an edge for every symbol, an edge is found by state and symbol in ``slots``
    int32[.], a hash table of edges with a power of two of places and at most 3/4 of them taken.
    """

    links: Numbers
    lengths: Numbers
    newest: Numbers
    symbols: Numbers
    targets: Numbers
    owners: Numbers
    older: Numbers
    slots: Numbers


def build(ids: NDArray[np.uint32]) -> SuffixAutomaton:
    """Make the automaton of a text, in one or two microseconds and some 250 bytes a symbol.

    Parameters
    ----------
    ids
        The text, uint32[n], n from 1 to ``LONGEST_TEXT``; ids below 2²¹, as code points are.
    """
    n = len(ids)
    links, lengths, newest = np.empty((3, 2 * n), np.int32)
    symbols, targets, owners, older = np.empty((4, 3 * n), np.int32)
    slots = np.full(1 << (4 * n - 1).bit_length(), _NONE, np.int32)
    draft = _Draft(links, lengths, newest, symbols, targets, owners, older, slots)
    prefixes = np.empty(n, np.int32)
    states, edges = _grow(ids, draft, prefixes)
    return _settled(draft, states, edges, prefixes)


def _settled(draft: _Draft, states: int, edges: int, prefixes: Numbers) -> SuffixAutomaton:
    """Give the states numbers by rising length, and lay their edges side by side.

    The short strings, which are met most often, then share a few pages of memory, and a loop
    over the numbers meets every state after the one that its link leads to.
    """
    order = np.argsort(draft.lengths[:states], kind="stable")
    number = np.empty(states, np.int32)
    number[order] = np.arange(states, dtype=np.int32)

    owners = number[draft.owners[:edges]]
    by_owner = np.argsort(owners.astype(np.int64) << 32 | draft.symbols[:edges])
    symbols = draft.symbols[:edges][by_owner]
    targets = number[draft.targets[:edges][by_owner]]
    ends = np.cumsum(np.bincount(owners, minlength=states))

    table = np.zeros((states, _COLUMNS), np.int32)
    links = draft.links[:states][order]
    table[1:, LINK] = number[links[1:]]
    table[:, LENGTH] = draft.lengths[:states][order]
    table[1:, EDGE] = ends[:-1]
    table[:, END_EDGE] = ends
    first = np.minimum(table[:, EDGE], edges - 1)
    table[:, SYMBOL] = np.where(table[:, EDGE] < ends, symbols[first], _NONE)
    table[:, TARGET] = targets[first]
    return SuffixAutomaton(table, symbols, targets, number[prefixes])


@compiled
def _grow(ids: NDArray[np.uint32], draft: _Draft, prefixes: Numbers) -> tuple[int, int]:
    """Read the text, and give how many states and edges it has; the root is state 0."""
    links, lengths, targets = draft.links, draft.lengths, draft.targets
    links[ROOT], lengths[ROOT], draft.newest[ROOT] = _NONE, 0, _NONE
    states, edges, last = 1, 0, 0
    for place in range(len(ids)):
        symbol = np.int32(ids[place])
        new = states
        states += 1
        lengths[new], draft.newest[new] = place + 1, _NONE
        state, edge = last, _NONE
        while state != _NONE:
            edge = _edge(draft, state, symbol)
            if edge != _NONE:
                break
            _add_edge(draft, edges, state, symbol, new)
            edges += 1
            state = links[state]
        if state == _NONE:
            links[new] = ROOT
        else:
            met = targets[edge]
            if lengths[met] != lengths[state] + 1:
                # The strings of ``met`` that are longer than what was met here end at fewer
                # places from now on: the shorter ones become a state of their own.
                shorter = states
                states += 1
                lengths[shorter], draft.newest[shorter] = lengths[state] + 1, _NONE
                links[shorter] = links[met]
                links[met] = shorter
                copied = draft.newest[met]
                while copied != _NONE:
                    _add_edge(draft, edges, shorter, draft.symbols[copied], targets[copied])
                    edges += 1
                    copied = draft.older[copied]
                while edge != _NONE and targets[edge] == met:
                    targets[edge] = shorter
                    state = links[state]
                    edge = _edge(draft, state, symbol) if state != _NONE else _NONE
                met = shorter
            links[new] = met
        prefixes[place] = new
        last = new
    return states, edges


@compiled
def _edge(draft: _Draft, state: int, symbol: np.int32) -> int:
    """Find the edge of a state for a symbol."""
    return int(draft.slots[_slot(draft, state, symbol)])


@compiled
def _slot(draft: _Draft, state: int, symbol: np.int32) -> int:
    """Find the slot of an edge, or the free one that it would take."""
    last = len(draft.slots) - 1
    key = np.int64(state) << 21 | symbol
    slot = ((key * _SCATTER) >> 32) & last
    edge = draft.slots[slot]
    while edge != _NONE and (draft.owners[edge] != state or draft.symbols[edge] != symbol):
        slot = (slot + 1) & last
        edge = draft.slots[slot]
    return int(slot)


@compiled
def _add_edge(draft: _Draft, edge: int, state: int, symbol: np.int32, target: int) -> None:
    draft.slots[_slot(draft, state, symbol)] = edge
    draft.symbols[edge], draft.targets[edge] = symbol, target
    draft.owners[edge], draft.older[edge] = state, draft.newest[state]
    draft.newest[state] = edge
