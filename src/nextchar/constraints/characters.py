"""Sets of characters, as described by the classes and escapes of regular expressions.

Shapes: n code points.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Members = NDArray[np.bool_]


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

    def _listed(self, codes: Codes) -> Members:
        found = np.zeros(len(codes), np.bool_)
        for first, last in self.ranges:
            found |= (codes >= first) & (codes <= last)
        for kind in self.kinds:
            found |= _of_kind(codes, kind)
        return found


def _of_kind(codes: Codes, kind: str) -> Members:
    if kind.startswith("^"):
        return ~_of_kind(codes, kind[1:])
    return np.fromiter((_is_kind(chr(code), kind) for code in codes.tolist()), np.bool_, len(codes))


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
    changed = (variant(chr(code)) for code in codes.tolist())
    return np.fromiter(
        (ord(new) if len(new) == 1 else code for new, code in zip(changed, codes, strict=True)),
        np.uint32,
        len(codes),
    )
