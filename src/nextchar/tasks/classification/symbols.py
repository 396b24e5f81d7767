"""Encoding of texts with start and end markers.

The two markers have the ids after those of the vocabulary. Word vocabularies skip the spaces
between words. An empty text is encoded as the two markers.

Legend: V symbols of the vocabulary, N texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Vocabulary, WordVocabulary

MARKERS = 2


def symbol_count(vocabulary: Vocabulary) -> int:
    """Return the number of symbols, both markers included."""
    return len(vocabulary) + MARKERS


def encode_text(vocabulary: Vocabulary, text: str) -> NDArray[np.int32]:
    """Return the ids of a text between both markers. Unknown symbols are ``<unk>``.

    Raises
    ------
    TextError
        The text contains a lone surrogate.
    """
    has_unknown = vocabulary.unknown_id is not None
    ids = vocabulary.encode(text, unknown="replace" if has_unknown else "error").astype(np.int32)
    if isinstance(vocabulary, WordVocabulary):
        ids = ids[~vocabulary.is_space[ids]]
    begin = len(vocabulary)
    return np.concatenate([[begin], ids, [begin + 1]]).astype(np.int32)


def encode_texts(vocabulary: Vocabulary, texts: Sequence[str]) -> Sequences:
    """Return the ids of N texts."""
    return Sequences.of((encode_text(vocabulary, text) for text in texts), np.dtype(np.int32))
