"""The choice of the next symbols, compiled: the results of ``sampling`` without torch.

The order of the filters, the ties and the types of the arithmetic are those of
``sampling.filtered_logits`` and ``sampling.draw``, so that both choose the same symbol.

Shapes: V vocabulary size, B samples, W window of the repetition penalty.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.generation.automaton import ENDED, Automaton, ConstraintState
from nextchar.generation.sampling import Sampling

NOT_A_NUMBER = -2


class Constraint(NamedTuple):
    """The automaton and the state of B samples in it; S is 0 without a constraint."""

    classes: NDArray[np.int32]
    following: NDArray[np.int32]
    accepts: NDArray[np.bool_]
    distance: NDArray[np.int64]
    starts: NDArray[np.bool_]
    ends: bool
    state: NDArray[np.int64]
    left: NDArray[np.int64]


class Chooser(NamedTuple):
    """The options of the choice for B samples, and the newest symbols.

    Attributes
    ----------
    temperature, top_k, top_p, min_p, penalty
        As in ``Sampling``.
    masked
        Symbols that must not be chosen, bool[V].
    recent, oldest
        The newest symbols, int64[B, W], −1 before there are W, and the place of the oldest,
        int64[B]. Without a penalty, W is 0.
    counts
        The number of each symbol among them, int64[B, V].
    scores, heap
        Working memory, float64[V] and int64[V].
    constraint
        The automaton that constrains the text.
    """

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    penalty: float
    masked: NDArray[np.bool_]
    recent: NDArray[np.int64]
    oldest: NDArray[np.int64]
    counts: NDArray[np.int64]
    scores: NDArray[np.float64]
    heap: NDArray[np.int64]
    constraint: Constraint


def make_chooser(
    sampling: Sampling,
    V: int,
    recent: NDArray[np.int64],
    automaton: Automaton | None = None,
    progress: ConstraintState | None = None,
) -> Chooser:
    """Prepare the choice; ``recent`` int64[B, n] are the newest symbols, the oldest first.

    ``progress`` is the state of the samples in the automaton; the choice updates it.
    """
    B = len(recent)
    chooser = Chooser(
        temperature=float(sampling.temperature),
        top_k=sampling.top_k,
        top_p=float(sampling.top_p),
        min_p=float(sampling.min_p),
        penalty=float(sampling.repetition_penalty),
        masked=np.zeros(V, np.bool_),
        recent=np.full((B, sampling.repetition_window if sampling.penalizes else 0), -1),
        oldest=np.zeros(B, np.int64),
        counts=np.zeros((B, V), np.int64),
        scores=np.empty(V),
        heap=np.empty(V, np.int64),
        constraint=_constraint(automaton, progress),
    )
    for symbols in recent.T:
        for sample, symbol in enumerate(symbols):
            _remember_recent(chooser, sample, symbol)
    return chooser


def _constraint(automaton: Automaton | None, progress: ConstraintState | None) -> Constraint:
    if automaton is None or progress is None:
        none, nowhere = np.empty(0, np.bool_), np.empty(0, np.int64)
        table = np.empty((0, 0), np.int32)
        return Constraint(table.ravel(), table, none, nowhere, none, False, nowhere, nowhere)
    return Constraint(
        classes=automaton.classes,
        following=automaton.following,
        accepts=automaton.accepts,
        distance=automaton.distance,
        starts=automaton.starts,
        ends=automaton.ends,
        state=progress.state,
        left=progress.left,
    )


@compiled_without_allocation
def choose_each(
    logits: NDArray[np.float32],
    chooser: Chooser,
    uniforms: NDArray[np.float64],
    symbols: NDArray[np.int64],
) -> bool:
    """Choose a symbol of each sample, with its uniform number [B], into ``symbols`` [B].

    Returns
    -------
    Whether generation continues: not if the logits of a sample are NaN, which then has the symbol
    ``NOT_A_NUMBER``, and not if all samples have ended.
    """
    numbers, going = True, False
    for sample in range(symbols.size):
        if has_ended(chooser, sample):
            symbols[sample] = ENDED
            continue
        symbols[sample] = choose(logits[sample], chooser, sample, uniforms[sample])
        numbers = numbers and symbols[sample] != NOT_A_NUMBER
        going = going or symbols[sample] != ENDED
    return numbers and going


@compiled_without_allocation
def has_ended(chooser: Chooser, sample: int) -> bool:
    """Return whether a sample has ended."""
    state = chooser.constraint.state
    return bool(state.size > 0 and state[sample] == ENDED)


@compiled_without_allocation
def choose(logits: NDArray[np.float32], chooser: Chooser, sample: int, uniform: float) -> int:
    """Choose a sample's symbol from its logits [V], with a uniform number in [0, 1).

    Returns
    -------
    The symbol, ``ENDED`` if the text ends instead, or ``NOT_A_NUMBER`` if logits are not finite.
    """
    scores = chooser.scores
    for v in range(scores.size):
        scores[v] = -np.inf if chooser.masked[v] else logits[v]
    best = _argmax(scores)
    if best != NOT_A_NUMBER and chooser.penalty != 1:
        _penalize(scores, scores[best], chooser.counts[sample], chooser.penalty)
        best = _argmax(scores)
    if best == NOT_A_NUMBER:
        return best
    if chooser.temperature != 0 and chooser.temperature != 1:
        highest = np.float32(scores[best])
        for v in range(scores.size):
            scores[v] = np.float32(np.float32(scores[v]) - highest) / chooser.temperature
    constraint = chooser.constraint
    if constraint.state.size > 0:
        share = _end(scores, best, chooser.temperature, constraint, sample)
        if uniform < share:
            constraint.state[sample] = ENDED
            return ENDED
        uniform = min(max((uniform - share) / (1 - share), 0.0), 1 - 2.0**-53)
        best = _argmax(scores)
    if chooser.temperature == 0:
        _remember(chooser, sample, best)
        return best
    if 0 < chooser.top_k < scores.size or chooser.top_p < 1:
        _keep_top(chooser)
    if chooser.min_p > 0:
        _keep_min_p(scores, scores[best], chooser)
    symbol = _draw(scores, scores[best], uniform)
    _remember(chooser, sample, symbol)
    return symbol


@compiled_without_allocation
def _end(
    scores: NDArray[np.float64], best: int, temperature: float, constraint: Constraint, sample: int
) -> float:
    """Mask the symbols that may not follow; return the probability that the text ends instead."""
    state, left = constraint.state[sample], constraint.left[sample]
    highest = scores[best]
    total = masked = 0.0
    none = True
    for v in range(scores.size):
        probability = np.exp(scores[v] - highest)
        total += probability
        after = constraint.following[state, constraint.classes[v]]
        rest = left - np.int64(constraint.starts[v])
        if after < 0 or rest < 0 or rest < constraint.distance[after]:
            masked += probability
            scores[v] = -np.inf
        else:
            none = False
    if none:
        return 1.0
    if not constraint.accepts[state] or not (constraint.ends or left == 0):
        return 0.0
    if temperature == 0:
        return 1.0 if scores[best] == -np.inf else 0.0
    return masked / total


@compiled_without_allocation
def _remember(chooser: Chooser, sample: int, symbol: int) -> None:
    """Advance the constraint by a symbol, and count it for the penalty."""
    constraint = chooser.constraint
    if constraint.state.size > 0:
        state = constraint.state[sample]
        constraint.state[sample] = constraint.following[state, constraint.classes[symbol]]
        constraint.left[sample] -= np.int64(constraint.starts[symbol])
    _remember_recent(chooser, sample, symbol)


@compiled_without_allocation
def _remember_recent(chooser: Chooser, sample: int, symbol: int) -> None:
    """Replace the oldest recent symbol."""
    recent, counts = chooser.recent[sample], chooser.counts[sample]
    if recent.size == 0:
        return
    place = chooser.oldest[sample]
    if recent[place] >= 0:
        counts[recent[place]] -= 1
    recent[place] = symbol
    counts[symbol] += 1
    chooser.oldest[sample] = (place + 1) % recent.size


@compiled_without_allocation
def _argmax(scores: NDArray[np.float64]) -> int:
    """Return the index of the highest score, the first one in a tie; the score must be finite."""
    best = 0
    for v in range(scores.size):
        if np.isnan(scores[v]):
            return NOT_A_NUMBER
        if scores[v] > scores[best]:
            best = v
    return best if np.isfinite(scores[best]) else NOT_A_NUMBER


@compiled_without_allocation
def _penalize(
    scores: NDArray[np.float64], highest: float, counts: NDArray[np.int64], penalty: float
) -> None:
    """Multiply the log-probabilities, in float32 as the logits, of the counted symbols."""
    total = 0.0
    for v in range(scores.size):
        total += np.exp(scores[v] - highest)
    logarithm = np.float32(np.log(total))
    for v in range(scores.size):
        score = np.float32(np.float32(scores[v] - highest) - logarithm)
        scores[v] = np.float32(score * np.float32(penalty)) if counts[v] > 0 else score


@compiled_without_allocation
def _keep_top(chooser: Chooser) -> None:
    """Mask all but the k most probable symbols, and of these all after those that reach p."""
    scores, heap = chooser.scores, chooser.heap
    V = scores.size
    k = chooser.top_k if 0 < chooser.top_k < V else V
    for v in range(V):
        heap[v] = v
    for place in range(V // 2 - 1, -1, -1):
        _sink(heap[:V], scores, place)
    # The root is the most probable remaining symbol; the kept ones move to the end of the heap.
    highest = scores[heap[0]]
    for kept in range(k):
        end = V - 1 - kept
        heap[0], heap[end] = heap[end], heap[0]
        if end > 0:
            _sink(heap[:end], scores, 0)
    for place in range(V - k):
        scores[heap[place]] = -np.inf
    if chooser.top_p < 1:
        total = 0.0
        for place in range(V - 1, V - 1 - k, -1):
            total += np.exp(scores[heap[place]] - highest)
        reached = 0.0
        for place in range(V - 1, V - 1 - k, -1):
            probability = np.exp(scores[heap[place]] - highest) / total
            reached += probability
            if reached - probability >= chooser.top_p:
                scores[heap[place]] = -np.inf


@compiled_without_allocation
def _sink(heap: NDArray[np.int64], scores: NDArray[np.float64], place: int) -> None:
    """Sift a symbol down the heap, below likelier ones and, among equal ones, smaller ids."""
    moved = heap[place]
    while True:
        child = 2 * place + 1
        if child + 1 < heap.size and _before(scores, heap[child + 1], heap[child]):
            child += 1
        if child >= heap.size or not _before(scores, heap[child], moved):
            break
        heap[place] = heap[child]
        place = child
    if place < heap.size:
        heap[place] = moved


@compiled_without_allocation
def _before(scores: NDArray[np.float64], one: int, other: int) -> bool:
    return bool(scores[one] > scores[other] or (scores[one] == scores[other] and one < other))


@compiled_without_allocation
def _keep_min_p(scores: NDArray[np.float64], highest: float, chooser: Chooser) -> None:
    """Mask the symbols with less than a share of the highest probability."""
    threshold = highest + np.log(chooser.min_p)
    if chooser.temperature == 1:
        threshold = np.float64(np.float32(highest) + np.float32(np.log(chooser.min_p)))
    for v in range(scores.size):
        if scores[v] < threshold:
            scores[v] = -np.inf


@compiled_without_allocation
def _draw(scores: NDArray[np.float64], highest: float, uniform: float) -> int:
    """Invert the cumulative distribution; the scores become probabilities, up to a factor."""
    total = 0.0
    last = 0
    for v in range(scores.size):
        if scores[v] > -np.inf:
            last = v
        scores[v] = np.exp(scores[v] - highest)
        total += scores[v]
    target = uniform * total
    reached = 0.0
    for v in range(last):
        reached += scores[v]
        if reached > target:
            return v
    return last
