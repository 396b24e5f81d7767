"""Compilation of expressions to automata.

Thompson's construction (1968) turns an expression into a nondeterministic automaton, a graph whose
edges are labelled with sets of symbols. The subset construction turns the graph into a table of
deterministic states. States without a path to an accepting state are removed, so there are no dead
ends. Forbidden words form a second graph, which is followed in parallel.

Shapes: V vocabulary size, S states, C symbol classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.constraints.alphabet import ENTRY, EXIT, Alphabet
from nextchar.constraints.budget import Budget, too_large_error
from nextchar.constraints.characters import CharacterSet
from nextchar.constraints.expressions import Alternation, Expression, Repeat
from nextchar.constraints.expressions import Sequence as Parts

MAX_NODES, MAX_STATES = 100_000, 20_000
_CELLS_AT_ONCE = 1 << 20

Nodes = frozenset[int]
Mask = NDArray[np.bool_]


class Graph:
    """A nondeterministic automaton: nodes with edges for sets of symbols, and empty transitions.

    Parameters
    ----------
    alphabet
        The spelling of characters.
    size
        V.
    budget
        The steps that the construction may need.

    Attributes
    ----------
    edges
        The edges of each node: pairs of a mask's index and the target node.
    masks
        The distinct sets of symbols, each bool[V].
    """

    def __init__(self, alphabet: Alphabet, size: int, budget: Budget) -> None:
        self.budget = budget
        self._alphabet = alphabet
        self._size = size
        self._empty_transitions: list[list[int]] = []
        self.edges: list[list[tuple[int, int]]] = []
        self.masks: list[Mask] = []
        self._mask_indices: dict[bytes, int] = {}
        self._spelled: dict[CharacterSet, list[tuple[int, int, int]]] = {}

    def node(self) -> int:
        """Add a node and return its number."""
        if len(self.edges) >= MAX_NODES:
            raise too_large_error(f"{MAX_NODES:,} nodes")
        self.budget.spend(1)
        self._empty_transitions.append([])
        self.edges.append([])
        return len(self.edges) - 1

    def join(self, start: int, end: int) -> None:
        """Add an empty transition."""
        self.budget.spend(1)
        self._empty_transitions[start].append(end)

    def add(self, expression: Expression, start: int, end: int) -> None:
        """Add all paths between two nodes that spell an expression."""
        match expression:
            case CharacterSet():
                self._add_characters(expression, start, end)
            case Alternation(options):
                for option in options:
                    self.add(option, start, end)
            case Parts(parts):
                for part in parts:
                    following = self.node()
                    self.add(part, start, following)
                    start = following
                self.join(start, end)
            case Repeat():
                self._add_repeat(expression, start, end)

    def _add_repeat(self, repeat: Repeat, start: int, end: int) -> None:
        for _ in range(repeat.least):
            following = self.node()
            self.add(repeat.part, start, following)
            start = following
        if repeat.most is None:
            # The loop needs a separate node, so that it does not include earlier parts.
            loop = self.node()
            self.join(start, loop)
            self.add(repeat.part, loop, loop)
            self.join(loop, end)
            return
        for _ in range(repeat.most - repeat.least):
            self.join(start, end)
            following = self.node()
            self.add(repeat.part, start, following)
            start = following
        self.join(start, end)

    def _add_characters(self, characters: CharacterSet, start: int, end: int) -> None:
        if characters not in self._spelled:
            self._spelled[characters] = [
                (one, self._mask_index(symbols), other)
                for one, symbols, other in self._alphabet.spell(characters, self.budget)
            ]
        self.budget.spend(len(self._spelled[characters]))
        nodes = {ENTRY: start, EXIT: end}
        for one, mask, other in self._spelled[characters]:
            for name in (one, other):
                if name not in nodes:
                    nodes[name] = self.node()
            self.edges[nodes[one]].append((mask, nodes[other]))

    def _mask_index(self, symbols: NDArray[np.int64]) -> int:
        mask = np.zeros(self._size, np.bool_)
        mask[symbols] = True
        key = mask.tobytes()
        self.budget.spend(0, cells=self._size)
        if key not in self._mask_indices:
            self.budget.require_table(len(self.masks) + 1, self._size)
            self._mask_indices[key] = len(self.masks)
            self.masks.append(mask)
        return self._mask_indices[key]

    def closure(self, nodes: Iterable[int]) -> Nodes:
        """Return the closure of some nodes under empty transitions."""
        found = set(nodes)
        left = list(found)
        self.budget.spend(len(left))
        while left:
            following_nodes = self._empty_transitions[left.pop()]
            self.budget.spend(len(following_nodes))
            for following in following_nodes:
                if following not in found:
                    found.add(following)
                    left.append(following)
        return frozenset(found)


class SubsetConstruction:
    """The subset construction: steps from one set of nodes to the next.

    Parameters
    ----------
    graph
        The complete graph.
    classes
        The class of each symbol, int32[V]; every mask of the graph is a union of classes.
    """

    def __init__(self, graph: Graph, classes: NDArray[np.int32]) -> None:
        self._graph = graph
        self._budget = graph.budget
        self._budget.spend(0, cells=len(graph.masks) * len(classes))
        self._members = [np.unique(classes[mask]).tolist() for mask in graph.masks]
        self._targets: dict[int, dict[int, list[int]]] = {}
        self._closures: dict[Nodes, Nodes] = {}

    def after(self, nodes: Nodes) -> dict[int, Nodes]:
        """Return the next set of nodes for each symbol class that is allowed."""
        collected: dict[int, set[int]] = {}
        for node in nodes:
            targets = self._targets_of(node)
            self._budget.spend(1 + sum(map(len, targets.values())))
            for symbol_class, found in targets.items():
                collected.setdefault(symbol_class, set()).update(found)
        return {
            symbol_class: self._cached_closure(frozenset(found))
            for symbol_class, found in collected.items()
        }

    def _targets_of(self, node: int) -> dict[int, list[int]]:
        """Return the nodes after a node, for each symbol class."""
        if node not in self._targets:
            targets: dict[int, list[int]] = {}
            for mask, following in self._graph.edges[node]:
                self._budget.spend(len(self._members[mask]))
                for symbol_class in self._members[mask]:
                    targets.setdefault(symbol_class, []).append(following)
            self._targets[node] = targets
        return self._targets[node]

    def _cached_closure(self, nodes: Nodes) -> Nodes:
        self._budget.spend(len(nodes))
        if nodes not in self._closures:
            self._closures[nodes] = self._graph.closure(nodes)
        return self._closures[nodes]


def symbol_classes(masks: Sequence[Mask]) -> NDArray[np.int32]:
    """Group the symbols that all masks treat alike; return the class of each, int32[V]."""
    _, classes = np.unique(np.stack(masks), axis=1, return_inverse=True)
    return classes.ravel().astype(np.int32)


def distances(
    following: NDArray[np.int32], accepts: Mask, costs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the minimum number of characters from each state to an accepting one, int64[S].

    Parameters
    ----------
    following
        The transitions, int32[S, C]; −1 for none.
    accepts
        Whether each state accepts, bool[S].
    costs
        1 for classes of symbols that begin a character, 0 for others, int64[C].

    Returns
    -------
    NDArray
        The distances; −1 for states without a path to an accepting one.
    """
    arrivals = _Arrivals(following, costs)
    found = np.full(len(following), -1, np.int64)
    queue = deque((int(state), 0) for state in np.flatnonzero(accepts))
    while queue:
        state, distance = queue.popleft()
        if found[state] >= 0:
            continue
        found[state] = distance
        for origin, cost in arrivals.at(state):
            if found[origin] < 0:
                # Zero-cost steps go to the front, which keeps the queue sorted by distance.
                if cost:
                    queue.append((origin, distance + 1))
                else:
                    queue.appendleft((origin, distance))
    return found


def endless(following: NDArray[np.int32]) -> Mask:
    """Return whether a text can continue forever from each state, bool[S]."""
    arrivals = _Arrivals(following, np.zeros(following.shape[1], np.int64))
    left = arrivals.departures()
    alive = np.ones(len(following), np.bool_)
    dead = np.flatnonzero(left == 0).tolist()
    while dead:
        state = dead.pop()
        alive[state] = False
        for origin, _ in arrivals.at(state):
            left[origin] -= 1
            if left[origin] == 0:
                dead.append(origin)
    return alive


class _Arrivals:
    """The transitions into each state: pairs of the state before and the cost, each pair once.

    Parameters
    ----------
    following
        The transitions, int32[S, C]; −1 for none.
    costs
        The cost of each class, 0 or 1, int64[C].
    """

    def __init__(self, following: NDArray[np.int32], costs: NDArray[np.int64]) -> None:
        S, C = following.shape
        at_once = max(1, _CELLS_AT_ONCE // max(1, C))
        keys = [np.empty(0, np.int64)]
        for first in range(0, S, at_once):
            rows, classes = np.nonzero(following[first : first + at_once] >= 0)
            after = following[first + rows, classes].astype(np.int64)
            keys.append(np.unique(((after * S + first + rows) << 1) | costs[classes]))
        key = np.unique(np.concatenate(keys))
        self._states = S
        self._origins = (key >> 1) % S
        self._costs = key & 1
        self._starts = np.searchsorted(key, (np.arange(S + 1) * S) << 1).tolist()

    def at(self, state: int) -> Iterator[tuple[int, int]]:
        """Return the pairs of a state."""
        part = slice(self._starts[state], self._starts[state + 1])
        return zip(self._origins[part].tolist(), self._costs[part].tolist(), strict=True)

    def departures(self) -> NDArray[np.int64]:
        """Return the number of pairs in which each state is the one before, int64[S]."""
        return np.bincount(self._origins, minlength=self._states)
