"""The spelling of characters in a vocabulary: paths of one to four symbols.

A set of characters is a boolean tensor with one axis for each symbol of the path. A syllable has
the axes [initial, medial] or [initial, medial, final]; a character in UTF-8 has up to four bytes.
Equal subtensors share one node, so a few nodes suffice even for all of Unicode.

Shapes: V vocabulary size, n characters, m symbols.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.constraints.budget import Budget
from nextchar.constraints.characters import CharacterSet, Codes
from nextchar.text import hangul
from nextchar.text.vocabularies.code import CodeVocabulary
from nextchar.text.vocabulary import Vocabulary

ENTRY, EXIT = 0, 1

# The source node, the ids of the symbols int64[m], and the target node.
Edge = tuple[int, NDArray[np.int64], int]


@dataclass(frozen=True)
class _Block:
    """Characters spelled with the same number of symbols, k.

    Attributes
    ----------
    codes
        The code points, uint32[d1, …, dk].
    symbols
        The ids along each axis, int64[d1] to int64[dk].
    exists
        Whether each combination is a character, bool[d1, …, dk].
    """

    codes: Codes
    symbols: tuple[NDArray[np.int64], ...]
    exists: NDArray[np.bool_]


class Alphabet:
    """All characters of a vocabulary and their spelling, without ``<unk>``."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._is_utf8 = not isinstance(vocabulary, CodeVocabulary)
        if isinstance(vocabulary, CodeVocabulary):
            self._blocks = list(_of_codes(vocabulary))
        else:
            self._blocks = _utf8()

    def spell(self, characters: CharacterSet, budget: Budget) -> list[Edge]:
        """Return the edges of all paths from ``ENTRY`` to ``EXIT`` that spell a character.

        Raises
        ------
        ConfigError
            The budget is exhausted.
        """
        if self._is_utf8 and characters.is_small:
            return _few_in_utf8(characters.listed(), budget)
        for block in self._blocks:
            budget.spend(characters.steps(block.codes.size), cells=block.codes.size)
        edges: list[Edge] = []
        nodes = EXIT
        for block in self._blocks:
            members = block.exists & characters.members(block.codes.ravel()).reshape(
                block.codes.shape
            )
            # Breadth first: each node represents the remaining subtensor.
            level = {ENTRY: members}
            for symbols in block.symbols[:-1]:
                below: dict[bytes, int] = {}
                parts: dict[int, NDArray[np.bool_]] = {}
                for node, part in level.items():
                    rows = part.reshape(len(symbols), -1)
                    for row in _distinct(rows):
                        key = row.tobytes()
                        if key not in below:
                            nodes += 1
                            below[key] = nodes
                            parts[nodes] = row.reshape(part.shape[1:])
                        taken = symbols[(rows == row).all(1)]
                        edges.append((node, taken, below[key]))
                level = parts
            for node, part in level.items():
                if part.any():
                    edges.append((node, block.symbols[-1][part], EXIT))
        return edges


def _distinct(rows: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the distinct nonempty rows, each bool[m]."""
    seen = {row.tobytes(): row for row in rows if row.any()}
    return list(seen.values())


def _of_codes(vocabulary: CodeVocabulary) -> Iterator[_Block]:
    """Yield the symbols that are characters, and the syllables composed of letters."""
    ids = np.arange(len(vocabulary))
    ids = ids[ids != vocabulary.unknown_id]
    codes = vocabulary.codes_of(ids)
    letters = [
        ids[(codes >= first) & (codes < first + count)]
        for first, count in (
            (hangul.INITIAL, hangul.INITIALS),
            (hangul.MEDIAL, hangul.MEDIALS),
            (hangul.FINAL, hangul.FINALS),
        )
    ]
    whole = codes < hangul.INITIAL
    yield _Block(codes[whole], (ids[whole],), np.ones(int(whole.sum()), np.bool_))
    if vocabulary.kind != "jamo":
        return
    order = [part[np.argsort(vocabulary.codes_of(part))] for part in letters]
    syllables = np.arange(hangul.SYLLABLES, dtype=np.uint32) + np.uint32(hangul.FIRST_SYLLABLE)
    table = syllables.reshape(hangul.INITIALS, hangul.MEDIALS, hangul.FINALS + 1)
    for part, axes in ((table[:, :, 0], order[:2]), (table[:, :, 1:], order)):
        yield _Block(part, tuple(axes), np.ones(part.shape, np.bool_))


@functools.cache
def _utf8() -> list[_Block]:
    """Return all characters as bytes of UTF-8."""
    return list(_utf8_blocks())


def _utf8_blocks() -> Iterator[_Block]:
    rest = np.arange(0x80, 0xC0)
    for lead, lengths, first in (
        (np.arange(0x80), 1, 0),
        (np.arange(0xC0, 0xE0), 2, 0x80),
        (np.arange(0xE0, 0xF0), 3, 0x800),
        (np.arange(0xF0, 0xF8), 4, 0x10000),
    ):
        shape = (len(lead), *[64] * (lengths - 1))
        codes = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
        surrogate = (codes >= 0xD800) & (codes < 0xE000)
        exists = (codes >= first) & (codes <= 0x10FFFF) & ~surrogate
        yield _Block(np.where(exists, codes, np.uint32(0)), (lead, *[rest] * (lengths - 1)), exists)


def _few_in_utf8(codes: list[int], budget: Budget) -> list[Edge]:
    """Return the edges of the paths that spell these characters as bytes of UTF-8."""
    budget.spend(4 * len(codes))
    paths: dict[Any, Any] = {}
    for code in codes:
        if not 0xD800 <= code < 0xE000:  # no surrogate
            *lead, last = chr(code).encode()
            node = paths
            for byte in lead:
                node = node.setdefault(byte, {})
            node[last] = None
    edges: list[Edge] = []
    known: dict[tuple[tuple[int, int], ...], int] = {}

    def number(node: dict[Any, Any], *, is_entry: bool) -> int:
        targets = {
            byte: EXIT if below is None else number(below, is_entry=False)
            for byte, below in node.items()
        }
        key = tuple(sorted(targets.items()))
        if not is_entry and key in known:
            return known[key]
        own = ENTRY if is_entry else EXIT + 1 + len(known)
        known[key] = own
        for target in sorted(set(targets.values())):
            symbols = [byte for byte, other in key if other == target]
            edges.append((own, np.array(symbols, np.int64), target))
        return own

    if paths:
        number(paths, is_entry=True)
    return edges
