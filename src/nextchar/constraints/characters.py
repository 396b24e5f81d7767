"""Sets of characters, as the brackets and escapes of a regular expression name them.

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
    """A set of characters that is asked for its members.

    Attributes
    ----------
    ranges
        First and last code points.
    kinds
        ``d``, ``s``, ``w``: digits, white space and word characters as Python's ``re`` has them;
        or ``p`` and the name of a Unicode category, ``pLu``, or of a group of them, ``pL``. After
        ``^``, all that is not such.
    negated
        Whether it is all characters but those.
    any_case
        Whether a character is in it where its lower or upper case is.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    kinds: tuple[str, ...] = ()
    negated: bool = False
    any_case: bool = False

    @classmethod
    def of(cls, characters: str, *, any_case: bool = False) -> CharacterSet:
        """Make the set of some characters, with their other cases where these are asked for."""
        if any_case:
            variants = {v for c in characters for v in (c, c.lower(), c.upper()) if len(v) == 1}
            characters = "".join(sorted(variants))
        return cls(tuple((ord(c), ord(c)) for c in characters))

    def members(self, codes: Codes) -> Members:
        """Say which code points are in the set, bool[n]."""
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
    """Give each code point in another case, where that is a single one."""
    changed = (variant(chr(code)) for code in codes.tolist())
    return np.fromiter(
        (ord(new) if len(new) == 1 else code for new, code in zip(changed, codes, strict=True)),
        np.uint32,
        len(codes),
    )
