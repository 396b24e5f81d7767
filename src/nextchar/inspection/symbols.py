"""Symbols of a text as columns of a table or a picture: each visible, and apart from the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.rendering.characters import symbol_name, width
from nextchar.text.vocabulary import Vocabulary

_FIRST_HIGH_BYTE = 0x80


def symbol_marks(vocabulary: Vocabulary, ids: NDArray[np.int64]) -> list[str]:
    """Return a visible text of each symbol, of one or two cells.

    A Hangul letter is shown outside a syllable, a byte of a longer character as two hexadecimal
    digits, and a mark that stands on a letter on a dotted circle.
    """
    known = {number: _mark(vocabulary, number) for number in np.unique(ids).tolist()}
    return [known[number] for number in ids.tolist()]


def _mark(vocabulary: Vocabulary, number: int) -> str:
    if vocabulary.kind == "byte" and number >= _FIRST_HIGH_BYTE:
        return f"{number:02x}"
    mark = symbol_name(vocabulary.decode([number]))
    return mark if width(mark) else f"◌{mark}"
