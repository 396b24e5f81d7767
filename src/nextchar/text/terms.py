"""Hashed terms of texts: words, word bigrams, and character n-grams within words.

Case is folded. A word is a run of letters, marks and digits; any other character except white
space is a word by itself. Each word is padded with a space at both ends, and n-grams of up to five
characters are taken from the padded word. The row of a term is its hash (feature hashing,
Weinberger et al. 2009): no list of terms is needed, unseen terms have a row too, and colliding
terms share one. Words and word bigrams use the lower half of the rows, n-grams the upper half.

Legend: N texts, M distinct terms per text, summed over the texts, R rows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 5
_CHARACTERS_AT_ONCE = 1 << 18
_STEP, _MIX = np.uint64(6364136223846793005), np.uint64(0x9E3779B97F4A7C15)
_HIGH_BITS = np.uint64(32)
_SPACE, _WORD, _OTHER = 0, 1, 2

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Terms:
    """The distinct terms of N texts.

    Attributes
    ----------
    rows
        Row of each term, 0 to R − 1, ascending in each text: int64[M].
    counts
        Occurrences of each term in its text: float32[M].
    offsets
        Start of each text's terms, and end of the last: int64[N + 1].
    """

    rows: NDArray[np.int64]
    counts: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def texts(self) -> NDArray[np.int64]:
        """Index of the text of each term, int64[M]."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))


def terms_of(texts: Sequence[str], rows: int) -> Terms:
    """Return the terms of texts.

    Parameters
    ----------
    texts
        N texts; they may be empty.
    rows
        R, a power of two, at least 2.
    """
    parts = [_terms(some, rows) for some in portions(texts)]
    lengths = np.concatenate([np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)])
    return Terms(
        np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.counts for part in parts)]),
        np.cumsum(lengths),
    )


def portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts in portions, in order, to limit the memory of a computation.

    A portion has at least one text, and ends with the text that reaches the size limit.
    """
    start = size = 0
    for place, text in enumerate(texts):
        size += len(text)
        if size >= _CHARACTERS_AT_ONCE:
            yield texts[start : place + 1]
            start, size = place + 1, 0
    if start < len(texts):
        yield texts[start:]


def _terms(texts: Sequence[str], rows: int) -> Terms:
    # Each text ends with a space, and the first one begins with one.
    lowered = [text.casefold() + " " for text in texts]
    joined = " " + "".join(lowered)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in lowered])
    owners = np.concatenate([np.zeros(1, np.int64), owners])
    kinds = _kinds(codes)
    half = rows // 2
    found = [(hashes, owned, 0) for hashes, owned in _words(codes, kinds, owners)]
    found += [(hashes, owned, half) for hashes, owned in _ngrams(codes, kinds, owners)]
    keys = [
        owned * rows + first + _mixed(hashes, half) for hashes, owned, first in found if len(owned)
    ]
    each, counts = np.unique(np.concatenate([np.empty(0, np.int64), *keys]), return_counts=True)
    offsets = np.searchsorted(each, np.arange(len(texts) + 1) * rows)
    return Terms(each % rows, counts.astype(np.float32), offsets)


def _kinds(codes: Hashes) -> NDArray[np.int8]:
    """Classify each character as white space, part of a word, or a word by itself."""
    different, places = np.unique(codes, return_inverse=True)
    kinds = np.array([_kind(chr(code)) for code in different.tolist()], dtype=np.int8)
    return kinds[places]


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    return _WORD if unicodedata.category(character)[0] in "LMN" else _OTHER


def _words(
    codes: Hashes, kinds: NDArray[np.int8], owners: Places
) -> Iterator[tuple[Hashes, Places]]:
    """Yield the hashes of words, then of word bigrams, each with the indices of the texts."""
    is_new = kinds != _SPACE
    is_new[1:] &= (kinds[1:] == _OTHER) | (kinds[:-1] != _WORD)
    starts = np.flatnonzero(is_new)
    if len(starts) == 0:
        return
    newest = starts[np.maximum(np.cumsum(is_new) - 1, 0)]
    places = np.maximum(np.arange(len(codes)) - newest, 0)
    powers = np.cumprod(np.full(int(places.max()) + 1, _STEP))
    values = np.where(kinds == _SPACE, np.uint64(0), (codes + np.uint64(1)) * powers[places])
    words, owned = np.add.reduceat(values, starts), owners[starts]
    yield words, owned
    beside = owned[1:] == owned[:-1]
    yield ((words[:-1] * _MIX + words[1:]) * _STEP)[beside], owned[1:][beside]


def _ngrams(
    codes: Hashes, kinds: NDArray[np.int8], owners: Places
) -> Iterator[tuple[Hashes, Places]]:
    """Yield the hashes of the n-grams of each length, with the indices of the texts."""
    is_space = kinds == _SPACE
    # Collapse runs of white space into one space.
    kept = ~is_space
    kept[1:] |= ~is_space[:-1]
    kept[0] = True
    is_space, owners = is_space[kept], owners[kept]
    symbols = np.where(is_space, np.uint64(32), codes[kept]) + np.uint64(1)
    hashes = symbols
    yield hashes[~is_space], owners[~is_space]
    is_whole = np.ones(len(symbols), dtype=np.bool_)
    for n in range(2, LONGEST + 1):
        if len(symbols) < n:
            return
        hashes, is_whole = hashes[:-1] * _STEP + symbols[n - 1 :], is_whole[:-1]
        if n > 2:
            is_whole = is_whole & ~is_space[n - 2 : -1]
        # The first character may be the space that ends the text before; the second never is.
        owned = owners[1 : len(hashes) + 1]
        yield (hashes + np.uint64(n))[is_whole], owned[is_whole]


def _mixed(hashes: Hashes, rows: int) -> NDArray[np.int64]:
    mixed = (hashes ^ (hashes >> _HIGH_BITS)) * _MIX
    mixed = (mixed ^ (mixed >> _HIGH_BITS)) * _STEP
    return ((mixed >> _HIGH_BITS) & np.uint64(rows - 1)).astype(np.int64)
