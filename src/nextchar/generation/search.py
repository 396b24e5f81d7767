"""Beam search for probable texts.

Shapes: B rows of the batch, K beam width, V vocabulary size, n symbols.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.config.arguments import check_fields
from nextchar.errors import ConfigError
from nextchar.following import report_symbols
from nextchar.generation.automaton import Automaton, ConstraintState
from nextchar.generation.engine import MixtureUse, mixer_of
from nextchar.generation.plain import not_finite
from nextchar.nn.network import Network, State

if TYPE_CHECKING:
    from nextchar.generation.mixer import Mixer

Symbols = tuple[int, ...]

MAX_SYMBOLS_PER_CHARACTER = 4  # the four bytes of a character in UTF-8
ALL_GROUPS = -1  # the group of the prompt, which all groups extend


@dataclass(frozen=True, kw_only=True)
class Beam:
    """The options of a beam search.

    Attributes
    ----------
    width
        Beam width.
    length_penalty
        The exponent α of the length normalisation: the score of n symbols is their log-probability
        divided by ((5 + n) / 6)^α (Wu et al. 2016). Values above 0 favour longer texts.
    groups
        Number of groups in diverse beam search (Vijayakumar et al. 2016). The groups choose their
        symbols in turn, and a symbol loses ``diversity`` nats for each earlier group that chose it
        in the same step.
    diversity
        Diversity strength in nats; see ``groups``.
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
                f"groups must divide the width of {self.width} evenly; got {self.groups}"
            )
        if not (math.isfinite(self.diversity) and self.diversity >= 0):
            raise ConfigError(f"diversity must be at least 0; got {self.diversity}")

    def score(self, log_probability: float, symbols: int) -> float:
        """Return the score that ranks hypotheses."""
        weight: float = ((5 + symbols) / 6) ** self.length_penalty
        return log_probability / weight


@dataclass(frozen=True)
class Hypothesis:
    """A finished text.

    Attributes
    ----------
    symbols
        The n symbols after the prompt.
    log_probability
        Log-probability of the symbols in nats, including that of the end if the text could have
        continued.
    score
        The score that ranks it.
    """

    symbols: Symbols
    log_probability: float
    score: float


@dataclass
class _Rows:
    """The unfinished texts of the beam, one per row, and the network's states after them."""

    symbols: list[Symbols]
    groups: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    logits: Tensor
    state: State
    progress: ConstraintState


class _Choice(NamedTuple):
    """The selected extensions: parent rows, symbols and groups, each int64[K]."""

    parents: NDArray[np.int64]
    symbols: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass
class _Search:
    """The fixed inputs of a search, and the texts finished so far."""

    network: Network
    beam: Beam
    length: int
    starts: NDArray[np.bool_]
    excluded: list[int]
    constraint: Automaton | None
    is_finished: Callable[[Symbols], bool]
    mixer: Mixer | None
    found: dict[Symbols, Hypothesis] = field(default_factory=dict)

    def finish(self, symbols: Symbols, log_probability: float) -> None:
        """Record a finished text."""
        known = self.found.get(symbols)
        if known is None or known.log_probability < log_probability:
            score = self.beam.score(log_probability, len(symbols))
            self.found[symbols] = Hypothesis(symbols, log_probability, score)

    def best(self) -> list[Hypothesis]:
        """Return the finished texts, best first; ties are ordered by their symbols."""
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
    mixture: MixtureUse = (None, "none"),
) -> list[Hypothesis]:
    """Find probable continuations of a prompt.

    All texts advance in one batch, so a width of 16 costs far less than 16 separate texts. The
    greedy text, which always takes the most probable symbol, is completed as well. The best
    hypothesis is therefore never worse than the greedy one.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    prompt
        int64[n], n ≥ 1.
    length
        Number of characters after which a text ends. If characters consist of several symbols, the
        probability of the end is the total probability of all symbols that begin a new character.
    starts
        Whether each symbol begins a character, bool[V].
    excluded, excluded_first
        Symbols excluded everywhere, and symbols excluded only in the first position.
    constraint
        The constraint on all texts. A text may end in any state that satisfies it, with the total
        probability of the symbols that are not allowed.
    is_finished
        Whether a text ends after the given symbols.
    mixture
        The experts to mix with the network, and their use; see ``generation.mixer``.

    Returns
    -------
    list[Hypothesis]
        The finished texts, best first; at most twice the beam width.

    Raises
    ------
    ConfigError
        No text of this length satisfies the constraint.
    NextcharError
        The network's logits are not finite numbers.
    """
    network.eval()
    if constraint is not None and constraint.distance[0] > length:
        raise ConfigError(
            f"the shortest text that satisfies the constraint has {constraint.distance[0]:,} "
            f"characters; got length {length:,}"
        )
    with torch.inference_mode():
        state = network.initial_state(1, int(prompt[0]))
        logits, state = network(prompt.to(state[0][0].device).unsqueeze(1), state)
        mixer = mixer_of(mixture, prompt, logits.squeeze(1))
        search = _Search(
            network, beam, length, starts, list(excluded), constraint, is_finished, mixer
        )
        first = _Rows(
            [()],
            np.array([ALL_GROUPS]),
            np.zeros(1),
            logits[-1],
            state,
            ConstraintState.begin(1, length),
        )
        rows, greedy = _expand(search, first, list(excluded_first), first_step=True)
        while rows is not None or greedy is not None:
            if _is_complete(search, rows):
                rows = None
            report_symbols(1)
            if rows is not None:
                rows, _ = _expand(search, rows, [])
            if greedy is not None:
                _, greedy = _expand(search, greedy, [], only_greedy=True)
    return search.best()[: 2 * beam.width]


def _is_complete(search: _Search, rows: _Rows | None) -> bool:
    """Return whether no unfinished text can still become one of the best."""
    if rows is None or len(search.found) < search.beam.width:
        return False
    worst = search.best()[search.beam.width - 1].score
    per_character = 1 if search.starts.all() else MAX_SYMBOLS_PER_CHARACTER
    left = per_character * int(rows.progress.left.max())
    longest = max(len(symbols) for symbols in rows.symbols) + left
    best_possible = search.beam.score(float(rows.log_probabilities.max()), longest)
    return best_possible <= worst


def _expand(
    search: _Search,
    rows: _Rows,
    masked: list[int],
    *,
    first_step: bool = False,
    only_greedy: bool = False,
) -> tuple[_Rows | None, _Rows | None]:
    """Extend all rows by one symbol; return the rows of the beam and of the greedy text."""
    log_probabilities, ends = _next_log_probabilities(search, rows, masked)
    totals = rows.log_probabilities[:, None] + log_probabilities
    endings = rows.log_probabilities + ends
    beam = None
    if not only_greedy:
        for row in np.flatnonzero(np.isfinite(endings)):
            search.finish(rows.symbols[row], float(endings[row]))
        beam = _advance(search, rows, totals, _select(search.beam, rows, totals))
    greedy = None
    if first_step or only_greedy:
        symbol = int(totals[0].argmax())
        if endings[0] >= totals[0, symbol]:
            search.finish(rows.symbols[0], float(endings[0]))
        else:
            choice = _Choice(np.array([0]), np.array([symbol]), np.array([ALL_GROUPS]))
            greedy = _advance(search, rows, totals, choice)
    return beam, greedy


def _next_log_probabilities(
    search: _Search, rows: _Rows, masked: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the log-probabilities of each next symbol, [B, V], and of the end, [B].

    They are −∞ for symbols that are not allowed, and for texts that may not end yet.
    """
    logits = rows.logits
    if search.mixer is not None:
        logits = search.mixer.after(rows.symbols, logits)
    logits = logits.double()
    if search.excluded or masked:
        logits[:, [*search.excluded, *masked]] = -math.inf
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
    """Return whether the last character has the maximum number of symbols and is complete."""
    last = symbols[1 - MAX_SYMBOLS_PER_CHARACTER :]
    return len(last) == MAX_SYMBOLS_PER_CHARACTER - 1 and not starts[list(last)].any()


def _select(beam: Beam, rows: _Rows, totals: NDArray[np.float64]) -> _Choice:
    """Select the best extensions, group by group; ties go to the first."""
    V = totals.shape[1]
    times_chosen = np.zeros(V)
    places: list[int] = []
    groups: list[int] = []
    for group in range(beam.groups):
        own = np.where((rows.groups == group) | (rows.groups == ALL_GROUPS), 0.0, -math.inf)
        values = totals + own[:, None] - beam.diversity * times_chosen
        order = np.argsort(-values, axis=None, kind="stable")
        available = [place for place in order[: beam.width].tolist() if place not in places]
        chosen = [place for place in available if math.isfinite(values.flat[place])]
        chosen = chosen[: beam.width // beam.groups]
        places += chosen
        groups += [group] * len(chosen)
        times_chosen[np.unique(np.array(chosen, np.int64) % V)] += 1
    at = np.array(places, np.int64)
    return _Choice(at // V, at % V, np.array(groups, np.int64))


def _advance(
    search: _Search,
    rows: _Rows,
    totals: NDArray[np.float64],
    choice: _Choice,
) -> _Rows | None:
    """Advance the selected rows by their symbols; return ``None`` if all texts are finished."""
    parents, symbols, groups = choice
    texts = [
        (*rows.symbols[parent], symbol)
        for parent, symbol in zip(parents.tolist(), symbols.tolist(), strict=True)
    ]
    values = totals[parents, symbols]
    active = np.array([not search.is_finished(text) for text in texts], np.bool_)
    for place in np.flatnonzero(~active):
        search.finish(texts[place], float(values[place]))
    if not active.any():
        return None
    parents, symbols, values = parents[active], symbols[active], values[active]
    progress = ConstraintState(rows.progress.state[parents], rows.progress.left[parents])
    if search.constraint is None:
        progress.left = progress.left - search.starts[symbols]
    else:
        progress.advance(search.constraint, symbols)
    index = torch.from_numpy(parents).to(rows.logits.device)
    state = tuple(tuple(part[index] for part in layer) for layer in rows.state)
    ids = torch.from_numpy(symbols).to(rows.logits.device)
    logits, state = search.network.step(ids, state)
    kept = [text for text, is_active in zip(texts, active, strict=True) if is_active]
    return _Rows(kept, groups[active], values, logits, state, progress)
