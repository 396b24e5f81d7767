"""Sets of characters, as described by the classes and escapes of regular expressions.

Shapes: n code points.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Members = NDArray[np.bool_]

_CODES = 0x110000  # code points of Unicode
_MANY = 100_000  # code points, for which a table of all is faster
_FEW = 4096


@dataclass(frozen=True)
class CharacterSet:
    """A set of characters.

    Attributes
    ----------
    ranges
        Pairs of first and last code point.
    kinds
        ``d``, ``s`` and ``w`` are digits, white space and word characters, as in Python's ``re``.
        ``p`` followed by a Unicode category (``pLu``) or a group of categories (``pL``) includes
        all its characters. A prefix ``^`` negates a kind.
    negated
        Whether the set is the complement of the ranges and kinds.
    any_case
        Whether a character is also a member if its lower or upper case is.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    kinds: tuple[str, ...] = ()
    negated: bool = False
    any_case: bool = False

    @classmethod
    def of(cls, characters: str, *, any_case: bool = False) -> CharacterSet:
        """Return the set of the given characters, optionally with their other cases."""
        if any_case:
            variants = {v for c in characters for v in (c, c.lower(), c.upper()) if len(v) == 1}
            characters = "".join(sorted(variants))
        return cls(tuple((ord(c), ord(c)) for c in characters))

    def members(self, codes: Codes) -> Members:
        """Return whether each code point is in the set, bool[n]."""
        found = self._listed(codes)
        if self.any_case:
            for variant in (str.lower, str.upper):
                found |= self._listed(_in_case(codes, variant))
        return ~found if self.negated else found

    @property
    def is_small(self) -> bool:
        """Whether the members can be listed, since they are few and given by ranges only."""
        if self.kinds or self.negated or self.any_case:
            return False
        return sum(last - first + 1 for first, last in self.ranges) <= _FEW

    def listed(self) -> list[int]:
        """Return the members of a small set, in order."""
        return sorted({code for low, high in self.ranges for code in range(low, high + 1)})

    def steps(self, count: int) -> int:
        """Return the number of Python steps in which ``members`` looks at ``count`` code points."""
        return 0 if count > _MANY else count * (len(self.kinds) + 2 * self.any_case)

    def _listed(self, codes: Codes) -> Members:
        bounds = np.array(_merged(self.ranges), np.int64).ravel()
        # A code point in a range is beyond an odd number of bounds.
        found: Members = np.searchsorted(bounds, codes, side="right") % 2 == 1
        for kind in self.kinds:
            found |= _of_kind(codes, kind)
        return found


def _merged(ranges: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Return disjoint half-open ranges of the same code points, in order."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last + 1))
        else:
            merged.append((first, last + 1))
    return merged


def _of_kind(codes: Codes, kind: str) -> Members:
    if kind.startswith("^"):
        return ~_of_kind(codes, kind[1:])
    if len(codes) > _MANY:
        return _kind_table(kind)[codes]
    return np.fromiter((_is_kind(chr(code), kind) for code in codes.tolist()), np.bool_, len(codes))


@functools.cache
def _kind_table(kind: str) -> Members:
    """Return whether each code point is of a kind, bool[0x110000]."""
    if kind.startswith("p"):
        names, table = _categories()
        chosen = np.array([name.startswith(kind[1:]) for name in names], np.bool_)
        return chosen[table]
    return np.fromiter((_is_kind(chr(code), kind) for code in range(_CODES)), np.bool_, _CODES)


@functools.cache
def _categories() -> tuple[list[str], NDArray[np.uint8]]:
    """Return the names of the Unicode categories, and the index of each code point's category."""
    places: dict[str, int] = {}
    table = np.fromiter(
        (places.setdefault(unicodedata.category(chr(c)), len(places)) for c in range(_CODES)),
        np.uint8,
        _CODES,
    )
    return list(places), table


def _is_kind(character: str, kind: str) -> bool:
    match kind:
        case "d":
            return character.isdecimal()
        case "s":
            return character.isspace()
        case "w":
            return character.isalnum() or character == "_"
        case _:
            return unicodedata.category(character).startswith(kind.removeprefix("p"))


def _in_case(codes: Codes, variant: Callable[[str], str]) -> Codes:
    """Return each code point in another case, or unchanged if that is not a single character."""
    if len(codes) > _MANY:
        return _case_table(variant)[codes]
    return _changed(codes.tolist(), variant)


@functools.cache
def _case_table(variant: Callable[[str], str]) -> Codes:
    return _changed(range(_CODES), variant)


def _changed(codes: Sequence[int], variant: Callable[[str], str]) -> Codes:
    changed = (variant(chr(code)) for code in codes)
    return np.fromiter(
        (ord(new) if len(new) == 1 else code for new, code in zip(changed, codes, strict=True)),
        np.uint32,
        len(codes),
    )
