"""Construction of the automaton of a constraint.

Shapes: V vocabulary size, S states, C symbol classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.constraints.alphabet import Alphabet
from nextchar.constraints.budget import Budget, too_large_error
from nextchar.constraints.characters import CharacterSet
from nextchar.constraints.expressions import (
    MAX_LENGTH,
    Alternation,
    Expression,
    Repeat,
    parse,
    shown,
)
from nextchar.constraints.expressions import Sequence as Parts
from nextchar.constraints.states import (
    MAX_STATES,
    Graph,
    Nodes,
    SubsetConstruction,
    distances,
    endless,
    symbol_classes,
)
from nextchar.errors import ConfigError
from nextchar.generation.automaton import Automaton
from nextchar.text.vocabulary import Ids, Vocabulary

_ANYTHING = Repeat(CharacterSet(negated=True), 0, None)
_OUTSIDE = CharacterSet(kinds=("^w",))
_CONTEXT = 64  # last symbols of the prompt, which may begin a forbidden word


def constrain(
    vocabulary: Vocabulary,
    *,
    match: str | None = None,
    forbid: Sequence[str] = (),
    prompt: Ids | None = None,
) -> Automaton:
    """Build the automaton that constrains the text generated after a prompt.

    Parameters
    ----------
    vocabulary
        The vocabulary of the model.
    match
        A regular expression (see ``constraints.expressions``) for the whole text; ``None`` allows
        any text.
    forbid
        Words that must not occur in the text, regardless of case. A forbidden word is matched
        between word boundaries, so it may be part of a longer word. At an end that is not a letter,
        a digit or ``_``, no boundary is required.
    prompt
        The ids before the text, where a forbidden word may begin.

    Raises
    ------
    ConfigError
        The expression is not supported, or no text of the vocabulary satisfies it.
    """
    if any(not word for word in forbid):
        raise ConfigError("a forbidden word must have at least one character; got ''")
    budget = Budget()
    if sum(map(len, forbid)) > MAX_LENGTH:
        raise ConfigError(
            f"there are too many forbidden words: they have {sum(map(len, forbid)):,} characters, "
            f"and at most {MAX_LENGTH:,} are allowed"
        )
    graph = Graph(Alphabet(vocabulary), len(vocabulary), budget)
    expression = _ANYTHING if match is None else parse(match)
    start, end = graph.node(), graph.node()
    graph.add(expression, start, end)
    forbidden = _add_forbidden(graph, forbid)
    budget.spend(0, cells=len(graph.masks) * len(vocabulary))
    classes = symbol_classes([vocabulary.starts_character, *graph.masks])
    subsets = SubsetConstruction(graph, classes)
    begin = (graph.closure([start]), _nodes_after(subsets, forbidden.begin, classes, prompt))
    C = int(classes.max()) + 1
    following, accepts = _build_states(subsets, begin, end, forbidden, C, budget)
    costs = np.zeros(following.shape[1], np.int64)
    costs[classes] = vocabulary.starts_character
    automaton = _without_dead_ends(following, accepts, costs, budget, ends=match is not None)
    if automaton is None:
        raise _unsatisfiable(vocabulary, match, expression)
    following, accepts, distance = automaton
    return Automaton(
        classes=classes,
        following=following,
        accepts=accepts,
        distance=distance,
        starts=vocabulary.starts_character,
        ends=match is not None,
    )


@dataclass(frozen=True)
class _ForbiddenWords:
    """The nodes of forbidden words.

    Attributes
    ----------
    begin
        The initial nodes.
    lost
        The node after a forbidden word; −1 without forbidden words.
    unfinished
        The nodes in which a text cannot end, because its last word is forbidden.
    """

    begin: Nodes
    lost: int
    unfinished: Nodes


def _add_forbidden(graph: Graph, words: Sequence[str]) -> _ForbiddenWords:
    """Add the forbidden words to a graph: any text, a word, and a character after the word."""
    if not words:
        return _ForbiddenWords(frozenset(), -1, frozenset())
    free, edge, lost = graph.node(), graph.node(), graph.node()
    graph.add(_ANYTHING.part, free, free)
    graph.add(_OUTSIDE, free, edge)
    unfinished, finished = set(), set()
    branches: dict[tuple[int, CharacterSet], int] = {}
    for word in dict.fromkeys(words):
        last = edge if _is_inside(word[0]) else free
        for character in word:
            letter = CharacterSet.of(character, any_case=True)
            if (last, letter) not in branches:
                branches[last, letter] = graph.node()
                graph.add(letter, last, branches[last, letter])
            last = branches[last, letter]
        if last in finished:
            continue
        finished.add(last)
        if _is_inside(word[-1]):
            graph.add(_OUTSIDE, last, lost)
            unfinished.add(last)
        else:
            graph.join(last, lost)
    return _ForbiddenWords(graph.closure([free, edge]), lost, frozenset(unfinished))


def _is_inside(character: str) -> bool:
    return character.isalnum() or character == "_"


def _nodes_after(
    subsets: SubsetConstruction, begin: Nodes, classes: NDArray[np.int32], prompt: Ids | None
) -> Nodes:
    """Return the nodes of forbidden words after a prompt; words within the prompt are ignored."""
    nodes = begin
    for symbol_class in classes[prompt[-_CONTEXT:]].tolist() if prompt is not None else ():
        nodes = subsets.after(nodes).get(symbol_class, begin)
    return nodes


def _build_states(
    subsets: SubsetConstruction,
    begin: tuple[Nodes, Nodes],
    end: int,
    forbidden: _ForbiddenWords,
    C: int,
    budget: Budget,
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Build the table of states: all reachable pairs of node sets of the two graphs."""
    places = {begin: 0}
    order = [begin]
    rows = []
    for nodes, banned in order:
        budget.spend(0, cells=C)
        row = np.full(C, -1, np.int32)
        banned_after = subsets.after(banned)
        for symbol_class, found in subsets.after(nodes).items():
            after = (found, banned_after.get(symbol_class, forbidden.begin))
            if forbidden.lost in after[1]:
                continue
            if after not in places:
                if len(order) >= MAX_STATES:
                    raise too_large_error(f"{MAX_STATES:,} states")
                budget.require_table(len(order) + 1, C)
                budget.spend(len(after[0]) + len(after[1]))
                places[after] = len(order)
                order.append(after)
            row[symbol_class] = places[after]
        rows.append(row)
    accepts = [end in nodes and not (banned & forbidden.unfinished) for nodes, banned in order]
    return np.stack(rows), np.array(accepts)


def _without_dead_ends(
    following: NDArray[np.int32],
    accepts: NDArray[np.bool_],
    costs: NDArray[np.int64],
    budget: Budget,
    *,
    ends: bool,
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]] | None:
    """Remove the states in which no text can be completed; return ``None`` if state 0 is one."""
    while True:
        budget.spend(len(following), cells=following.size)
        distance = distances(following, accepts, costs)
        alive = distance >= 0
        if not ends:
            alive &= endless(np.where(alive[following], following, -1))
        if not alive[0]:
            return None
        if alive.all():
            return following, accepts, distance
        number = np.cumsum(alive) - 1
        following, accepts = following[alive], accepts[alive]
        kept = (following >= 0) & alive[following]
        following = np.where(kept, number[following], -1).astype(np.int32)


def _unsatisfiable(
    vocabulary: Vocabulary, match: str | None, expression: Expression
) -> ConfigError:
    constraint = "the forbidden words" if match is None else f"the expression {shown(match)}"
    lacking = sorted(
        character
        for character in _literals(expression)
        if len(vocabulary.encode(character, unknown="skip")) == 0
    )
    names = ", ".join(map(repr, lacking[:10]))
    why = f": it has no {names}" if lacking else ""
    return ConfigError(
        f"no text of the vocabulary's {len(vocabulary)} symbols satisfies {constraint}{why}"
    )


def _literals(expression: Expression) -> set[str]:
    """Return the literal characters required by an expression."""
    match expression:
        case CharacterSet(ranges=((first, last),), negated=False) if first == last:
            return {chr(first)}
        case Alternation(parts) | Parts(parts):
            return set().union(*map(_literals, parts))
        case Repeat(part, least, _) if least > 0:
            return _literals(part)
        case _:
            return set()
