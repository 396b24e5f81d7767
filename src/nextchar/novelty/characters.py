"""A text as ids for comparison with a corpus, and the bounds of its characters.

Shapes: m characters, n symbols, V vocabulary size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextchar.text.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class Characters:
    """An encoded text; characters outside the vocabulary have id V, which matches no symbol.

    Attributes
    ----------
    ids
        The symbols, uint32[n].
    bounds
        Index of the first symbol of each character, followed by n; int64[m + 1].
    unknown
        Number of characters outside the vocabulary.
    """

    ids: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    unknown: int

    @classmethod
    def of(cls, text: str, vocabulary: Vocabulary) -> Self:
        """Encode a text.

        Raises
        ------
        TextError
            The text contains a lone surrogate, which is not a character.
        """
        known_ids = vocabulary.encode(text, unknown="skip")
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        distinct, which = np.unique(codes, return_inverse=True)
        alone = [len(vocabulary.encode(chr(code), unknown="skip")) for code in distinct.tolist()]
        widths = np.array(alone, np.int64)[which]
        is_known = widths > 0
        widths = np.maximum(widths, 1)
        ids = np.full(int(widths.sum()), len(vocabulary), np.uint32)
        ids[np.repeat(is_known, widths)] = known_ids
        return cls(
            ids=ids,
            bounds=np.concatenate([np.zeros(1, np.int64), np.cumsum(widths)]),
            unknown=int(np.count_nonzero(~is_known)),
        )
