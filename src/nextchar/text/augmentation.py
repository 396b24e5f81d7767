"""Data augmentation with altered copies of a text: noise, synonyms and shuffling.

Noise in characters and words smooths a language model (Xie et al. 2017, "Data noising as smoothing
in neural network language models"). Swapped, dropped and neighbouring characters are the noise of
Belinkov & Bisk 2018 ("Synthetic and natural noise both break neural machine translation"). Dropped,
swapped and replaced words follow Wei & Zou 2019 ("EDA: Easy data augmentation").

Edits of words are drawn first, at most one per word; then edits of characters, at most one per
character outside the edited words. No edit changes line breaks, invisible characters or combining
characters. The result depends only on the text and the seed, not on its division into pieces.

Noise is added line by line, in constant memory; shuffling holds the whole text in memory.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Unpack

import numpy as np

from nextchar.config import CHARACTER_EDITS, WORD_EDITS, AugmentationConfig, Edit
from nextchar.config.arguments import checked
from nextchar.config.options import AugmentationOptions
from nextchar.text.graphemes import (
    boundary_at_most,
    clusters,
    first_cluster,
    inner_places,
    is_plain,
)
from nextchar.text.keyboards import neighbors
from nextchar.text.synonyms import read_synonyms

LONGEST_LINE = 1 << 16  # characters; a longer line is altered in pieces

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_BREAKS = {"lines": r"(\r?\n)", "paragraphs": r"(\r?\n(?:[ \t]*\r?\n)+)"}


@dataclass(frozen=True)
class Piece:
    """A piece of a line before and after an edit; ``edit`` is ``None`` if it is unchanged."""

    before: str
    after: str
    edit: Edit | None = None


@dataclass(frozen=True)
class Line:
    """A line of an altered text.

    Attributes
    ----------
    number
        The number of the original line, from 1.
    pieces
        The consecutive pieces of the line.
    ending
        The line break, which is never changed; may be empty at the end of a text.
    """

    number: int
    pieces: tuple[Piece, ...]
    ending: str

    @property
    def before(self) -> str:
        """The original line, without its line break."""
        return "".join(piece.before for piece in self.pieces)

    @property
    def after(self) -> str:
        """The altered line, without its line break."""
        return "".join(piece.after for piece in self.pieces)


class Augmenter:
    """Makes altered copies of texts.

    Parameters
    ----------
    config
        The edits and their probabilities.
    knows
        Predicate for the characters that edits may insert; by default, any. Edits that would
        insert other characters are skipped.

    Raises
    ------
    TextError
        The table of synonyms is invalid or cannot be read.
    """

    def __init__(
        self, config: AugmentationConfig, *, knows: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._shuffle = config.augment_shuffle
        self._knows = functools.cache(knows)
        self._character_limits = list(accumulate(map(config.probability, CHARACTER_EDITS)))
        self._word_limits = list(accumulate(map(config.probability, WORD_EDITS)))
        self._synonyms: Mapping[str, Sequence[str]] = (
            {} if config.synonyms is None else read_synonyms(Path(config.synonyms))
        )

    def lines(self, chunks: Iterable[str], seed: Sequence[int]) -> Iterator[Line]:
        """Yield the lines of an altered text, in their new order.

        Parameters
        ----------
        chunks
            The text in pieces, which may end anywhere.
        seed
            Non-negative integers that seed the random generator.
        """
        # A named generator keeps results reproducible if NumPy's default changes.
        draw = np.random.Generator(np.random.PCG64(list(seed)))
        numbered = _numbered(chunks)
        if self._shuffle != "none":
            numbered = _shuffled("".join(chunks), _BREAKS[self._shuffle], draw)
        for number, line, ending in numbered:
            pieces = tuple(self._edited(line, draw))
            yield Line(number, pieces, ending)

    def chunks(self, seed: int, copy: int, chunks: Iterator[str], segment: int) -> Iterator[str]:
        """Yield a copy of a segment in pieces; numbers of copy and segment are part of the seed."""
        for line in self.lines(chunks, (seed, copy, segment)):
            if text := line.after + line.ending:
                yield text

    def _edited(self, line: str, draw: np.random.Generator) -> Iterator[Piece]:
        return _intact(line, self._drawn(line, draw))

    def _drawn(self, line: str, draw: np.random.Generator) -> Iterator[Piece]:
        for piece in self._words(line, draw):
            if piece.edit is None:
                yield from self._characters(piece.before, draw)
            else:
                yield piece

    def _words(self, line: str, draw: np.random.Generator) -> Iterator[Piece]:
        """Yield the pieces of a line after edits of words, including unchanged pieces."""
        at = 0
        words = _word_spans(line) if self._word_limits[-1] else []
        draws = draw.random(len(words))
        for place in (draws < self._word_limits[-1]).nonzero()[0].tolist():
            edit = WORD_EDITS[bisect(self._word_limits, draws[place])]
            start, end = words[place]
            if start < at:  # The word was swapped with the word before.
                continue
            if edit == "word_drop":
                start, end = _with_space(line, start, end, at)
                after = ""
            elif edit == "word_swap" and place + 1 < len(words):
                next_start, next_end = words[place + 1]
                after = line[next_start:next_end] + line[end:next_start] + line[start:end]
                end = next_end
            elif edit == "synonym":
                after = self._synonym(line[start:end], draw)
            else:  # There is no next word.
                continue
            if after != line[start:end] and all(map(self._knows, after)):
                yield Piece(line[at:start], line[at:start])
                yield Piece(line[start:end], after, edit)
                at = end
        yield Piece(line[at:], line[at:])

    def _synonym(self, word: str, draw: np.random.Generator) -> str:
        """Return a random synonym in the case of the word; the word itself if there is none."""
        for known, in_case in ((word, str), (word.lower(), _case_of(word))):
            if synonyms := self._synonyms.get(known):
                return in_case(synonyms[int(draw.integers(len(synonyms)))])
        return word

    def _characters(self, text: str, draw: np.random.Generator) -> Iterator[Piece]:
        """Yield the pieces of a text after edits of characters, including unchanged pieces."""
        at = 0
        draws = draw.random(len(text)) if self._character_limits[-1] else np.empty(0)
        for place in (draws < self._character_limits[-1]).nonzero()[0].tolist():
            edit = CHARACTER_EDITS[bisect(self._character_limits, draws[place])]
            before = text[place : place + 2] if edit == "swap" else text[place]
            end = place + len(before)
            if place < at or not all(map(_is_plain, before)):
                continue
            after = self._altered(before, edit, draw)
            if after != before and all(map(self._knows, after)):
                if at < place:
                    yield Piece(text[at:place], text[at:place])
                yield Piece(before, after, edit)
                at = end
        if at < len(text):
            yield Piece(text[at:], text[at:])

    def _altered(self, before: str, edit: Edit, draw: np.random.Generator) -> str:
        if edit == "neighbor":
            near = [each for each in neighbors(before) if self._knows(each)]
            return near[draw.integers(len(near))] if near else before
        changed = {"swap": before[::-1], "drop": "", "repeat": before * 2}
        if edit == "case":  # Keep "ß": its capital, "SS", has two characters.
            swapped = before.swapcase()
            return swapped if len(swapped) == 1 else before
        return changed[edit]


@checked
def augment(text: str, *, seed: int = 0, **options: Unpack[AugmentationOptions]) -> str:
    """Return an altered copy of a text.

    Parameters
    ----------
    text
        Any text.
    seed
        Seed of the random generator. The result equals the first copy made in training with this
        seed.
    **options
        The fields of ``AugmentationConfig``, such as ``augment_swap=0.02``.

    Raises
    ------
    ConfigError
        An option is unknown, or a value is out of range.
    TextError
        The table of synonyms is invalid or cannot be read.
    """
    augmenter = Augmenter(AugmentationConfig.from_dict(options))
    return "".join(augmenter.chunks(seed, 1, iter([text]), 0))


def _numbered(chunks: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield the number, the content and the break of each line; long lines in parts."""
    number, held = 1, ""
    for chunk in chunks:
        *whole, held = (held + chunk).split("\n")
        for line in whole:
            while len(line) > LONGEST_LINE:
                part, line = _cut(line)
                yield number, part, ""
            yield number, line, "\n"
            number += 1
        while len(held) > LONGEST_LINE:
            part, held = _cut(held)
            yield number, part, ""
    if held:
        yield number, held, ""


def _cut(line: str) -> tuple[str, str]:
    """Split off a part of an overlong line, at a boundary between grapheme clusters."""
    end = boundary_at_most(line, LONGEST_LINE) or LONGEST_LINE
    return line[:end], line[end:]


def _shuffled(text: str, pattern: str, draw: np.random.Generator) -> Iterator[tuple[int, str, str]]:
    """Yield the lines after shuffling lines or paragraphs; the breaks keep their positions."""
    body = text.rstrip("\r\n")
    split = re.split(pattern, body)
    units, breaks = split[::2], [*split[1::2], text[len(body) :]]
    sizes = [unit.count("\n") + gap.count("\n") for unit, gap in zip(units, breaks, strict=True)]
    firsts = [0, *accumulate(sizes)]
    for place, source in enumerate(draw.permutation(len(units)).tolist()):
        for number, line, ending in _numbered([units[source] + breaks[place]]):
            yield firsts[source] + number, line, ending


def _word_spans(line: str) -> list[tuple[int, int]]:
    """Return the spans of words, except words that begin or end inside a grapheme cluster."""
    inner = set(inner_places(line))
    spans = (match.span() for match in _WORD.finditer(line))
    return [(start, end) for start, end in spans if not {start, end} & inner]


def _with_space(line: str, start: int, end: int, at: int) -> tuple[int, int]:
    """Extend the span of a word by the space after it, or else before it (not before ``at``)."""
    if line[end : end + 1] == " ":
        return start, end + 1
    return (start - 1, end) if start > at and line[start - 1] == " " else (start, end)


def _case_of(word: str) -> Callable[[str], str]:
    if word.isupper() and len(word) > 1:
        return str.upper
    return _capitalized if word[:1].isupper() else str


def _capitalized(word: str) -> str:
    return word[:1].upper() + word[1:]


def _is_plain(character: str) -> bool:
    """Return whether a character is not a mark, control character, joiner or line break."""
    return unicodedata.category(character)[0] not in "MC" and character not in "\u2028\u2029"


def _intact(line: str, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Revert edits that would split or join grapheme clusters."""
    plain_line = is_plain(line.removesuffix("\r"))
    inner = set() if plain_line else set(inner_places(line))
    at, last = 0, ""  # last: the last cluster of the altered text
    for piece in pieces:
        start, at = at, at + len(piece.before)
        if piece.edit is not None and not (plain_line and is_plain(piece.after)):
            splits = not inner.isdisjoint({start, at})
            if splits or _merges(piece) or _joins(last, piece.after, first_cluster(line, at)):
                piece = Piece(piece.before, piece.before)
        yield piece
        if plain_line and is_plain(piece.after):
            last = piece.after[-1:] or last
        else:
            last = (clusters(last + piece.after) or [""])[-1]


def _joins(last: str, text: str, following: str) -> bool:
    """Return whether a text would merge with its neighbours, or cause them to merge."""
    edges = {len(last)} if last else set()
    edges |= {len(last) + len(text)} if following else set()
    return not edges.isdisjoint(inner_places(last + text + following))


def _merges(piece: Piece) -> bool:
    """Return whether an edit changes a grapheme cluster of several code points, or creates one.

    Swapped words may contain such clusters.
    """
    before, after = inner_places(piece.before), inner_places(piece.after)
    if piece.edit in CHARACTER_EDITS:
        return bool(before or after)
    return piece.edit == "word_swap" and len(before) != len(after)
