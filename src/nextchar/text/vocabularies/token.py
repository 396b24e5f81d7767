"""Tokens as symbols: the parts of a text between spaces, such as the phonemes ``"K AE1 T"``.

Legend: V symbols, n tokens.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from nextchar.errors import TextError, UnknownSymbolsError, as_option
from nextchar.text.vocabularies.base import UNKNOWN_NAME, Ids, Unknown

LISTED_TOKENS = 10
KIND = "token"


class TokenVocabulary:
    """A fixed set of tokens, numbered 0 to V − 1; a text is a sequence of tokens and spaces.

    Parameters
    ----------
    tokens
        The tokens in the order of their ids, without white space.
    unknown
        Include ``<unk>`` with id 0, before the other symbols.

    Raises
    ------
    TextError
        There are no tokens, a token occurs twice, or contains white space.
    """

    def __init__(self, tokens: Sequence[str], *, unknown: bool = False) -> None:
        if not tokens:
            raise TextError("a vocabulary needs at least one symbol, got none")
        wrong = next((token for token in tokens if token.split() != [token]), None)
        if wrong is not None:
            raise TextError(f"a token must not contain white space, got {wrong!r:.80}")
        first = [UNKNOWN_NAME] if unknown else []
        self.symbols = (*first, *tokens)
        self.unknown_id = 0 if unknown else None
        self._ids = {token: number for number, token in enumerate(tokens, len(first))}
        if len(self._ids) < len(tokens):
            twice = collections.Counter(tokens).most_common(1)[0][0]
            raise TextError(f"symbols must be distinct, got {twice!r:.80} more than once")
        self._tokens = tuple(tokens)

    def __len__(self) -> int:
        return len(self.symbols)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} symbols>"

    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Encode a text as ids [n]; see ``Vocabulary.encode``."""
        tokens = text.split()
        missing = sorted({token for token in tokens if token not in self._ids})
        if missing and (unknown == "error" or (unknown == "replace" and self.unknown_id is None)):
            more = len(missing) - LISTED_TOKENS
            names = ", ".join(map(repr, missing[:LISTED_TOKENS]))
            raise UnknownSymbolsError(
                f"unknown tokens {names}{f' and {more} more' if more > 0 else ''}: not among the "
                f"{len(self)} symbols of the vocabulary"
            )
        ids = [self._ids.get(token, 0) for token in tokens if unknown != "skip" or token in self]
        return np.array(ids, dtype=np.min_scalar_type(len(self) - 1))

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def decode(self, ids: ArrayLike) -> str:
        """Decode ids [n] to a text of tokens separated by single spaces."""
        array = np.asarray(ids, dtype=np.int64)
        outside = array[(array < 0) | (array >= len(self))]
        if outside.size:
            raise TextError(
                f"id {outside[0]} is not in the vocabulary: ids are 0 to {len(self) - 1}"
            )
        return " ".join(self.symbols[number] for number in array.tolist())

    def to_dict(self) -> dict[str, object]:
        """Return the vocabulary as JSON values; ``from_dict`` is the inverse."""
        unknown = self.unknown_id is not None
        return {"kind": KIND, "symbols": list(self._tokens), "unknown": unknown}

    @classmethod
    def learn(cls, texts: Iterable[str], min_count: int = 1, *, unknown: bool = False) -> Self:
        """Learn the vocabulary of texts; ``<unk>`` replaces tokens rarer than ``min_count``.

        Raises
        ------
        TextError
            No token occurs ``min_count`` times.
        """
        counts = collections.Counter(token for text in texts for token in text.split())
        kept = sorted(token for token, count in counts.items() if count >= min_count)
        if not kept:
            most = max(counts.values(), default=0)
            raise TextError(
                f"no token occurs {min_count} times, the most frequent {most} times: "
                f"set a smaller {as_option('min_count')}"
            )
        return cls(kept, unknown=unknown or len(kept) < len(counts))

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Return the vocabulary of a ``to_dict`` mapping; ``TextError`` if that is invalid."""
        symbols, unknown = values.get("symbols"), values.get("unknown")
        if set(values) != {"kind", "symbols", "unknown"} or values["kind"] != KIND:
            raise TextError(
                "token vocabulary keys must be kind, symbols and unknown, got "
                f"{sorted(values)!r:.80}"
            )
        if not isinstance(symbols, list) or not all(isinstance(each, str) for each in symbols):
            raise TextError("vocabulary symbols must be a list of strings")
        if not isinstance(unknown, bool):
            raise TextError(f"vocabulary unknown must be true or false, got {unknown!r:.80}")
        return cls(symbols, unknown=unknown)
