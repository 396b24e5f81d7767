"""How much of a text is new, and how much of it stands in a corpus word for word.

Everything is counted in characters of the text, whatever the vocabulary: a byte or a letter of a
syllable is never shared alone.

Legend: m characters of the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, CorpusError, TextError
from nextchar.novelty.automaton import LONGEST_TEXT
from nextchar.novelty.characters import Characters
from nextchar.novelty.matching import Matcher, Matches
from nextchar.text.vocabulary import Ids, Vocabulary

NGRAMS = (4, 8, 12, 16, 24, 32, 48, 64)
SPANS = 10

_IDS_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SharedSpan:
    """A piece of the text that the corpus has too, and that cannot be longer on either side.

    Attributes
    ----------
    text
        The piece itself.
    characters
        Its length.
    times
        How often it is such a piece of the text.
    offset, line, column
        Where it stands first in the text: characters before it, and line and column from 1.
    corpus_offset
        One place where it stands in the corpus: characters before it.
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
    """What a text shares with a corpus.

    Attributes
    ----------
    characters, corpus_characters
        Lengths of the text and of the corpus.
    unknown_characters
        Characters of the text that the vocabulary does not have; they are shared with nothing,
        even where the corpus has ``<unk>``.
    unseen_share
        For each n, the share of the text's m - n + 1 n-grams that the corpus does not have, 0 to
        1; ``None`` if the text is shorter than n characters.
    mean_match, longest_match
        Of the longest piece of the corpus that ends at each character of the text, in characters.
    spans
        The longest shared pieces, each once, by falling length; none lies within another in the
        text, but they may overlap.
    seconds
        Time that it took.
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
        """Give the figures by name, each name with its unit."""
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
    corpus: Ids,
    text: str,
    *,
    ngrams: Sequence[int] = NGRAMS,
    spans: int = SPANS,
    progress: Callable[[float], None] | None = None,
    check: Callable[[], None] | None = None,
) -> Novelty:
    """Compare a text with a corpus, in time linear in both.

    Memory is some 250 bytes a symbol of the text; the corpus is read once, in blocks.

    Parameters
    ----------
    vocabulary
        The symbols of the corpus.
    corpus
        Its ids, shape [N]; such as ``open_corpus(run).train``.
    text
        The text, at least one character.
    ngrams
        The n for which unseen n-grams are counted, each at least 1 character.
    spans
        How many shared pieces to list.
    progress
        Told the share of the corpus that was read, 0 to 1.
    check
        Called before each block of the corpus is read; raises if it may not be read any more.

    Raises
    ------
    TextError
        The text is empty, too long, or holds a lone surrogate.
    CorpusError
        The corpus holds an id that the vocabulary does not have.
    ConfigError
        ``ngrams`` or ``spans`` is out of its range.
    """
    began = time.monotonic()
    if any(n < 1 for n in ngrams):
        raise ConfigError(f"ngrams must be at least 1; got {min(ngrams)}")
    if spans < 0:
        raise ConfigError(f"spans must be at least 0; got {spans}")
    if not text:
        raise TextError("the text is empty: nothing to compare with the corpus")
    characters = Characters.of(text, vocabulary)
    if len(characters.ids) > LONGEST_TEXT:
        raise TextError(
            f"the text has {len(characters.ids):,} symbols, at most {LONGEST_TEXT:,} can be "
            "compared with a corpus: give a part of it"
        )
    # UTF-8 says at its first byte where a character ends. A syllable may go on with a final
    # letter, and what ends before that letter is no whole character.
    starts = vocabulary.starts_character
    follows = np.ones_like(starts) if vocabulary.kind == "byte" else starts
    matcher = Matcher(characters.ids, starts, follows)
    for start in range(0, len(corpus), _IDS_AT_ONCE):
        if check is not None:
            check()
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
    firsts = _firsts(characters, matches)
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


def _firsts(characters: Characters, matches: Matches) -> NDArray[np.int64]:
    """Give the first character of the longest match that ends with each one, int64[m].

    Where nothing ends there, the character after it.
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
    """Give what says how many characters of the corpus stand before the match [first, end)."""

    def offset(first: int, end: int) -> int:
        begin, last = characters.bounds[[first, end]]
        # Not end - first: bytes that are not UTF-8 are characters of the text, but not counted
        # as those of a corpus.
        return int(matches.ends[last - 1] - np.count_nonzero(starts[characters.ids[begin:last]]))

    return offset


def _longest_spans(
    text: str, firsts: NDArray[np.int64], limit: int, corpus_offset: Callable[[int, int], int]
) -> tuple[SharedSpan, ...]:
    """Find the longest matches that cannot go on to the right; none begins further left.

    The match at the next character begins later exactly if this one cannot go on.
    """
    places = np.arange(len(firsts))
    stops = np.append(firsts[1:] > firsts[:-1], True) & (firsts <= places)
    ends = places[stops] + 1
    lengths = ends - firsts[stops]
    found: dict[str, tuple[int, int]] = {}
    for index in np.argsort(-lengths, kind="stable").tolist():
        end, length = int(ends[index]), int(lengths[index])
        # Equal pieces are of equal length: below the last one there is nothing left to count.
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
