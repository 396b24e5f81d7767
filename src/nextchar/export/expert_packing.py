"""The experts of a run as arrays that a page contains: the same counts and weights, without loss.

Places in an array are stored as the sizes between them, which are small and compress well; the page
adds them up. Whole numbers have the narrowest type that holds them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.experts.experts import Experts
from nextchar.export.packing import PackedTensor

_WHOLE_NUMBERS = (np.uint8, np.uint16, np.uint32)


def describe_experts(experts: Experts) -> dict[str, Any]:
    """Return the description of experts that their page reads, as JSON values."""
    return {"longest": experts.M, "bits": experts.tables.bits.tolist()}


def pack_experts(experts: Experts) -> list[PackedTensor]:
    """Return the counts, the words and the weights."""
    return [
        PackedTensor(name=f"experts.{name}", values=values) for name, values in _arrays(experts)
    ]


def _arrays(experts: Experts) -> Iterator[tuple[str, NDArray[Any]]]:
    tables, words = experts.tables, experts.words
    directories = itertools.pairwise(tables.directories.tolist())
    sizes = [np.diff(tables.starts[begin:end]) for begin, end in directories]
    yield "starts", _narrowed(np.concatenate(sizes))
    yield "tags", tables.tags
    yield "first", _narrowed(np.diff(tables.first))
    yield "symbols", _narrowed(tables.symbols)
    yield "counts", _narrowed(tables.counts)
    yield "discounts", tables.discounts
    yield "inside", words.inside.astype(np.uint8)
    yield "folded", _narrowed(words.folded)
    for name, weights in experts.weights._asdict().items():
        yield f"weights.{name}", weights


def _narrowed(values: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return whole numbers below 2³² in the narrowest type that holds them."""
    highest = int(values.max(initial=0))
    kind = next(kind for kind in _WHOLE_NUMBERS if highest <= np.iinfo(kind).max)
    return values.astype(kind)
