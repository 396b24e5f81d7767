"""Folds for cross-validation: equal pieces of a sequence, one of them held out at a time.

Folds of a text are measured in characters. They are therefore the same for every kind of
vocabulary, and never split a character.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError
from nextchar.text.reading import TextSource
from nextchar.text.vocabulary import Vocabulary, grow, learn

MIN_CHARACTERS = 2  # per fold: its first character is not predicted


def contiguous_folds(length: int, folds: int) -> list[tuple[int, int]]:
    """Cut a sequence into pieces whose lengths differ by at most one.

    Parameters
    ----------
    length
        Number of items in the sequence.
    folds
        Number of pieces, 2 to ``length``.

    Returns
    -------
    list
        Start and end of each piece, in order; the end of one is the start of the next.

    Raises
    ------
    ConfigError
        ``folds`` is below 2 or above ``length``.
    """
    require_folds(length, folds)
    bounds = [length * number // folds for number in range(folds + 1)]
    return list(itertools.pairwise(bounds))


def require_folds(length: int, folds: int) -> None:
    """Raise ``ConfigError`` unless a sequence of this length can be cut into these folds."""
    if not 2 <= folds <= length:
        raise ConfigError(f"folds must be 2 to the number of items, {length}; got {folds}")


@dataclass(frozen=True)
class Segment:
    """The characters of a text from ``start`` to ``end``."""

    source: TextSource
    start: int
    end: int

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Yield the text in pieces, in constant memory; errors are those of the source."""
        at = 0
        for chunk in self.source.chunks(progress):
            piece = chunk[max(0, self.start - at) : max(0, self.end - at)]
            if piece:
                yield piece
            at += len(chunk)


@dataclass(frozen=True)
class Fold:
    """The split of a text into a held-out segment and training segments.

    Attributes
    ----------
    held_out
        The held-out segment.
    training
        The text before it and the text after it, unless empty.
    """

    held_out: Segment
    training: tuple[Segment, ...]

    @classmethod
    def of(cls, source: TextSource, config: TextConfig) -> Fold:
        """Return fold ``config.fold`` of ``config.folds``; reads the text once for its length.

        Raises
        ------
        TextError
            The text is too short for this number of folds.
        """
        length = sum(map(len, source.chunks()))
        start, end = text_folds(length, config.folds)[config.fold - 1]
        around = [Segment(source, 0, start), Segment(source, end, length)]
        return cls(
            held_out=Segment(source, start, end),
            training=tuple(each for each in around if each.start < each.end),
        )

    def training_chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Yield the training text in pieces."""
        for segment in self.training:
            yield from segment.chunks(progress)


def text_folds(length: int, folds: int) -> list[tuple[int, int]]:
    """Cut a text of ``length`` characters; ``TextError`` if the folds are too short to evaluate."""
    if length < MIN_CHARACTERS * folds:
        raise TextError(
            f"the text is too short for {folds} folds: it has {length} characters, they need "
            f"{MIN_CHARACTERS * folds}"
        )
    return contiguous_folds(length, folds)


def learn_vocabulary(
    source: TextSource,
    config: TextConfig,
    progress: Callable[[float], None] | None = None,
    *,
    base: Vocabulary | None = None,
) -> Vocabulary:
    """Learn the vocabulary of the training text, or extend ``base`` by its symbols.

    With folds, the vocabulary does not depend on the held-out fold. Unknown symbols in the fold
    are encoded as ``<unk>``, which the vocabulary (except for bytes) therefore always has.
    """
    held_out = config.folds > 0
    text = Fold.of(source, config).training_chunks if held_out else source.chunks
    if base is not None:
        return grow(base, text(progress), config.min_count, unknown=held_out)
    return learn(config.vocabulary, text(progress), config.min_count, unknown=held_out)
