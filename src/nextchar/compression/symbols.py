"""Conversion of bytes to ids and back, for texts with an exact round trip.

Shapes: n symbols.
"""

from __future__ import annotations

import numpy as np

from nextchar.errors import TextError, as_option
from nextchar.text.places import Place, place_in
from nextchar.text.vocabulary import ByteVocabulary, Ids, Vocabulary

_LISTED = 10
_ADVICE = f"a model with {as_option('vocabulary', 'byte')} accepts any file"


def ids_of(vocabulary: Vocabulary, data: bytes) -> Ids:
    """Return the ids [n] of bytes that ``bytes_of`` restores exactly.

    Raises
    ------
    TextError
        The bytes are not UTF-8, contain symbols outside the vocabulary, or have no exact round
        trip. A byte vocabulary accepts all bytes.
    """
    if isinstance(vocabulary, ByteVocabulary):
        return np.frombuffer(data, np.uint8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = Place().after(data[: error.start].decode())
        raise TextError(
            f"a {vocabulary.kind} vocabulary needs UTF-8: invalid at offset {error.start}, "
            f"{place}; {_ADVICE}"
        ) from None
    ids = vocabulary.encode(text, unknown="skip")
    if bytes_of(vocabulary, ids) != data:
        raise TextError(f"{_fault(vocabulary, text)}: {_ADVICE}")
    return ids


def bytes_of(vocabulary: Vocabulary, ids: Ids) -> bytes:
    """Return the bytes of ids [n]."""
    if isinstance(vocabulary, ByteVocabulary):
        return vocabulary.decode_bytes(ids)
    return vocabulary.decode(ids).encode()


def character_count(data: bytes) -> int:
    """Count the characters of UTF-8 text by their first bytes, as ``starts_character`` does."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) & 0xC0 != 0x80))


def _fault(vocabulary: Vocabulary, text: str) -> str:
    """Return the reason why a text has no exact round trip."""
    unknown = [
        character
        for character in sorted(set(text))
        if len(vocabulary.encode(character, unknown="skip")) == 0
    ]
    if not unknown:
        return f"the {vocabulary.kind} vocabulary does not restore this text exactly"
    names = ", ".join(map(repr, unknown[:_LISTED]))
    more = len(unknown) - _LISTED
    first = place_in(text, min(map(text.index, unknown)))
    return (
        f"unknown symbols {names}{f' and {more} more' if more > 0 else ''}: not among the "
        f"{len(vocabulary)} symbols of the vocabulary, the first at {first}"
    )
