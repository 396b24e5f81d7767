"""The bits of each character of a text, with sums over lines, words and surprising spans.

A character may consist of several symbols, for example a syllable of three letters or any character
of four bytes. The functions work on measurements and need no network.

Shapes: N characters of text, M symbols, K alternatives, C grapheme clusters.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.config import ExpertUse
from nextchar.config.arguments import checked
from nextchar.evaluation.dynamic import Adaptation
from nextchar.text.graphemes import inner_places
from nextchar.text.unknown import SkippedCharacter

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span of a text, ``text[start:end]``, and its cost.

    Attributes
    ----------
    start, end
        Character offsets.
    bits
        The cost in bits.
    excess
        The cost minus the expected cost, in bits.
    """

    start: int
    end: int
    bits: float
    excess: float


@dataclass(frozen=True, kw_only=True)
class Anomaly(Span):
    """A surprising span.

    Attributes
    ----------
    repeats
        Number of less surprising spans in the same words, such as further occurrences of an
        unfamiliar name.
    """

    repeats: int = 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """The cost of each character of a text under a model.

    The cost of a character is the sum over its symbols. There are three special cases:

    - The first symbol of the text is context. It is not predicted and costs nothing, so the total
      equals that of ``evaluate``.
    - A character read as ``<unk>`` has the cost of ``<unk>``. This is too low, because ``<unk>``
      represents many characters.
    - A character that the vocabulary lacks may be skipped. Its bits are NaN in ``bits`` and
      ``expected_bits``, and no sum includes it.

    Attributes
    ----------
    text
        The text, N characters.
    bits
        −log₂ p of each character, float64[N].
    expected_bits
        The expected cost of each character: the entropy of the prediction, float64[N].
    symbol_ids, symbol_bits
        The symbols, int64[M], and their bits, float64[M]; 0 for the first.
    symbol_character
        Index of the character that contains each symbol, int64[M].
    alternative_ids, alternative_probabilities
        The K most probable symbols at each position, int32[M, K], and their probabilities,
        float32[M, K]. The first position has none: −1 and 0.
    names
        A printable name for each id.
    unknown
        Whether each character was read as ``<unk>``, bool[N].
    characters
        Number of predicted characters.
    seconds
        Duration of the scoring.
    adaptation
        The options of dynamic evaluation, or ``None`` for static evaluation.
    experts
        The use of experts: ``none``, ``fixed``, ``learning`` or ``adaptive``.
    """

    text: str
    bits: NDArray[np.float64]
    expected_bits: NDArray[np.float64]
    symbol_ids: NDArray[np.int64]
    symbol_bits: NDArray[np.float64]
    symbol_character: NDArray[np.int64]
    alternative_ids: NDArray[np.int32]
    alternative_probabilities: NDArray[np.float32]
    names: tuple[str, ...]
    unknown: NDArray[np.bool_]
    characters: int
    seconds: float
    adaptation: Adaptation | None = None
    experts: ExpertUse = "none"

    def __repr__(self) -> str:
        figures = f"{self.characters:,} characters, {self.bits_per_char:.4f} bits/char"
        return f"<{type(self).__name__}: {figures}>"

    @property
    def total_bits(self) -> float:
        """The total bits of the text."""
        return float(self.symbol_bits.sum())

    @property
    def skipped(self) -> int:
        """The number of skipped characters."""
        return int(np.isnan(self.bits).sum())

    @property
    def first_skipped(self) -> SkippedCharacter | None:
        """The first skipped character, or ``None``."""
        if not self.skipped:
            return None
        place = int(np.isnan(self.bits).argmax())
        line, column = self.position(place)
        return SkippedCharacter(character=self.text[place], line=line, column=column)

    @property
    def bits_per_char(self) -> float:
        """Mean bits per predicted character."""
        return self.total_bits / self.characters

    @property
    def excess(self) -> NDArray[np.float64]:
        """The bits minus the expected bits, float64[N]; 0 for skipped characters.

        The mean is near 0 on text similar to the training text. The excess is large for a
        surprise after a confident prediction, and small after an uncertain one.
        """
        return np.nan_to_num(self.bits - self.expected_bits)

    def alternatives(self, character: int) -> list[tuple[str, float]]:
        """Return the predictions at the most surprising symbol of a character.

        Returns
        -------
        list
            Names of symbols with their probabilities, most probable first; empty for a character
            that was not predicted.
        """
        first, end = np.searchsorted(self.symbol_character, [character, character + 1])
        if first == end:
            return []
        symbol = first + int(self.symbol_bits[first:end].argmax())
        pairs = zip(
            self.alternative_ids[symbol].tolist(),
            self.alternative_probabilities[symbol].tolist(),
            strict=True,
        )
        return [(self.names[id_], p) for id_, p in pairs if id_ >= 0]

    def lines(self) -> list[Span]:
        """Return all lines, including their line breaks."""
        ends = [start for start in self._line_starts[1:] if start < len(self.text)]
        return self._spans(itertools.pairwise([0, *ends, len(self.text)]))

    def words(self) -> list[Span]:
        """Return all words: letters and digits, with inner apostrophes and hyphens.

        Combining marks belong to the word of their letter.
        """
        return self._spans(self._word_bounds)

    @checked
    def anomalies(self, count: int, *, threshold: float = 2.5) -> list[Anomaly]:
        """Return the most surprising spans, most surprising first.

        These are the maximal scoring subsequences (Ruzzo & Tompa 1999) of the excess minus
        ``threshold`` bits per character. No span becomes more surprising if its ends move, and none
        splits a grapheme cluster.

        A repeated surprise is not listed again: if all words of a span also occur in more
        surprising ones, the span only increases their ``repeats``. An unfamiliar name thus takes
        one entry instead of thirty, and does not hide a slip that occurs once.

        Parameters
        ----------
        count
            Maximum number of spans.
        threshold
            Minimum excess bits for a character to extend a span. At 2.5, the character is nearly
            six times less probable than expected. At 1, the spans grow over whole lines in text
            that differs slightly from the training text.
        """
        borders = self.borders.tolist()
        values = np.add.reduceat(self.excess, borders[:-1]) - threshold
        subsequences = maximal_subsequences(values)
        subsequences.sort(key=lambda bounds: float(values[slice(*bounds)].sum()), reverse=True)
        found = self._spans((borders[start], borders[end]) for start, end in subsequences)
        places = self._word_bounds
        starts = [start for start, _ in places]
        ends = [end for _, end in places]
        first_with: dict[str, int] = {}
        kept: list[Span] = []
        repeats: list[int] = []
        for span in found:
            # The end of a word counts as part of it, because missing letters show there.
            touched = places[bisect_left(ends, span.start) : bisect_left(starts, span.end)]
            words = [self.text[start:end] for start, end in touched]
            if words and all(word in first_with for word in words):
                repeats[first_with[words[0]]] += 1
                continue
            for word in words:
                first_with.setdefault(word, len(kept))
            kept.append(span)
            repeats.append(0)
        return [
            Anomaly(**vars(span), repeats=times)
            for span, times in zip(kept[:count], repeats, strict=False)
        ]

    def position(self, character: int) -> tuple[int, int]:
        """Return the line and the column of a character, both counted from 1."""
        line = bisect_right(self._line_starts, character)
        return line, character - self._line_starts[line - 1] + 1

    @functools.cached_property
    def borders(self) -> NDArray[np.int64]:
        """The starts of the grapheme clusters and the end of the text, int64[C + 1].

        See ``text.graphemes``. A carriage return and a line feed count as two clusters.
        """
        inner = [place for place in inner_places(self.text) if self.text[place] != "\n"]
        is_border = np.ones(len(self.text) + 1, dtype=np.bool_)
        is_border[inner] = False
        return np.flatnonzero(is_border)

    def around(self, start: int, end: int) -> tuple[int, int]:
        """Extend a span to the boundaries of grapheme clusters."""
        first = int(np.searchsorted(self.borders, start, side="right")) - 1
        last = int(np.searchsorted(self.borders, end, side="left"))
        return int(self.borders[first]), int(self.borders[last])

    @functools.cached_property
    def _word_bounds(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for match in _WORD.finditer(self.text):
            start, end = self.around(*match.span())
            # The expression alone splits words at combining marks.
            if found and start <= found[-1][1]:
                start, _ = found.pop()
            found.append((start, end))
        return found

    @functools.cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def _spans(self, borders: Iterable[tuple[int, int]]) -> list[Span]:
        bits, excess = (np.zeros(len(self.text) + 1) for _ in range(2))
        np.nan_to_num(self.bits).cumsum(out=bits[1:])
        self.excess.cumsum(out=excess[1:])
        return [
            Span(
                start=start,
                end=end,
                bits=float(bits[end] - bits[start]),
                excess=float(excess[end] - excess[start]),
            )
            for start, end in borders
        ]

    def to_dict(self) -> Mapping[str, Any]:
        """Return the totals by name; each name includes the unit."""
        first = self.first_skipped
        return {
            "bits": self.total_bits,
            "bits_per_char": self.bits_per_char,
            "nats_per_char": self.bits_per_char * math.log(2),
            "characters": self.characters,
            "unknown_characters": int(self.unknown.sum()),
            "skipped_characters": self.skipped,
            **({} if first is None else {"first_skipped": dataclasses.asdict(first)}),
            "experts": self.experts,
            **({} if self.adaptation is None else self.adaptation.to_dict()),
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.characters / max(self.seconds, 1e-9), 1),
        }


def maximal_subsequences(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return all maximal scoring subsequences as ``(start, end)``, in order (Ruzzo & Tompa 1999).

    Every proper part of such a subsequence has a lower sum than the whole, and none of them is
    contained in another. The algorithm takes linear time.
    """
    found: list[_Candidate] = []
    total = 0.0
    for place, value in enumerate(values.tolist()):
        before, total = total, total + value
        if value <= 0:
            continue
        new = _Candidate(place, place + 1, before, total)
        while True:
            new.link = len(found) - 1
            while new.link >= 0 and found[new.link].before >= new.before:
                new.link = found[new.link].link
            if new.link < 0 or found[new.link].upto >= new.upto:
                break
            # Merging all subsequences from there on gives a higher sum.
            new.start, new.before = found[new.link].start, found[new.link].before
            del found[new.link :]
        found.append(new)
    return [(each.start, each.end) for each in found]


@dataclass
class _Candidate:
    """A candidate subsequence, with the sums of all values before its start and up to its end.

    ``link`` is the last earlier candidate with a smaller ``before``; −1 for none.
    """

    start: int
    end: int
    before: float
    upto: float
    link: int = -1
