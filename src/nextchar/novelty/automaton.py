"""The suffix automaton of a text, which accepts exactly its substrings.

A state represents all substrings that end at the same positions of the text. The longest of them
has ``LENGTH`` symbols. The others are its suffixes, and the shortest is one symbol longer than the
longest string of the state's suffix link, ``LINK``. An edge appends a symbol; a link removes
symbols from the start. The automaton of n symbols has at most 2n states and 3n edges, and a single
pass over the text builds it:

    A. Blumer, J. Blumer, D. Haussler, A. Ehrenfeucht, M. T. Chen, J. Seiferas: The smallest
    automaton recognizing the subwords of a text. Theoretical Computer Science 40, 1985.

Shapes: n symbols of the text, S states, E edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled

Numbers = NDArray[np.int32]

MAX_TEXT_LENGTH = (2**31 - 1) // 3  # symbols: edges are counted in int32

# Columns of ``SuffixAutomaton.states``. A state occupies half a cache line.
LINK, LENGTH, BEST, EDGE, END_EDGE, SYMBOL, TARGET = range(7)
ROOT = 0

_COLUMNS = 8  # 32 bytes
_NONE = -1
_HASH_FACTOR = 0x1E3779B97F4A7C15  # odd, with irregular bits, for multiplicative hashing


class SuffixAutomaton(NamedTuple):
    """The suffix automaton of a text; its states are sorted by length.

    Attributes
    ----------
    states
        int32[S, 8]. The columns are the suffix link, always to a lower state; the length of the
        longest string; the longest match so far, initially 0; the first edge and the end of the
        edges; and a copy of the first edge's symbol and target, since most states have only one
        edge.
    symbols, targets
        The edges, int32[E], contiguous for each state and sorted by symbol.
    prefixes
        The state of each prefix of the text, int32[n].
    """

    states: Numbers
    symbols: Numbers
    targets: Numbers
    prefixes: Numbers


class _Draft(NamedTuple):
    """An automaton under construction, with linked lists of edges that make states easy to copy.

    States have ``links``, ``lengths`` and their ``newest`` edge, each int32[2n]. Edges have
    ``symbols``, ``targets``, ``owners`` and the next ``older`` edge of the same state, each
    int32[3n]. A hash table ``slots``, int32[.], finds the edge of a state for a symbol, because
    some states have an edge for every symbol. Its size is a power of two, and its load is at most
    3/4.
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
    """Build the automaton of a text, in one or two microseconds and about 250 bytes per symbol.

    Parameters
    ----------
    ids
        The text, uint32[n], n from 1 to ``MAX_TEXT_LENGTH``; ids below 2²¹, like code points.
    """
    n = len(ids)
    links, lengths, newest = np.empty((3, 2 * n), np.int32)
    symbols, targets, owners, older = np.empty((4, 3 * n), np.int32)
    slots = np.full(1 << (4 * n - 1).bit_length(), _NONE, np.int32)
    draft = _Draft(links, lengths, newest, symbols, targets, owners, older, slots)
    prefixes = np.empty(n, np.int32)
    states, edges = _build_draft(ids, draft, prefixes)
    return _finalize(draft, states, edges, prefixes)


def _finalize(draft: _Draft, states: int, edges: int, prefixes: Numbers) -> SuffixAutomaton:
    """Renumber the states by length, and store the edges of each state contiguously.

    The states of short strings, which are visited most often, then share a few pages of memory.
    A loop over all states visits the suffix link of each state before the state itself.
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
def _build_draft(ids: NDArray[np.uint32], draft: _Draft, prefixes: Numbers) -> tuple[int, int]:
    """Build the automaton; return the numbers of states and edges. State 0 is the root."""
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
                # From now on, the shorter strings of ``met`` end at one more position than its
                # longer ones, so they become a separate state.
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
    """Return the edge of a state for a symbol, or −1."""
    return int(draft.slots[_slot(draft, state, symbol)])


@compiled
def _slot(draft: _Draft, state: int, symbol: np.int32) -> int:
    """Return the slot of an edge, or the free slot for it."""
    last = len(draft.slots) - 1
    key = np.int64(state) << 21 | symbol
    slot = ((key * _HASH_FACTOR) >> 32) & last
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
