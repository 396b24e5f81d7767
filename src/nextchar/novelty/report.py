"""Novelty report: shared spans and unseen n-grams of a text, relative to a corpus.

All figures count whole characters of the text, whatever the vocabulary. A single byte of a
character or a single letter of a syllable is never a match.

Shapes: m characters of the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, CorpusError, TextError
from nextchar.novelty.automaton import MAX_TEXT_LENGTH
from nextchar.novelty.characters import Characters
from nextchar.novelty.matching import Matcher, Matches
from nextchar.text.stored_ids import TextIds
from nextchar.text.vocabulary import Vocabulary

NGRAMS = (4, 8, 12, 16, 24, 32, 48, 64)
SPANS = 10

_IDS_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SharedSpan:
    """A maximal span of the text that also occurs in the corpus.

    Attributes
    ----------
    text
        The span itself.
    characters
        Its length.
    times
        Number of occurrences in the text as a maximal span.
    offset, line, column
        First occurrence in the text: offset in characters, and line and column from 1.
    corpus_offset
        Offset of one occurrence in the corpus, in characters.
    """

    text: str
    characters: int
    times: int
    offset: int
    line: int
    column: int
    corpus_offset: int


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """The overlap of a text with a corpus.

    Attributes
    ----------
    characters, corpus_characters
        Lengths of the text and of the corpus.
    unknown_characters
        Number of characters of the text outside the vocabulary. They match nothing, not even
        ``<unk>`` in the corpus.
    unseen_share
        For each n, the fraction of the text's m − n + 1 n-grams that do not occur in the corpus,
        0 to 1; ``None`` if the text is shorter than n characters.
    mean_match, longest_match
        Mean and maximum length of the longest match that ends at each character, in characters.
    spans
        The longest distinct shared spans, longest first. Occurrences may overlap, but none contains
        another.
    seconds
        Duration of the comparison.
    """

    characters: int
    corpus_characters: int
    unknown_characters: int
    unseen_share: Mapping[int, float | None]
    mean_match: float
    longest_match: int
    spans: tuple[SharedSpan, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; each name includes the unit."""
        return {
            "characters": self.characters,
            "corpus_characters": self.corpus_characters,
            "unknown_characters": self.unknown_characters,
            "unseen_ngram_share": {str(n): share for n, share in self.unseen_share.items()},
            "mean_match_characters": self.mean_match,
            "longest_match_characters": self.longest_match,
            "spans": [asdict(span) for span in self.spans],
            "seconds": round(self.seconds, 3),
        }


def novelty(
    vocabulary: Vocabulary,
    corpus: TextIds,
    text: str,
    *,
    ngrams: Sequence[int] = NGRAMS,
    spans: int = SPANS,
    progress: Callable[[float], None] | None = None,
) -> Novelty:
    """Compare a text with a corpus, in time linear in both.

    Memory is about 250 bytes per symbol of the text. The corpus is read once, in blocks.

    Parameters
    ----------
    vocabulary
        The vocabulary of the corpus.
    corpus
        The ids of the corpus, [N], in memory or in a file: ``open_corpus(run).train``.
    text
        The text, at least one character.
    ngrams
        The n-gram lengths in characters, each at least 1.
    spans
        Maximum number of shared spans to list.
    progress
        Called with the fraction of the corpus read so far, 0 to 1.

    Raises
    ------
    TextError
        The text is empty, too long, or contains a lone surrogate.
    CorpusError
        The corpus contains an id outside the vocabulary, or its file was modified.
    ConfigError
        ``ngrams`` or ``spans`` is out of range.
    """
    began = time.monotonic()
    if any(n < 1 for n in ngrams):
        raise ConfigError(f"ngrams must be at least 1; got {min(ngrams)}")
    if spans < 0:
        raise ConfigError(f"spans must be at least 0; got {spans}")
    if not text:
        raise TextError("the text is empty: nothing to compare with the corpus")
    characters = Characters.of(text, vocabulary)
    if len(characters.ids) > MAX_TEXT_LENGTH:
        raise TextError(
            f"the text has {len(characters.ids):,} symbols, at most {MAX_TEXT_LENGTH:,} can be "
            "compared with a corpus: use a part of it"
        )
    # The first byte of a character in UTF-8 determines its end. A syllable may continue with a
    # final letter, and is incomplete before it.
    starts = vocabulary.starts_character
    follows = np.ones_like(starts) if vocabulary.kind == "byte" else starts
    matcher = Matcher(characters.ids, starts, follows)
    for start in range(0, len(corpus), _IDS_AT_ONCE):
        block = np.array(corpus[start : start + _IDS_AT_ONCE], np.uint32)
        if block.max() >= len(vocabulary):
            raise CorpusError(
                f"id {block.max()} of the corpus is not in the vocabulary: ids are 0 to "
                f"{len(vocabulary) - 1}"
            )
        matcher.read(block)
        if progress is not None:
            progress((start + len(block)) / len(corpus))
    corpus_characters = matcher.characters
    matches = matcher.finish()
    firsts = _match_starts(characters, matches)
    lengths = np.arange(1, len(text) + 1) - firsts
    return Novelty(
        characters=len(text),
        corpus_characters=corpus_characters,
        unknown_characters=characters.unknown,
        unseen_share={n: _unseen_share(lengths, n) for n in ngrams},
        mean_match=float(lengths.mean()),
        longest_match=int(lengths.max()),
        spans=_longest_spans(text, firsts, spans, _corpus_offsets(characters, matches, starts)),
        seconds=time.monotonic() - began,
    )


def _match_starts(characters: Characters, matches: Matches) -> NDArray[np.int64]:
    """Return the first character of the longest match that ends at each character, int64[m].

    For a character without a match, this is the next character.
    """
    ends = characters.bounds[1:]
    begins = ends - matches.lengths[ends - 1]
    return np.searchsorted(characters.bounds, begins)


def _unseen_share(lengths: NDArray[np.int64], n: int) -> float | None:
    ends = lengths[n - 1 :]
    return float(np.count_nonzero(ends < n) / len(ends)) if len(ends) else None


def _corpus_offsets(
    characters: Characters, matches: Matches, starts: NDArray[np.bool_]
) -> Callable[[int, int], int]:
    """Return a function from a match [first, end) to its offset in the corpus, in characters."""

    def offset(first: int, end: int) -> int:
        begin, last = characters.bounds[[first, end]]
        # Not end − first: invalid UTF-8 bytes are characters of the text, but do not count as
        # characters of a corpus.
        return int(matches.ends[last - 1] - np.count_nonzero(starts[characters.ids[begin:last]]))

    return offset


def _longest_spans(
    text: str, firsts: NDArray[np.int64], limit: int, corpus_offset: Callable[[int, int], int]
) -> tuple[SharedSpan, ...]:
    """Find the longest maximal matches.

    A match is the longest that ends at its last character. It can be extended to the right unless
    the match at the next character begins later.
    """
    places = np.arange(len(firsts))
    stops = np.append(firsts[1:] > firsts[:-1], True) & (firsts <= places)
    ends = places[stops] + 1
    lengths = ends - firsts[stops]
    found: dict[str, tuple[int, int]] = {}
    for index in np.argsort(-lengths, kind="stable").tolist():
        end, length = int(ends[index]), int(lengths[index])
        # Equal spans have equal lengths, so shorter matches cannot add occurrences.
        if len(found) >= limit and (not found or length < len(next(reversed(found)))):
            break
        piece = text[end - length : end]
        if piece in found or len(found) < limit:
            first, times = found.get(piece, (end - length, 0))
            found[piece] = (first, times + 1)
    return tuple(
        SharedSpan(
            text=piece,
            characters=len(piece),
            times=times,
            offset=first,
            line=text.count("\n", 0, first) + 1,
            column=first - text.rfind("\n", 0, first),
            corpus_offset=corpus_offset(first, first + len(piece)),
        )
        for piece, (first, times) in found.items()
    )
