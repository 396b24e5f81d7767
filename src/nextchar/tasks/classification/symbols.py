"""Texts as symbols between two borders, so that their beginnings and ends can be seen.

The borders are the two ids behind those of the vocabulary. Words are read without the spaces
between them. A text without a symbol is two borders.

Legend: V symbols of the vocabulary, N texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Vocabulary, WordVocabulary

BORDERS = 2


def symbol_count(vocabulary: Vocabulary) -> int:
    """Give V, the two borders counted in."""
    return len(vocabulary) + BORDERS


def encode_text(vocabulary: Vocabulary, text: str) -> NDArray[np.int32]:
    """Give the ids of a text, a border before and behind; what is unknown is ``<unk>``.

    Raises
    ------
    TextError
        A lone surrogate.
    """
    has_unknown = vocabulary.unknown_id is not None
    ids = vocabulary.encode(text, unknown="replace" if has_unknown else "error").astype(np.int32)
    if isinstance(vocabulary, WordVocabulary):
        ids = ids[~vocabulary.is_space[ids]]
    begin = len(vocabulary)
    return np.concatenate([[begin], ids, [begin + 1]]).astype(np.int32)


def encode_texts(vocabulary: Vocabulary, texts: Sequence[str]) -> Sequences:
    """Give the ids of N texts."""
    return Sequences.of((encode_text(vocabulary, text) for text in texts), np.dtype(np.int32))
