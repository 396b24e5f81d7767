"""The geometry of symbols in words and tables for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nextchar.inspection.embedding_space import ONE_HOT_DISTANCE, RARE
from nextchar.rendering.characters import width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextchar.inspection.embedding_space import EmbeddingSpace, Symbol

_NAMED = 30  # symbols of a cluster, or never seen
_NO_STRUCTURE = 0.25  # the silhouette of Kaufman & Rousseeuw
_RARE_MARK = "°"
_VECTORS = {
    "embedding": "the embedding",
    "tied embedding": "the embedding, which is also the output weights",
    "input weights": "one-hot input; the input weights of all gates of layer 1",
    "output weights": "the output weights",
}


def space_lines(space: EmbeddingSpace) -> list[str]:
    """Return the share of the variance, and the tables of kinds, neighbours and clusters."""
    lines = [
        _source_words(space),
        _variance_words(space),
        "",
        *_kind_table(space),
        "",
        *_neighbor_table(space),
        "",
        *_cluster_lines(space),
        "",
        *_count_words(space),
    ]
    return lines[:-1] if not lines[-1] else lines


def shown_words(space: EmbeddingSpace) -> str:
    """Return how many symbols are shown of how many."""
    shown = len(space.symbols)
    if shown == space.known:
        return f"{shown:,} symbols"
    order = "most frequent" if space.has_counts else "first"
    return f"the {order} {shown:,} of {space.known:,} symbols"


def _source_words(space: EmbeddingSpace) -> str:
    return f"{_VECTORS[space.source]}: {space.size:,} numbers a symbol; {shown_words(space)}"


def _variance_words(space: EmbeddingSpace) -> str:
    first, second = space.variance_shares
    return (
        f"two components hold {first + second:.0%} of the variance ({first:.0%} and {second:.0%}); "
        f"of one-hot vectors {space.one_hot_variance_share:.0%}"
    )


def _kind_table(space: EmbeddingSpace) -> list[str]:
    rows = [("kind", "symbols", "within", "outside", "nearest alike", "by chance")]
    rows += [
        (
            each.kind,
            f"{each.symbols:,}",
            _distance(each.within),
            _distance(each.outside),
            _share(each.nearest_alike, each.symbols),
            _share(each.nearest_alike_by_chance, each.symbols),
        )
        for each in space.by_kind
    ]
    one_hot = _distance(ONE_HOT_DISTANCE)
    rows.append(("one-hot", "", one_hot, one_hot, "", ""))
    return [
        "mean distance of two symbols of a kind, and to other kinds; vectors have length 1",
        *_aligned(rows, right=range(1, 6)),
        "one-hot vectors are all √2 apart: none has a neighbour.",
    ]


def _neighbor_table(space: EmbeddingSpace) -> list[str]:
    rows = [("symbol", "count" if space.has_counts else "", "nearest, by cosine")]
    for each in space.neighbors:
        near = [f"{_marked(symbol)} {cosine:.2f}" for symbol, cosine in each.nearest]
        count = "" if each.symbol.count is None else f"{each.symbol.count:,}"
        rows.append((_marked(each.symbol), count, "   ".join(near)))
    return _aligned(rows, right=(1,))


def _cluster_lines(space: EmbeddingSpace) -> list[str]:
    clusters = space.clusters
    doubt = " (0.25 or less: no clear groups)" if clusters.silhouette <= _NO_STRUCTURE else ""
    total = int(clusters.numbers.max()) + 1
    lines = [f"{total} clusters, silhouette {clusters.silhouette:.2f}{doubt}"]
    for number in range(total):
        members = [
            symbol
            for symbol, own in zip(space.symbols, clusters.numbers.tolist(), strict=True)
            if own == number
        ]
        lines.append(f"  {number + 1}  {_listed(members)}")
    return lines


def _count_words(space: EmbeddingSpace) -> list[str]:
    if not space.has_counts:
        return [
            "the run has no text, so counts are not known: symbols are in the vocabulary's order"
        ]
    named = [*space.symbols, *(near for each in space.neighbors for near, _ in each.nearest)]
    lines = []
    if any(each.is_rare for each in named):
        lines.append(f"{_RARE_MARK} less than {RARE} times in the training text")
    if space.never_seen:
        lines.append(
            f"never in the training text, and not shown: {_listed(space.never_seen, mark=False)}"
        )
    return lines


def _share(value: float, symbols: int) -> str:
    return f"{value:.0%}" if symbols > 1 else "-"


def _listed(symbols: Sequence[Symbol], *, mark: bool = True) -> str:
    names = [_marked(each) if mark else each.name for each in symbols[:_NAMED]]
    more = len(symbols) - _NAMED
    return f"{'  '.join(names)}{f'  and {more:,} more' if more > 0 else ''}"


def _marked(symbol: Symbol) -> str:
    return f"{symbol.name}{_RARE_MARK}" if symbol.is_rare else symbol.name


def _distance(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _aligned(rows: Sequence[tuple[str, ...]], *, right: Sequence[int]) -> list[str]:
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{' ' * (room - width(cell))}{cell}"
            if place in right
            else f"{cell}{' ' * (room - width(cell))}"
            for place, (cell, room) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
