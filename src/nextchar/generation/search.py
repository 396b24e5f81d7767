"""Beam search: the most probable texts that can be found, many followed side by side.

Shapes: B rows of the batch, K width, V vocabulary size, n symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.config.arguments import check_fields
from nextchar.errors import ConfigError
from nextchar.following import report_symbols
from nextchar.generation.automaton import Automaton, ConstraintState
from nextchar.generation.plain import not_finite
from nextchar.nn.network import Network, State

Symbols = tuple[int, ...]

MOST_SYMBOLS = 4  # of a character: four bytes
ANY_GROUP = -1  # of the prompt, with which all groups begin


@dataclass(frozen=True, kw_only=True)
class Beam:
    """How wide and for what a beam search looks.

    Attributes
    ----------
    width
        Texts that are followed at the same time.
    length_penalty
        The score of n symbols is their log-probability over ((5 + n) / 6)^α (Wu et al. 2016),
        so that above 0 longer texts are not the worse for being long.
    groups
        Diverse beam search (Vijayakumar et al. 2016): so many groups choose one after another,
        and ``diversity`` nats are taken from a symbol for each earlier group that chose it at
        the same place.
    diversity
        See ``groups``.
    """

    width: int = 4
    length_penalty: float = 0.0
    groups: int = 1
    diversity: float = 0.5

    def __post_init__(self) -> None:
        check_fields(self)
        if self.width < 1:
            raise ConfigError(f"width must be at least 1; got {self.width}")
        if not (math.isfinite(self.length_penalty) and self.length_penalty >= 0):
            raise ConfigError(f"length_penalty must be at least 0; got {self.length_penalty}")
        if self.groups < 1 or self.width % self.groups:
            raise ConfigError(
                f"groups must divide the width of {self.width} without rest; got {self.groups}"
            )
        if not (math.isfinite(self.diversity) and self.diversity >= 0):
            raise ConfigError(f"diversity must be at least 0; got {self.diversity}")

    def score(self, log_probability: float, symbols: int) -> float:
        """Give what hypotheses are ranked by."""
        weight: float = ((5 + symbols) / 6) ** self.length_penalty
        return log_probability / weight


@dataclass(frozen=True)
class Hypothesis:
    """A text that was found.

    Attributes
    ----------
    symbols
        After the prompt, [n].
    log_probability
        In nats: of the symbols, and of the text ending after them where that was a choice.
    score
        What it is ranked by.
    """

    symbols: Symbols
    log_probability: float
    score: float


@dataclass
class _Rows:
    """The texts that are followed, each a row: what they are, and where the network stands."""

    symbols: list[Symbols]
    groups: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    logits: Tensor
    state: State
    progress: ConstraintState


class _Choice(NamedTuple):
    """What to go on with: rows, the symbol of each, and its group, int64[K]."""

    parents: NDArray[np.int64]
    symbols: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass
class _Search:
    """What does not change from step to step, and what was found so far."""

    network: Network
    beam: Beam
    length: int
    starts: NDArray[np.bool_]
    excluded: list[int]
    constraint: Automaton | None
    is_finished: Callable[[Symbols], bool]
    found: dict[Symbols, Hypothesis] = field(default_factory=dict)

    def finish(self, symbols: Symbols, log_probability: float) -> None:
        """Keep a text that has come to its end."""
        known = self.found.get(symbols)
        if known is None or known.log_probability < log_probability:
            score = self.beam.score(log_probability, len(symbols))
            self.found[symbols] = Hypothesis(symbols, log_probability, score)

    def best(self) -> list[Hypothesis]:
        """Give what was found, the best first; of equals the smaller symbols."""
        return sorted(self.found.values(), key=lambda found: (-found.score, found.symbols))


def beam_search(
    network: Network,
    prompt: Tensor,
    beam: Beam,
    *,
    length: int,
    starts: NDArray[np.bool_],
    excluded: Sequence[int] = (),
    excluded_first: Sequence[int] = (),
    constraint: Automaton | None = None,
    is_finished: Callable[[Symbols], bool] = lambda _symbols: False,
) -> list[Hypothesis]:
    """Find the most probable continuations of a prompt.

    All texts are steps of one batch, so that a width of 16 costs far less than 16 texts. The
    greedy text, which always takes the most probable symbol, is followed beside the others to its
    end, so that the best that is found is never worse.

    Parameters
    ----------
    network
        Its mode is set to evaluation.
    prompt
        int64[n], n ≥ 1.
    length
        Characters after which a text ends. Where a character takes several symbols, its
        probability of ending there is that of all symbols that begin another.
    starts
        Whether each symbol begins a character, bool[V].
    excluded, excluded_first
        Symbols that are never taken, and those that are not taken first.
    constraint
        What all texts are held to. A text may then end where it satisfies the constraint, with
        the probability of the symbols that may not follow.
    is_finished
        Whether a text ends after these symbols.

    Returns
    -------
    list[Hypothesis]
        The best first; at most twice as many as the width.
    """
    network.eval()
    if constraint is not None and constraint.distance[0] > length:
        raise ConfigError(
            f"the shortest text that satisfies the constraint has {constraint.distance[0]:,} "
            f"characters; got length {length:,}"
        )
    search = _Search(network, beam, length, starts, list(excluded), constraint, is_finished)
    with torch.inference_mode():
        state = network.initial_state(1, int(prompt[0]))
        logits, state = network(prompt.to(state[0][0].device).unsqueeze(1), state)
        first = _Rows(
            [()],
            np.array([ANY_GROUP]),
            np.zeros(1),
            logits[-1],
            state,
            ConstraintState.begin(1, length),
        )
        rows, greedy = _extended(search, first, list(excluded_first), first_step=True)
        while rows is not None or greedy is not None:
            if _is_settled(search, rows):
                rows = None
            report_symbols(1)
            if rows is not None:
                rows, _ = _extended(search, rows, [])
            if greedy is not None:
                _, greedy = _extended(search, greedy, [], only_greedy=True)
    return search.best()[: 2 * beam.width]


def _is_settled(search: _Search, rows: _Rows | None) -> bool:
    """Say whether no text that is followed can come to be among the best any more."""
    if rows is None or len(search.found) < search.beam.width:
        return False
    worst = search.best()[search.beam.width - 1].score
    each = 1 if search.starts.all() else MOST_SYMBOLS
    left = each * int(rows.progress.left.max())
    longest = max(len(symbols) for symbols in rows.symbols) + left
    hopes = search.beam.score(float(rows.log_probabilities.max()), longest)
    return hopes <= worst


def _extended(
    search: _Search,
    rows: _Rows,
    barred: list[int],
    *,
    first_step: bool = False,
    only_greedy: bool = False,
) -> tuple[_Rows | None, _Rows | None]:
    """Choose the next symbols of all rows; give the rows of the beam, and of the greedy text."""
    log_probabilities, ends = _options(search, rows, barred)
    totals = rows.log_probabilities[:, None] + log_probabilities
    endings = rows.log_probabilities + ends
    beam = None
    if not only_greedy:
        for row in np.flatnonzero(np.isfinite(endings)):
            search.finish(rows.symbols[row], float(endings[row]))
        beam = _taken(search, rows, totals, _chosen(search.beam, rows, totals))
    greedy = None
    if first_step or only_greedy:
        symbol = int(totals[0].argmax())
        if endings[0] >= totals[0, symbol]:
            search.finish(rows.symbols[0], float(endings[0]))
        else:
            choice = _Choice(np.array([0]), np.array([symbol]), np.array([ANY_GROUP]))
            greedy = _taken(search, rows, totals, choice)
    return beam, greedy


def _options(
    search: _Search, rows: _Rows, barred: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the log-probabilities of each next symbol [B, V], and of ending [B].

    They are −∞ where a symbol may not follow, or a text may not end.
    """
    logits = rows.logits.double()
    if search.excluded or barred:
        logits[:, [*search.excluded, *barred]] = -math.inf
    if not bool(logits.amax(-1).isfinite().all()):
        raise not_finite()
    logs = logits.log_softmax(-1).cpu().numpy()
    progress = rows.progress
    if search.constraint is None:
        whole = [_is_whole(symbols, search.starts) for symbols in rows.symbols]
        allowed = progress.left[:, None] >= search.starts
        allowed &= search.starts | ~np.array(whole)[:, None]
        may_end = progress.left == 0
    else:
        allowed = progress.allowed(search.constraint)
        may_end = progress.may_end(search.constraint) | ~allowed.any(1)
    with np.errstate(divide="ignore"):
        mass = np.log(np.where(allowed, 0.0, np.exp(logs)).sum(1))
        ends = np.where(may_end, np.minimum(mass, 0.0), -math.inf)
    return np.where(allowed, logs, -math.inf), ends


def _is_whole(symbols: Symbols, starts: NDArray[np.bool_]) -> bool:
    """Say whether the last character has as many symbols as any, so that another must begin."""
    last = symbols[1 - MOST_SYMBOLS :]
    return len(last) == MOST_SYMBOLS - 1 and not starts[list(last)].any()


def _chosen(beam: Beam, rows: _Rows, totals: NDArray[np.float64]) -> _Choice:
    """Choose what to go on with, group by group; of equals the first."""
    V = totals.shape[1]
    taken = np.zeros(V)
    places: list[int] = []
    groups: list[int] = []
    for group in range(beam.groups):
        own = np.where((rows.groups == group) | (rows.groups == ANY_GROUP), 0.0, -math.inf)
        values = totals + own[:, None] - beam.diversity * taken
        order = np.argsort(-values, axis=None, kind="stable")
        fresh = [place for place in order[: beam.width].tolist() if place not in places]
        chosen = [place for place in fresh if math.isfinite(values.flat[place])]
        chosen = chosen[: beam.width // beam.groups]
        places += chosen
        groups += [group] * len(chosen)
        taken[np.unique(np.array(chosen, np.int64) % V)] += 1
    at = np.array(places, np.int64)
    return _Choice(at // V, at % V, np.array(groups, np.int64))


def _taken(
    search: _Search,
    rows: _Rows,
    totals: NDArray[np.float64],
    choice: _Choice,
) -> _Rows | None:
    """Go on from some rows with a symbol each; ``None`` where all of them have ended."""
    parents, symbols, groups = choice
    texts = [
        (*rows.symbols[parent], symbol)
        for parent, symbol in zip(parents.tolist(), symbols.tolist(), strict=True)
    ]
    values = totals[parents, symbols]
    going = np.array([not search.is_finished(text) for text in texts], np.bool_)
    for place in np.flatnonzero(~going):
        search.finish(texts[place], float(values[place]))
    if not going.any():
        return None
    parents, symbols, values = parents[going], symbols[going], values[going]
    progress = ConstraintState(rows.progress.state[parents], rows.progress.left[parents])
    if search.constraint is None:
        progress.left = progress.left - search.starts[symbols]
    else:
        progress.advance(search.constraint, symbols)
    index = torch.from_numpy(parents).to(rows.logits.device)
    state = tuple(tuple(part[index] for part in layer) for layer in rows.state)
    ids = torch.from_numpy(symbols).to(rows.logits.device)
    logits, state = search.network.step(ids, state)
    kept = [text for text, goes_on in zip(texts, going, strict=True) if goes_on]
    return _Rows(kept, groups[going], values, logits, state, progress)
