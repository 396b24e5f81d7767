"""The bits of every character of a text: arrays aligned with it, and the sums people ask for.

N characters of text, M symbols of which they are made (a syllable may be three, a character four
bytes), K alternatives. Works on what was measured, and knows no network.
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

from nextchar.config.arguments import checked
from nextchar.evaluation.dynamic import Adaptation
from nextchar.text.graphemes import inner_places
from nextchar.text.unknown import SkippedCharacter

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of a text, ``text[start:end]``, and what it costs.

    Attributes
    ----------
    excess
        Bits above what the model expected these characters to cost.
    """

    start: int
    end: int
    bits: float
    excess: float


@dataclass(frozen=True, kw_only=True)
class Anomaly(Span):
    """A surprising stretch.

    Attributes
    ----------
    repeats
        How many less surprising stretches there are in the same words, as where a name that the
        model does not know comes again and again.
    """

    repeats: int = 0


@dataclass(frozen=True, kw_only=True)
class Score:
    """What each character of a text costs under a model.

    A character costs the bits of all its symbols. Three kinds are special:

    - the first symbol of the text is context and predicted by nobody: it costs nothing, so that
      the sum is that of ``evaluate``;
    - a character that was read as ``<unk>`` costs what ``<unk>`` does, which is too little, since
      one symbol stands for many;
    - a character that was left out because the vocabulary does not have it was not seen: it has
      no bits, which is NaN in ``bits`` and ``expected_bits``, and counts nowhere.

    Attributes
    ----------
    text
        N characters.
    bits
        −log₂ p of each character, float64[N].
    expected_bits
        What the model expected the character at this place to cost: its entropy, float64[N].
    symbol_ids, symbol_bits
        The symbols, int64[M], and their bits, float64[M]; 0 for the first.
    symbol_character
        The character that each symbol belongs to, int64[M].
    alternative_ids, alternative_probabilities
        The K likeliest symbols at each place, int64[M, K] and float32[M, K]; the first has
        none, −1 and 0.
    names
        A printable name for each id.
    unknown
        The characters that are ``<unk>`` to the model, bool[N].
    characters
        How many characters were predicted: all that were read, but the first.
    seconds
        Time that the scoring took.
    adaptation
        How the network learned from the text as it was scored, or ``None`` if it did not.
    """

    text: str
    bits: NDArray[np.float64]
    expected_bits: NDArray[np.float64]
    symbol_ids: NDArray[np.int64]
    symbol_bits: NDArray[np.float64]
    symbol_character: NDArray[np.int64]
    alternative_ids: NDArray[np.int64]
    alternative_probabilities: NDArray[np.float32]
    names: tuple[str, ...]
    unknown: NDArray[np.bool_]
    characters: int
    seconds: float
    adaptation: Adaptation | None = None

    def __repr__(self) -> str:
        figures = f"{self.characters:,} characters, {self.bits_per_char:.4f} bits/char"
        return f"<{type(self).__name__}: {figures}>"

    @property
    def total_bits(self) -> float:
        """The bits of the whole text."""
        return float(self.symbol_bits.sum())

    @property
    def skipped(self) -> int:
        """How many characters were left out."""
        return int(np.isnan(self.bits).sum())

    @property
    def first_skipped(self) -> SkippedCharacter | None:
        """The first character that was left out, or ``None``."""
        if not self.skipped:
            return None
        place = int(np.isnan(self.bits).argmax())
        line, column = self.position(place)
        return SkippedCharacter(character=self.text[place], line=line, column=column)

    @property
    def bits_per_char(self) -> float:
        """Mean bits of a predicted character."""
        return self.total_bits / self.characters

    @property
    def excess(self) -> NDArray[np.float64]:
        """Bits above the expected ones, float64[N], 0 where nothing was measured.

        Its mean is near 0 on text like that of the training; a surprise where the model was sure
        stands out, one where it expected anything does not.
        """
        return np.nan_to_num(self.bits - self.expected_bits)

    def alternatives(self, character: int) -> list[tuple[str, float]]:
        """Give what was expected at the most surprising symbol of a character.

        Returns
        -------
        Names of symbols with their probabilities, the likeliest first; none for a character that
        was not predicted.
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
        """Give every line with its line break."""
        ends = [start for start in self._line_starts[1:] if start < len(self.text)]
        return self._spans(itertools.pairwise([0, *ends, len(self.text)]))

    def words(self) -> list[Span]:
        """Return every word: letters, digits, and apostrophes and hyphens between them.

        Marks and other characters that belong to a letter are part of its word.
        """
        return self._spans(self._word_borders)

    @checked
    def anomalies(self, count: int, *, threshold: float = 2.5) -> list[Anomaly]:
        """Give the most surprising stretches, the most surprising first.

        They are the maximal-scoring stretches of the excess above ``threshold`` bits a character
        (Ruzzo & Tompa 1999): none can be made more surprising by moving its ends, and none begins
        or ends inside a grapheme cluster. The same
        surprise again is no new one: a stretch is only counted where each of the words that it
        touches was touched by a more surprising one already. So a strange name takes one place
        and not thirty, and a slip, which comes once, is not lost behind it.

        Parameters
        ----------
        count
            How many at most.
        threshold
            Excess bits that a character must bring for a stretch to grow by it: with 2.5, it is
            nearly six times less likely than was expected of one here. With 1, stretches of a
            text that is a little unlike the training's grow over whole lines.
        """
        borders = self.borders.tolist()
        values = np.add.reduceat(self.excess, borders[:-1]) - threshold
        stretches = maximal_stretches(values)
        stretches.sort(key=lambda stretch: float(values[slice(*stretch)].sum()), reverse=True)
        found = self._spans((borders[start], borders[end]) for start, end in stretches)
        places = self._word_borders
        starts = [start for start, _ in places]
        ends = [end for _, end in places]
        first_with: dict[str, int] = {}
        kept: list[Span] = []
        repeats: list[int] = []
        for span in found:
            # A word's own end is touched too: there shows what it lacks.
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
        """Give the line and the column of a character, both from 1."""
        line = bisect_right(self._line_starts, character)
        return line, character - self._line_starts[line - 1] + 1

    @functools.cached_property
    def borders(self) -> NDArray[np.int64]:
        """The starts of grapheme clusters, and the end of the text, int64[C + 1].

        See ``text.graphemes``. A carriage return and a line feed are two.
        """
        inner = [place for place in inner_places(self.text) if self.text[place] != "\n"]
        is_border = np.ones(len(self.text) + 1, dtype=np.bool_)
        is_border[inner] = False
        return np.flatnonzero(is_border)

    def around(self, start: int, end: int) -> tuple[int, int]:
        """Move the ends of a stretch outwards to the borders of grapheme clusters."""
        first = int(np.searchsorted(self.borders, start, side="right")) - 1
        last = int(np.searchsorted(self.borders, end, side="left"))
        return int(self.borders[first]), int(self.borders[last])

    @functools.cached_property
    def _word_borders(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for match in _WORD.finditer(self.text):
            start, end = self.around(*match.span())
            # Only the expression splits words at marks.
            if found and start <= found[-1][1]:
                start, _ = found.pop()
            found.append((start, end))
        return found

    @functools.cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def _spans(self, borders: Iterable[tuple[int, int]]) -> list[Span]:
        bits = np.concatenate(([0.0], np.nan_to_num(self.bits).cumsum()))
        excess = np.concatenate(([0.0], self.excess.cumsum()))
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
        """Give the sums by name, each name with its unit."""
        first = self.first_skipped
        return {
            "bits": self.total_bits,
            "bits_per_char": self.bits_per_char,
            "nats_per_char": self.bits_per_char * math.log(2),
            "characters": self.characters,
            "unknown_characters": int(self.unknown.sum()),
            "skipped_characters": self.skipped,
            **({} if first is None else {"first_skipped": dataclasses.asdict(first)}),
            **({} if self.adaptation is None else self.adaptation.to_dict()),
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.characters / max(self.seconds, 1e-9), 1),
        }


def maximal_stretches(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Give all maximal-scoring stretches of a sequence, in its order (Ruzzo & Tompa 1999).

    Each is a ``(start, end)`` of which every part scores less than the whole, and which is not
    part of another such. Takes linear time.
    """
    found: list[_Stretch] = []
    total = 0.0
    for place, value in enumerate(values.tolist()):
        before, total = total, total + value
        if value <= 0:
            continue
        new = _Stretch(place, place + 1, before, total)
        while True:
            new.link = len(found) - 1
            while new.link >= 0 and found[new.link].before >= new.before:
                new.link = found[new.link].link
            if new.link < 0 or found[new.link].upto >= new.upto:
                break
            # All from there on are worth more together with this one.
            new.start, new.before = found[new.link].start, found[new.link].before
            del found[new.link :]
        found.append(new)
    return [(stretch.start, stretch.end) for stretch in found]


@dataclass
class _Stretch:
    """A candidate, with the sums of all values before its start and up to its end.

    ``link`` is the last candidate before it with a smaller sum before its start, −1 for none.
    """

    start: int
    end: int
    before: float
    upto: float
    link: int = -1
