"""The beginnings of texts: encoded prompts, and the context of a text without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextchar.text.vocabulary import Ids, Unknown, Vocabulary


@dataclass(frozen=True)
class EncodedPrompt:
    """The beginning of a text.

    Attributes
    ----------
    context
        The ids that the network reads first, [n], n ≥ 1.
    shown
        The ids of the prompt, which are part of the text.
    inside
        Symbols that would change the last character of the prompt if they came next.
    """

    context: Ids
    shown: Ids
    inside: list[int]


def start_of(vocabulary: Vocabulary, prompt: str, unknown: Unknown) -> EncodedPrompt:
    """Encode a prompt; an empty prompt gets the context of ``context_of``.

    Raises
    ------
    UnknownSymbolsError
        The vocabulary lacks symbols of the prompt.
    """
    ids = vocabulary.encode(prompt, unknown=unknown)
    is_incomplete = "\udc80" <= prompt[-1:] <= "\udcff"  # an incomplete UTF-8 character
    inside = [] if is_incomplete else np.flatnonzero(~vocabulary.starts_character).tolist()
    return EncodedPrompt(ids if len(ids) > 0 else context_of(vocabulary), ids, inside)


def context_of(vocabulary: Vocabulary) -> Ids:
    """Return the context of a text without a prompt, ids [1].

    It is a record separator, a line break or a space. If the vocabulary has none of them, it is the
    first symbol that begins a character.
    """
    separator = separator_of(vocabulary)
    if separator is not None:
        return np.array([separator], vocabulary.dtype)
    begins = np.flatnonzero(vocabulary.starts_character)
    first: Ids = begins[begins != vocabulary.unknown_id][:1].astype(vocabulary.dtype)
    return first


def separator_of(vocabulary: Vocabulary) -> int | None:
    """Return the symbol that separates texts, or ``None`` if the vocabulary has none.

    It is the first of a record separator, a line break and a space in the vocabulary.
    """
    for symbol in ("\x1e", "\n", " "):
        ids = vocabulary.encode(symbol, unknown="skip")
        if len(ids) > 0:
            return int(ids[0])
    return None


def excluded_of(vocabulary: Vocabulary) -> list[int]:
    """Return the symbols that are never generated: ``<unk>``, if the vocabulary has it."""
    return [] if vocabulary.unknown_id is None else [vocabulary.unknown_id]
