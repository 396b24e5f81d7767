"""The geometry of the input symbols: which of them a network has learned to treat alike.

All vectors are normalised to length 1 first. The distance of two of them is then √(2 − 2 cosine),
and √2 for two that have nothing in common, as for any two one-hot vectors.

Shapes: V vocabulary size, E numbers of a vector, n symbols shown, k kinds.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, CorpusError, UnknownSymbolsError, as_option
from nextchar.inspection.symbol_clusters import Clusters, cluster
from nextchar.inspection.symbol_kinds import KINDS, symbol_kinds, symbol_names
from nextchar.nn.network import Network
from nextchar.rendering.projection import principal_components
from nextchar.text.corpus import Corpus
from nextchar.text.vocabulary import Vocabulary

SHOWN, MOST_SHOWN = 150, 500  # symbols
ONE_HOT_DISTANCE = math.sqrt(2)
RARE = 10  # occurrences
_LEAST = 3  # symbols
_ASKED = 10  # symbols whose neighbours are listed
_NEAREST = 5
_AT_ONCE = 1 << 20

Source = Literal["embedding", "tied embedding", "input weights", "output weights"]
Side = Literal["input", "output"]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """A symbol of the vocabulary.

    Attributes
    ----------
    name
        Its visible name; see ``symbol_names``.
    kind
        One of ``KINDS``.
    count
        Its occurrences in the training text; ``None`` if they are not known.
    """

    name: str
    kind: str
    count: int | None

    @property
    def is_rare(self) -> bool:
        """Whether the training text has it less than ``RARE`` times."""
        return self.count is not None and self.count < RARE

    def to_dict(self) -> dict[str, Any]:
        """Return name, kind and count."""
        return {"symbol": self.name, "kind": self.kind, "count": self.count}


@dataclass(frozen=True, kw_only=True)
class Neighbors:
    """The symbols nearest to a symbol, among all that the network has read.

    Attributes
    ----------
    symbol
        The symbol.
    nearest
        The others, the nearest first, each with the cosine of the two vectors, −1 to 1.
    """

    symbol: Symbol
    nearest: tuple[tuple[Symbol, float], ...]


@dataclass(frozen=True, kw_only=True)
class KindDistances:
    """The distances of the symbols of a kind.

    Attributes
    ----------
    kind
        The kind.
    symbols
        Their number, of the n shown.
    within
        Mean distance of two of them, 0 to 2; NaN for one symbol alone.
    outside
        Mean distance to the symbols of other kinds, 0 to 2; NaN if there is no other kind.
    nearest_alike
        The share of them whose nearest symbol is of the same kind.
    nearest_alike_by_chance
        The same for vectors without any structure.
    """

    kind: str
    symbols: int
    within: float
    outside: float
    nearest_alike: float
    nearest_alike_by_chance: float


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingSpace:
    """The geometry of symbols.

    Attributes
    ----------
    source
        The vectors: the embedding, tied to the output weights or not; for one-hot input, the
        columns of the input weights of all gates of the first layer; or the output weights.
    size
        E.
    known
        Number of symbols that the training text has; V if that is not known.
    never_seen
        The symbols that the training text lacks; they are not shown.
    symbols
        The n symbols shown: the most frequent ones, the first one leading.
    points
        Their two principal components, [n, 2].
    variance_shares
        The share of the variance of each component, [2].
    distances
        Euclidean distances, [n, n], 0 to 2.
    clusters
        The partition of the n symbols.
    neighbors
        The neighbours of the symbols asked for, or of the most frequent ones.
    """

    source: Source
    size: int
    known: int
    never_seen: tuple[Symbol, ...]
    symbols: tuple[Symbol, ...]
    points: _Floats
    variance_shares: _Floats
    distances: _Floats
    clusters: Clusters
    neighbors: tuple[Neighbors, ...]

    @property
    def has_counts(self) -> bool:
        """Whether the occurrences of the symbols are known."""
        return self.symbols[0].count is not None

    @property
    def one_hot_variance_share(self) -> float:
        """The share of the variance that two components hold of n one-hot vectors."""
        return 2 / (len(self.symbols) - 1)

    @functools.cached_property
    def kinds(self) -> tuple[str, ...]:
        """The k kinds of the symbols shown, in the order of ``KINDS``."""
        found = {each.kind for each in self.symbols}
        return tuple(kind for kind in KINDS if kind in found)

    @functools.cached_property
    def kind_distances(self) -> _Floats:
        """Mean distances between kinds, [k, k]; NaN within a kind of one symbol."""
        members = self._members
        sizes = members.sum(axis=0)
        pairs = np.outer(sizes, sizes) - np.diag(sizes)
        sums = members.T @ self.distances @ members
        means: _Floats = np.where(pairs > 0, sums / np.maximum(pairs, 1), np.nan)
        return means

    @functools.cached_property
    def by_kind(self) -> tuple[KindDistances, ...]:
        """The distances of each kind."""
        count, own = len(self.symbols), self._members.argmax(axis=1)
        apart = self.distances.copy()
        np.fill_diagonal(apart, np.inf)
        alike = own == own[apart.argmin(axis=1)]
        rows = []
        for number, kind in enumerate(self.kinds):
            chosen = own == number
            others = self.distances[chosen][:, ~chosen]
            rows.append(
                KindDistances(
                    kind=kind,
                    symbols=int(chosen.sum()),
                    within=float(self.kind_distances[number, number]),
                    outside=float(others.mean()) if others.size else math.nan,
                    nearest_alike=float(alike[chosen].mean()),
                    nearest_alike_by_chance=float((chosen.sum() - 1) / (count - 1)),
                )
            )
        return tuple(rows)

    @functools.cached_property
    def _members(self) -> _Floats:
        """1 where a symbol is of a kind, [n, k]."""
        places = [self.kinds.index(each.kind) for each in self.symbols]
        members: _Floats = np.eye(len(self.kinds))[places]
        return members

    def to_dict(self) -> dict[str, Any]:
        """Return the figures; distances are Euclidean, of vectors of length 1."""
        return {
            "source": self.source,
            "vector_size": self.size,
            "known_symbols": self.known,
            "shown_symbols": len(self.symbols),
            "variance_shares": self.variance_shares.tolist(),
            "one_hot_variance_share": self.one_hot_variance_share,
            "one_hot_distance": ONE_HOT_DISTANCE,
            "symbols": [
                {**symbol.to_dict(), "cluster": number + 1, "point": point}
                for symbol, number, point in zip(
                    self.symbols, self.clusters.numbers.tolist(), self.points.tolist(), strict=True
                )
            ],
            "silhouette": self.clusters.silhouette,
            "kinds": [
                {
                    "kind": each.kind,
                    "symbols": each.symbols,
                    "mean_distance_within": _number(each.within),
                    "mean_distance_outside": _number(each.outside),
                    "nearest_alike_share": each.nearest_alike,
                    "nearest_alike_share_by_chance": each.nearest_alike_by_chance,
                }
                for each in self.by_kind
            ],
            "neighbors": [
                {
                    **each.symbol.to_dict(),
                    "nearest": [
                        {**near.to_dict(), "cosine": cosine} for near, cosine in each.nearest
                    ],
                }
                for each in self.neighbors
            ],
            "never_seen": [each.name for each in self.never_seen],
        }

    def lines(self) -> list[str]:
        """Return the tables of kinds, neighbours and clusters in words."""
        from nextchar.inspection.embedding_words import space_lines

        return space_lines(self)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the map, and the distances within and between kinds beside one-hot vectors.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.embedding_plots import plot_space

        return plot_space(self)


def embedding_space(
    network: Network,
    vocabulary: Vocabulary,
    *,
    run: Path | None,
    of: Side,
    symbols: Sequence[str],
    count: int,
) -> EmbeddingSpace:
    """Measure the geometry of the symbols; see ``Inspector.embeddings``."""
    if not _LEAST <= count <= MOST_SHOWN:
        raise ConfigError(
            f"{as_option('count')} must be from {_LEAST} to {MOST_SHOWN}; got {count:,}"
        )
    source, vectors = _vectors_of(network, of)
    counts = None if run is None else _training_counts(run, len(vocabulary))
    names, kinds = symbol_names(vocabulary), symbol_kinds(vocabulary)
    known = [
        Symbol(name=name, kind=kind, count=None if counts is None else int(counts[number]))
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    order = np.arange(len(vocabulary))
    if counts is not None:
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    if len(order) < _LEAST:
        raise ConfigError(f"a geometry needs at least {_LEAST} symbols; the run has {len(order)}")
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    shown = order[:count]
    points, shares = principal_components(unit[shown])
    distances = _distances(unit[shown])
    asked = [_number_of(each, vocabulary, names) for each in symbols] or order[:_ASKED].tolist()
    return EmbeddingSpace(
        source=source,
        size=vectors.shape[1],
        known=len(order),
        never_seen=tuple(each for each in known if each.count == 0),
        symbols=tuple(known[number] for number in shown.tolist()),
        points=points,
        variance_shares=shares,
        distances=distances,
        clusters=cluster(distances),
        neighbors=tuple(_neighbors(number, unit, order, known) for number in asked),
    )


def _vectors_of(network: Network, of: Side) -> tuple[Source, NDArray[np.float32]]:
    """Return the vector of each symbol, float32[V, E]."""
    is_tied = network.embedding is not None and network.config.tied
    if of == "output" and not is_tied:
        return "output weights", network.head.weight.detach().float().cpu().numpy()
    if network.embedding is None:
        weights = network.stack.cells[0].weight_ih.detach().t()
        return "input weights", weights.float().cpu().numpy()
    source: Source = "tied embedding" if is_tied else "embedding"
    return source, network.embedding.weight.detach().float().cpu().numpy()


def _training_counts(run: Path, size: int) -> NDArray[np.int64] | None:
    """Count each symbol in the training part of a run, [V]; ``None`` if the run has no text."""
    folder = run / "corpus"
    if not folder.exists():
        return None
    ids = Corpus.open(folder).train
    counts = np.zeros(size, np.int64)
    for start in range(0, len(ids), _AT_ONCE):
        found = np.bincount(ids[start : start + _AT_ONCE], minlength=size)
        if len(found) > size:
            raise CorpusError(f"{folder} does not belong to the vocabulary of its run")
        counts += found
    return counts


def _distances(unit: NDArray[np.float32]) -> _Floats:
    """Return Euclidean distances [n, n] of vectors of length 1."""
    exact = unit.astype(np.float64)
    squares = (exact**2).sum(axis=1)
    distances: _Floats = np.sqrt(np.maximum(squares[:, None] + squares - 2 * exact @ exact.T, 0))
    np.fill_diagonal(distances, 0)
    return distances


def _neighbors(
    number: int, unit: NDArray[np.float32], order: NDArray[np.int64], known: Sequence[Symbol]
) -> Neighbors:
    others = order[order != number]
    cosines = unit[others] @ unit[number]
    best = np.argsort(-cosines, kind="stable")[:_NEAREST].tolist()
    return Neighbors(
        symbol=known[number],
        nearest=tuple((known[int(others[place])], float(cosines[place])) for place in best),
    )


def _number_of(symbol: str, vocabulary: Vocabulary, names: Sequence[str]) -> int:
    """Return the id of a symbol by its name, or as it stands in a text."""
    for known in (names, vocabulary.keys, vocabulary.symbols):
        if symbol in known:
            return known.index(symbol)
    if vocabulary.kind == "byte" and len(symbol.encode()) == 1:
        return symbol.encode()[0]
    near = difflib.get_close_matches(symbol, names, n=1) or [
        name for name in names if name.lower() == symbol.lower()
    ]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UnknownSymbolsError(
        f"{symbol!r:.80} is not among the {len(vocabulary):,} symbols of the vocabulary{hint}"
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
