"""Generation of text: prompts, end conditions, and output in pieces.

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
from nextchar.generation.engine import Engine, MixtureUse, TextGenerator
from nextchar.generation.fixing import Fixed
from nextchar.generation.plain import StoredWeights
from nextchar.generation.prompts import EncodedPrompt, excluded_of, start_of
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary

# The pieces grow up to these limits, so output is smooth and generation can be interrupted.
_PIECE_SECONDS, _PIECE_SYMBOLS = 0.02, 1024


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The end conditions of a text; the first one satisfied ends it.

    Attributes
    ----------
    length
        Maximum number of characters after the prompt; ``None`` for no limit.
    stop
        Stop strings: the text ends before the first occurrence of any of them.
    lines
        Number of lines: the text ends with the last one's line break; 0 for no limit.
    """

    length: int | None = 500
    stop: tuple[str, ...] = ()
    lines: int = 0

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 0:
            raise ConfigError(f"length must be at least 0; got {self.length}")
        if self.lines < 0:
            raise ConfigError(f"lines must be at least 0 (0 means no limit); got {self.lines}")
        if not all(self.stop):
            raise ConfigError(f"stop strings must have at least one character; got {self.stop!r}")


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
    mixture: MixtureUse = (None, "none"),
    fixed: Fixed | None = None,
) -> Iterator[list[str]]:
    """Generate a text for each seed; see ``LanguageModel.stream``.

    All arguments are validated before this function returns. The iterator yields the next piece of
    every sample.
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
        mixture=mixture,
        fixed=fixed,
    )
    return write_texts(writer, vocabulary, start.shown, ending, len(seeds))


def constraint_of(
    vocabulary: Vocabulary, start: EncodedPrompt, match: str | None, forbid: Sequence[str]
) -> Automaton | None:
    """Return the automaton of a constraint, or ``None`` without a constraint."""
    if match is None and not forbid:
        return None
    return constrain(vocabulary, match=match, forbid=forbid, prompt=start.context)


def write_texts(
    writer: TextGenerator, vocabulary: Vocabulary, shown: Ids, ending: Ending, samples: int
) -> Iterator[list[str]]:
    """Yield the next piece of every sample until all have ended."""
    texts = [_TextDecoder(vocabulary, shown, ending) for _ in range(samples)]
    yield [text.begin() for text in texts]
    count = 1
    while left := max(text.left for text in texts):
        began = time.monotonic()
        # A symbol is at most one character, so no symbol is generated in vain.
        symbols = writer.write(min(count, left))
        yield [text.feed(column) for text, column in zip(texts, symbols.T, strict=True)]
        if time.monotonic() - began < _PIECE_SECONDS:
            count = min(2 * count, _PIECE_SYMBOLS)


class _TextDecoder:
    """The decoder of one sample.

    It withholds any text that may be the beginning of a stop string.
    """

    def __init__(self, vocabulary: Vocabulary, shown: Ids, ending: Ending) -> None:
        self._decoder = vocabulary.decoder()
        self._shown = shown
        # The decoder may withhold the end of the prompt.
        self._prompt_left = int(vocabulary.starts_character[shown].sum())
        self._stop = ending.stop
        self._lines = ending.lines or NO_LIMIT
        self._held = ""
        self.left = NO_LIMIT if ending.length is None else ending.length

    def begin(self) -> str:
        """Return the part of the prompt that can be decoded."""
        text = self._decoder.feed(self._shown)
        # Invalid UTF-8 may decode to more characters than there are first bytes.
        self._prompt_left = max(0, self._prompt_left - len(text))
        return text if self.left else text + self._decoder.flush()

    def feed(self, symbols: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
        """Decode the next symbols, int64[n]; return the text that is final."""
        if self.left == 0:
            return ""
        ended = symbols == ENDED
        new = self._decoder.feed(symbols[~ended])
        if ended.any():
            new += self._decoder.flush()
        prompt, new = new[: self._prompt_left], new[self._prompt_left :]
        self._prompt_left -= len(prompt)
        new = new[: self.left]
        self.left = 0 if ended.any() else self.left - len(new)
        return prompt + self._final(new)

    def _final(self, new: str) -> str:
        text = self._held + new
        end = end_of(text, self._stop, self._lines)
        if end is not None:
            self.left, self._held = 0, ""
            return text[:end]
        kept = 0 if self.left == 0 else _stop_prefix_length(self._stop, text)
        text, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self._lines -= text.count("\n")
        return text


def end_of(text: str, stops: Sequence[str], lines: int) -> int | None:
    """Return the position at which a stop string or the line limit ends a text, or ``None``.

    The condition completed first ends the text, regardless of the pieces in which it arrives.
    """
    ends = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    if 0 < lines <= text.count("\n"):
        last = [place for place, c in enumerate(text) if c == "\n"][lines - 1] + 1
        ends.append((last, last))
    return min(ends)[1] if ends else None


def _stop_prefix_length(stops: Sequence[str], text: str) -> int:
    """Return the length of the longest suffix of a text that begins a stop string."""
    longest = max(map(len, stops), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0
