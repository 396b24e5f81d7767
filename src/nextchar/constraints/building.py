"""Making the automaton of a constraint.

Shapes: V vocabulary size, S states, C classes of symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.constraints.alphabet import Alphabet
from nextchar.constraints.characters import CharacterSet
from nextchar.constraints.expressions import Alternation, Expression, Repeat, parse
from nextchar.constraints.expressions import Sequence as Parts
from nextchar.constraints.states import (
    MOST_STATES,
    Graph,
    Nodes,
    Walk,
    distances,
    endless,
    symbol_classes,
    too_large,
)
from nextchar.errors import ConfigError
from nextchar.generation.automaton import Automaton
from nextchar.text.vocabulary import Ids, Vocabulary

_ANYTHING = Repeat(CharacterSet(negated=True), 0, None)
_OUTSIDE = CharacterSet(kinds=("^w",))
_CONTEXT = 64  # symbols of the prompt: whether a forbidden word has begun


def constrain(
    vocabulary: Vocabulary,
    *,
    match: str | None = None,
    forbid: Sequence[str] = (),
    prompt: Ids | None = None,
) -> Automaton:
    """Make the automaton that holds what is written after a prompt to a constraint.

    Parameters
    ----------
    vocabulary
        Of the model.
    match
        A regular expression (see ``constraints.expressions``) that all of the text matches;
        ``None`` is any text.
    forbid
        Words that do not stand in the text, in upper or lower case; inside of longer words they
        may. A word that begins or ends in something else than a letter, a digit or ``_`` is
        found anywhere.
    prompt
        The ids before the text, for forbidden words that begin there.

    Raises
    ------
    ConfigError
        The expression cannot be used, or nothing that the vocabulary can write satisfies it.
    """
    if any(not word for word in forbid):
        raise ConfigError("a forbidden word must have at least one character; got ''")
    graph = Graph(Alphabet(vocabulary), len(vocabulary))
    expression = _ANYTHING if match is None else parse(match)
    start, end = graph.node(), graph.node()
    graph.add(expression, start, end)
    ban = _forbidding(graph, forbid)
    classes = symbol_classes([vocabulary.starts_character, *graph.masks])
    walk = Walk(graph, classes)
    begin = (graph.reached([start]), _read(walk, ban.begin, classes, prompt))
    following, accepts = _states(walk, begin, end, ban, int(classes.max()) + 1)
    costs = np.zeros(following.shape[1], np.int64)
    costs[classes] = vocabulary.starts_character
    automaton = _without_dead_ends(following, accepts, costs, ends=match is not None)
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
class _Ban:
    """The nodes of forbidden words: where a text begins, where it is lost, where it cannot end."""

    begin: Nodes
    lost: int
    unfinished: Nodes


def _forbidding(graph: Graph, words: Sequence[str]) -> _Ban:
    """Add the forbidden words to a graph: anything, a word, and what shows that it is whole."""
    if not words:
        return _Ban(frozenset(), -1, frozenset())
    home, edge, lost = graph.node(), graph.node(), graph.node()
    graph.add(_ANYTHING.part, home, home)
    graph.add(_OUTSIDE, home, edge)
    unfinished = set()
    for word in dict.fromkeys(words):
        letters = Parts(tuple(CharacterSet.of(c, any_case=True) for c in word))
        last = graph.node()
        graph.add(letters, edge if _is_inside(word[0]) else home, last)
        if _is_inside(word[-1]):
            graph.add(_OUTSIDE, last, lost)
            unfinished.add(last)
        else:
            graph.join(last, lost)
    return _Ban(graph.reached([home, edge]), lost, frozenset(unfinished))


def _is_inside(character: str) -> bool:
    return character.isalnum() or character == "_"


def _read(walk: Walk, begin: Nodes, classes: NDArray[np.int32], prompt: Ids | None) -> Nodes:
    """Give where the forbidden words stand after a prompt; what it has of them itself is past."""
    nodes = begin
    for symbol_class in classes[prompt[-_CONTEXT:]].tolist() if prompt is not None else ():
        nodes = walk.after(nodes).get(symbol_class, begin)
    return nodes


def _states(
    walk: Walk, begin: tuple[Nodes, Nodes], end: int, ban: _Ban, C: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Follow both graphs to every pair of sets of nodes that a text can be at."""
    places = {begin: 0}
    order = [begin]
    rows = []
    for nodes, banned in order:
        row = np.full(C, -1, np.int32)
        banned_after = walk.after(banned)
        for symbol_class, found in walk.after(nodes).items():
            after = (found, banned_after.get(symbol_class, ban.begin))
            if ban.lost in after[1]:
                continue
            if after not in places:
                if len(order) >= MOST_STATES:
                    raise too_large(f"{MOST_STATES:,} states")
                places[after] = len(order)
                order.append(after)
            row[symbol_class] = places[after]
        rows.append(row)
    accepts = [end in nodes and not (banned & ban.unfinished) for nodes, banned in order]
    return np.stack(rows), np.array(accepts)


def _without_dead_ends(
    following: NDArray[np.int32],
    accepts: NDArray[np.bool_],
    costs: NDArray[np.int64],
    *,
    ends: bool,
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64]] | None:
    """Keep the states from which a text can be finished; ``None`` if the first is not one."""
    while True:
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
    wanted = "the words that are forbidden" if match is None else f"the expression {match!r}"
    lacking = sorted(
        character
        for character in _literals(expression)
        if len(vocabulary.encode(character, unknown="skip")) == 0
    )
    names = ", ".join(map(repr, lacking[:10]))
    why = f": it has no {names}" if lacking else ""
    return ConfigError(
        f"nothing that the vocabulary's {len(vocabulary)} symbols can write satisfies {wanted}{why}"
    )


def _literals(expression: Expression) -> set[str]:
    """Collect the characters that an expression names one by one."""
    match expression:
        case CharacterSet(ranges=((first, last),), negated=False) if first == last:
            return {chr(first)}
        case Alternation(parts) | Parts(parts):
            return set().union(*map(_literals, parts))
        case Repeat(part, least, _) if least > 0:
            return _literals(part)
        case _:
            return set()
