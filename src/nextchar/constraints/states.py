"""From expressions to the table of states that generation reads.

An expression becomes a graph of nodes (Thompson 1968), whose edges are sets of symbols; the
states of the table are the sets of nodes that a text can be at (the subset construction). States
from which nothing that the vocabulary can write leads to the end are left out, so that there are
no dead ends. Forbidden words are a second graph that is followed at the same time.

Shapes: V vocabulary size, S states, C classes of symbols.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.constraints.alphabet import ENTRY, EXIT, Alphabet
from nextchar.constraints.characters import CharacterSet
from nextchar.constraints.expressions import Alternation, Expression, Repeat
from nextchar.constraints.expressions import Sequence as Parts
from nextchar.errors import ConfigError

MOST_NODES, MOST_STATES = 100_000, 20_000

Nodes = frozenset[int]
Mask = NDArray[np.bool_]


class Graph:
    """Nodes, joined by sets of symbols and by steps that take none.

    Parameters
    ----------
    alphabet
        How characters are spelled.
    size
        V.
    """

    def __init__(self, alphabet: Alphabet, size: int) -> None:
        self._alphabet = alphabet
        self._size = size
        self._free: list[list[int]] = []
        self.edges: list[list[tuple[int, int]]] = []  # of each node: a mask's place, and a node
        self.masks: list[Mask] = []
        self._places: dict[bytes, int] = {}
        self._spelled: dict[CharacterSet, list[tuple[int, int, int]]] = {}

    def node(self) -> int:
        """Add a node."""
        if len(self.edges) >= MOST_NODES:
            raise too_large(f"{MOST_NODES:,} nodes")
        self._free.append([])
        self.edges.append([])
        return len(self.edges) - 1

    def join(self, start: int, end: int) -> None:
        """Let one be reached from the other by nothing."""
        self._free[start].append(end)

    def add(self, expression: Expression, start: int, end: int) -> None:
        """Add all ways to write an expression between two nodes."""
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
            # A node of its own to come back to: what leads here must not be passed again.
            home = self.node()
            self.join(start, home)
            self.add(repeat.part, home, home)
            self.join(home, end)
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
                (one, self._place(symbols), other)
                for one, symbols, other in self._alphabet.spell(characters)
            ]
        nodes = {ENTRY: start, EXIT: end}
        for one, mask, other in self._spelled[characters]:
            for name in (one, other):
                if name not in nodes:
                    nodes[name] = self.node()
            self.edges[nodes[one]].append((mask, nodes[other]))

    def _place(self, symbols: NDArray[np.int64]) -> int:
        mask = np.zeros(self._size, np.bool_)
        mask[symbols] = True
        key = mask.tobytes()
        if key not in self._places:
            self._places[key] = len(self.masks)
            self.masks.append(mask)
        return self._places[key]

    def reached(self, nodes: Iterable[int]) -> Nodes:
        """Give all that can be reached from some nodes by nothing, and these."""
        found = set(nodes)
        left = list(found)
        while left:
            for following in self._free[left.pop()]:
                if following not in found:
                    found.add(following)
                    left.append(following)
        return frozenset(found)


class Walk:
    """A graph as it is followed, symbol by symbol, with the nodes that a text can be at.

    Parameters
    ----------
    graph
        Complete.
    classes
        The class of each symbol, int32[V]; every mask of the graph is a union of classes.
    """

    def __init__(self, graph: Graph, classes: NDArray[np.int32]) -> None:
        self._graph = graph
        members = [np.unique(classes[mask]).tolist() for mask in graph.masks]
        self._targets: list[dict[int, list[int]]] = []
        for edges in graph.edges:
            targets: dict[int, list[int]] = {}
            for mask, node in edges:
                for symbol_class in members[mask]:
                    targets.setdefault(symbol_class, []).append(node)
            self._targets.append(targets)
        self._reached: dict[Nodes, Nodes] = {}

    def after(self, nodes: Nodes) -> dict[int, Nodes]:
        """Give the nodes that a text can be at after a symbol of each class that goes on."""
        collected: dict[int, set[int]] = {}
        for node in nodes:
            for symbol_class, targets in self._targets[node].items():
                collected.setdefault(symbol_class, set()).update(targets)
        return {
            symbol_class: self._closed(frozenset(found))
            for symbol_class, found in collected.items()
        }

    def _closed(self, nodes: Nodes) -> Nodes:
        if nodes not in self._reached:
            self._reached[nodes] = self._graph.reached(nodes)
        return self._reached[nodes]


def symbol_classes(masks: Sequence[Mask]) -> NDArray[np.int32]:
    """Put symbols that no mask tells apart into one class, int32[V]."""
    _, classes = np.unique(np.stack(masks), axis=1, return_inverse=True)
    return classes.ravel().astype(np.int32)


def distances(
    following: NDArray[np.int32], accepts: Mask, costs: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the fewest characters from each state to one that accepts, int64[S]; −1 for no way.

    Parameters
    ----------
    following
        int32[S, C], −1 where there is none.
    accepts
        bool[S].
    costs
        1 for classes of symbols that begin a character, 0 for others, int64[C].
    """
    before: list[list[tuple[int, int]]] = [[] for _ in following]
    for state, row in enumerate(following.tolist()):
        for symbol_class, after in enumerate(row):
            if after >= 0:
                before[after].append((state, int(costs[symbol_class])))
    found = np.full(len(following), -1, np.int64)
    queue = deque((int(state), 0) for state in np.flatnonzero(accepts))
    while queue:
        state, distance = queue.popleft()
        if found[state] >= 0:
            continue
        found[state] = distance
        for origin, cost in before[state]:
            if found[origin] < 0:
                # What costs nothing comes first: the queue stays in order of distance.
                if cost:
                    queue.append((origin, distance + 1))
                else:
                    queue.appendleft((origin, distance))
    return found


def endless(following: NDArray[np.int32]) -> Mask:
    """Say from which states a text can go on without end, bool[S]."""
    alive = np.ones(len(following), np.bool_)
    while True:
        goes_on = (alive[following] & (following >= 0)).any(1)
        if (alive & goes_on).sum() == alive.sum():
            return alive
        alive &= goes_on


def too_large(what: str) -> ConfigError:
    """Say that an expression has too many states."""
    return ConfigError(f"the expression is too large: it needs more than {what}")
