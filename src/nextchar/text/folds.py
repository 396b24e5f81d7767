"""Folds: a sequence in equal pieces, of which one is held out at a time.

Pieces of text are counted in characters, so that every kind of vocabulary holds out the same ones
and none is cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError
from nextchar.text.reading import TextSource
from nextchar.text.vocabulary import Vocabulary, grow, learn

LEAST_CHARACTERS = 2  # of a fold: its first is predicted by nobody


def contiguous_folds(length: int, folds: int) -> list[tuple[int, int]]:
    """Cut a sequence into pieces whose lengths differ by at most one.

    Parameters
    ----------
    length
        Items of the sequence.
    folds
        How many pieces, 2 to ``length``.

    Returns
    -------
    list
        First item and end of each piece, in order; the end of one is the start of the next.

    Raises
    ------
    ConfigError
        Fewer than two pieces, or more than there are items.
    """
    require_folds(length, folds)
    bounds = [length * number // folds for number in range(folds + 1)]
    return list(itertools.pairwise(bounds))


def require_folds(length: int, folds: int) -> None:
    """Raise ``ConfigError`` unless so many items can be parted into so many folds."""
    if not 2 <= folds <= length:
        raise ConfigError(f"folds must be 2 to the number of items, {length}; got {folds}")


@dataclass(frozen=True)
class Stretch:
    """The characters of a text from ``start`` to ``end``."""

    source: TextSource
    start: int
    end: int

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Give the text in pieces, in constant memory; errors are those of the source."""
        at = 0
        for chunk in self.source.chunks(progress):
            piece = chunk[max(0, self.start - at) : max(0, self.end - at)]
            if piece:
                yield piece
            at += len(chunk)


@dataclass(frozen=True)
class Fold:
    """A text of which one piece is held out.

    Attributes
    ----------
    held_out
        The piece.
    training
        What stands before it and what stands after it, where there is something.
    """

    held_out: Stretch
    training: tuple[Stretch, ...]

    @classmethod
    def of(cls, source: TextSource, config: TextConfig) -> Fold:
        """Find fold ``config.fold`` of ``config.folds``; reads the text once to measure it.

        Raises
        ------
        TextError
            The text is too short for so many folds.
        """
        length = sum(map(len, source.chunks()))
        start, end = text_folds(length, config.folds)[config.fold - 1]
        around = [Stretch(source, 0, start), Stretch(source, end, length)]
        return cls(
            held_out=Stretch(source, start, end),
            training=tuple(each for each in around if each.start < each.end),
        )

    def training_chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Give the text that is not held out, in pieces."""
        for stretch in self.training:
            yield from stretch.chunks(progress)


def text_folds(length: int, folds: int) -> list[tuple[int, int]]:
    """Cut a text of so many characters; ``TextError`` if a piece is too short to be measured."""
    if length < LEAST_CHARACTERS * folds:
        raise TextError(
            f"the text is too short for {folds} folds: it has {length} characters, they need "
            f"{LEAST_CHARACTERS * folds}"
        )
    return contiguous_folds(length, folds)


def learn_vocabulary(
    source: TextSource,
    config: TextConfig,
    progress: Callable[[float], None] | None = None,
    *,
    base: Vocabulary | None = None,
) -> Vocabulary:
    """Make the vocabulary of a text, or of what a fold leaves of it; or let ``base`` grow by it.

    A symbol that occurs in the held-out fold alone is none: it is ``<unk>`` there. For that a
    vocabulary of characters or letters then always has ``<unk>``, also where the fold has no such
    symbol, so that nothing about the fold is known before it is measured.
    """
    held_out = config.folds > 0
    text = Fold.of(source, config).training_chunks if held_out else source.chunks
    if base is not None:
        return grow(base, text(progress), config.min_count, unknown=held_out)
    return learn(config.vocabulary, text(progress), config.min_count, unknown=held_out)
