"""Bytes to ids and back, for those texts that come back bit for bit.

Shapes: n symbols.
"""

from __future__ import annotations

import numpy as np

from nextchar.errors import TextError, as_option
from nextchar.text.places import Place, place_in
from nextchar.text.vocabulary import ByteVocabulary, Ids, Vocabulary

_LISTED = 10
_ADVICE = f"a model with {as_option('vocabulary', 'byte')} takes any file"


def ids_of(vocabulary: Vocabulary, data: bytes) -> Ids:
    """Give the ids [n] from which ``bytes_of`` makes the very bytes.

    Raises
    ------
    TextError
        The bytes are no UTF-8, hold symbols that the vocabulary does not have, or would come
        back differently; none of this happens to a byte vocabulary.
    """
    if isinstance(vocabulary, ByteVocabulary):
        return np.frombuffer(data, np.uint8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = Place().after(data[: error.start].decode())
        raise TextError(
            f"not UTF-8 at offset {error.start}, {place}, as a {vocabulary.kind} vocabulary needs: "
            f"{_ADVICE}"
        ) from None
    ids = vocabulary.encode(text, unknown="skip")
    if bytes_of(vocabulary, ids) != data:
        raise TextError(f"{_fault(vocabulary, text)}: {_ADVICE}")
    return ids


def bytes_of(vocabulary: Vocabulary, ids: Ids) -> bytes:
    """Give the bytes that ids [n] stand for."""
    if isinstance(vocabulary, ByteVocabulary):
        return vocabulary.decode_bytes(ids)
    return vocabulary.decode(ids).encode()


def character_count(data: bytes) -> int:
    """Count the characters of UTF-8: the bytes that begin one, as ``starts_character`` has it."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) & 0xC0 != 0x80))


def _fault(vocabulary: Vocabulary, text: str) -> str:
    """Say why a text does not come back."""
    strangers = [
        character
        for character in sorted(set(text))
        if len(vocabulary.encode(character, unknown="skip")) == 0
    ]
    if not strangers:
        return f"the {vocabulary.kind} vocabulary would give this text back differently"
    names = ", ".join(map(repr, strangers[:_LISTED]))
    more = len(strangers) - _LISTED
    first = place_in(text, min(map(text.index, strangers)))
    return (
        f"unknown symbols {names}{f' and {more} more' if more > 0 else ''}: not among the "
        f"{len(vocabulary)} symbols of the vocabulary, the first at {first}"
    )
