"""Writing text: a prompt, what ends a text, and the pieces in which it appears.

Shapes: V vocabulary size, B samples, n symbols.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nextchar.constraints import constrain
from nextchar.errors import ConfigError
from nextchar.generation.automaton import ENDED, NO_LIMIT, Automaton
from nextchar.generation.engine import Engine, TextGenerator
from nextchar.generation.plain import StoredWeights
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary

# Text is written in pieces that grow to these bounds, so that it flows, and stops when it is told.
_PIECE_SECONDS, _PIECE_SYMBOLS = 0.02, 1024


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Where a text ends; whatever comes first.

    Attributes
    ----------
    length
        Characters after the prompt; ``None`` is no bound.
    stop
        The text ends before the first of these; they are not part of it.
    lines
        The text ends with its so many-th line break; 0 is no bound.
    """

    length: int | None = 500
    stop: tuple[str, ...] = ()
    lines: int = 0

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 0:
            raise ConfigError(f"length must be at least 0; got {self.length}")
        if self.lines < 0:
            raise ConfigError(f"lines must be at least 0 (0 is no bound); got {self.lines}")
        if not all(self.stop):
            raise ConfigError(f"stop must be texts of at least one character; got {self.stop!r}")


@dataclass(frozen=True)
class Start:
    """What a text begins with.

    Attributes
    ----------
    context
        The ids that the network reads first, [n], n ≥ 1.
    shown
        Those of them that belong to the text.
    inside
        Symbols that cannot follow without changing the prompt's last character.
    """

    context: Ids
    shown: Ids
    inside: list[int]


def start_of(vocabulary: Vocabulary, prompt: str, unknown: Unknown) -> Start:
    """Encode a prompt; without one, a text starts as after a line break, or else a space.

    Raises
    ------
    UnknownSymbolsError
        The vocabulary lacks symbols of the prompt.
    """
    ids = vocabulary.encode(prompt, unknown=unknown)
    cut_off = "\udc80" <= prompt[-1:] <= "\udcff"  # Bytes that are no whole character yet.
    inside = [] if cut_off else np.flatnonzero(~vocabulary.starts_character).tolist()
    return Start(ids if len(ids) > 0 else context_of(vocabulary), ids, inside)


def context_of(vocabulary: Vocabulary) -> Ids:
    """Return the symbol after which a text without a prompt begins, ids [1].

    A record separator, a line break or a space; where the vocabulary has none of them, its first
    symbol that begins a character.
    """
    separator = separator_of(vocabulary)
    if separator is not None:
        return np.array([separator], vocabulary.dtype)
    begins = np.flatnonzero(vocabulary.starts_character)
    first: Ids = begins[begins != vocabulary.unknown_id][:1].astype(vocabulary.dtype)
    return first


def separator_of(vocabulary: Vocabulary) -> int | None:
    """Return the symbol that parts texts: a record separator, a line break, or else a space.

    ``None`` if the vocabulary has none of them.
    """
    for symbol in ("\x1e", "\n", " "):
        ids = vocabulary.encode(symbol, unknown="skip")
        if len(ids) > 0:
            return int(ids[0])
    return None


def write_on(
    network: Network,
    vocabulary: Vocabulary,
    prompt: str,
    seeds: Sequence[int],
    ending: Ending,
    *,
    unknown: Unknown = "error",
    match: str | None = None,
    forbid: Sequence[str] = (),
    engine: Engine = "auto",
    weights: StoredWeights = "float32",
    sampling: Sampling | None = None,
) -> Iterator[list[str]]:
    """Write a text for each seed; see ``LanguageModel.stream``.

    All is checked before this returns; then it gives the next piece of every sample, again and
    again.
    """
    start = start_of(vocabulary, prompt, unknown)
    writer = TextGenerator(
        network,
        torch.from_numpy(start.context.astype(np.int64)),
        sampling or Sampling(),
        seeds,
        excluded=excluded_of(vocabulary),
        excluded_first=start.inside,
        engine=engine,
        weights=weights,
        constraint=constraint_of(vocabulary, start, match, forbid),
        length=NO_LIMIT if ending.length is None else ending.length,
    )
    return write_texts(writer, vocabulary, start.shown, ending, len(seeds))


def excluded_of(vocabulary: Vocabulary) -> list[int]:
    """Give the symbols that are never written: ``<unk>``, where there is one."""
    return [] if vocabulary.unknown_id is None else [vocabulary.unknown_id]


def constraint_of(
    vocabulary: Vocabulary, start: Start, match: str | None, forbid: Sequence[str]
) -> Automaton | None:
    """Make the automaton of a constraint, or ``None`` where a text is free."""
    if match is None and not forbid:
        return None
    return constrain(vocabulary, match=match, forbid=forbid, prompt=start.context)


def write_texts(
    writer: TextGenerator, vocabulary: Vocabulary, shown: Ids, ending: Ending, samples: int
) -> Iterator[list[str]]:
    """Give the next piece of every sample, again and again, until all have ended."""
    texts = [_Text(vocabulary, shown, ending) for _ in range(samples)]
    yield [text.begin() for text in texts]
    count = 1
    while left := max(text.left for text in texts):
        began = time.monotonic()
        # No symbol gives more than one character, so that none is written in vain.
        symbols = writer.write(min(count, left))
        yield [text.feed(column) for text, column in zip(texts, symbols.T, strict=True)]
        if time.monotonic() - began < _PIECE_SECONDS:
            count = min(2 * count, _PIECE_SYMBOLS)


class _Text:
    """One sample on its way from symbols to text.

    What may be the beginning of a stop is held back until it is certain.
    """

    def __init__(self, vocabulary: Vocabulary, shown: Ids, ending: Ending) -> None:
        self._decoder = vocabulary.decoder()
        self._shown = shown
        # The decoder may hold back the end of the prompt.
        self._of_prompt = int(vocabulary.starts_character[shown].sum())
        self._stop = ending.stop
        self._lines = ending.lines or NO_LIMIT
        self._held = ""
        self.left = NO_LIMIT if ending.length is None else ending.length

    def begin(self) -> str:
        """Give as much of the prompt as is certain."""
        text = self._decoder.feed(self._shown)
        # Bytes that are no UTF-8 may be more characters than begin.
        self._of_prompt = max(0, self._of_prompt - len(text))
        return text if self.left else text + self._decoder.flush()

    def feed(self, symbols: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
        """Take the next symbols, int64[n]; give the text that they make certain."""
        if self.left == 0:
            return ""
        ended = symbols == ENDED
        new = self._decoder.feed(symbols[~ended])
        if ended.any():
            new += self._decoder.flush()
        prompt, new = new[: self._of_prompt], new[self._of_prompt :]
        self._of_prompt -= len(prompt)
        new = new[: self.left]
        self.left = 0 if ended.any() else self.left - len(new)
        return prompt + self._certain(new)

    def _certain(self, new: str) -> str:
        text = self._held + new
        end = end_of(text, self._stop, self._lines)
        if end is not None:
            self.left, self._held = 0, ""
            return text[:end]
        kept = 0 if self.left == 0 else _beginning_of(self._stop, text)
        text, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self._lines -= text.count("\n")
        return text


def end_of(text: str, stops: Sequence[str], lines: int) -> int | None:
    """Give where a text ends by a stop or its so many-th line break; ``None`` if it does not.

    What is complete first ends it, in whatever pieces it comes.
    """
    ends = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    if 0 < lines <= text.count("\n"):
        last = [place for place, c in enumerate(text) if c == "\n"][lines - 1] + 1
        ends.append((last, last))
    return min(ends)[1] if ends else None


def _beginning_of(stops: Sequence[str], text: str) -> int:
    """Give the length of the longest end of a text that begins one of the stops."""
    longest = max(map(len, stops), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0
