"""Running text that is labelled as it comes: line by line, long lines in overlapping windows.

What is kept in memory is what was fed and not yet labelled, and at most a window of it stays
behind: a place is labelled as soon as what stands in its window was read, or its line ends.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.tasks.tagging.encoding import EncodedPiece, encode, margin_of
from nextchar.tasks.tagging.model import TagModel
from nextchar.tasks.tagging.restoration import Change, MarkPlace, Restoration

# No characters: bytes that could not be decoded (PEP 383), and the byte order mark. Nothing is put
# behind them.
_BYTES = frozenset(map(chr, [*range(0xDC80, 0xDD00), 0xFEFF]))


class Stream(ABC):
    """A text that is labelled piece by piece.

    Parameters
    ----------
    model
        In evaluation mode.
    """

    def __init__(self, model: TagModel) -> None:
        self._model = model
        self._window = model.config.tagging.window
        self._places = self._begun()
        self._goes_on = self._has_text = False
        self._before: int | None = None
        self._held = ""
        self._queue: list[tuple[EncodedPiece, list[MarkPlace]] | str] = []

    def feed(self, text: str) -> str:
        """Read on, and give what is certain by now."""
        text, self._held = self._held + text, ""
        if text.endswith("\r"):  # A line end may have been cut in two.
            text, self._held = text[:-1], "\r"
        *lines, rest = text.split("\n")
        for line in lines:
            body = line.removesuffix("\r")
            self._read(body)
            self._end_line(line[len(body) :] + "\n")
        self._read(rest)
        return self._written()

    def finish(self) -> str:
        """Give the rest; the stream is then as new."""
        held, self._held = self._held, ""
        self._end_line(held)
        return self._written()

    @abstractmethod
    def _begun(self) -> list[MarkPlace]:
        """Begin a line; ``_add`` reads on in it."""

    @abstractmethod
    def _add(self, text: str) -> None:
        """Add the places of a text to those of the line."""

    @abstractmethod
    def _text(self, places: Sequence[MarkPlace], labels: NDArray[np.int64]) -> str:
        """Write places that were labelled."""

    @abstractmethod
    def _line_end(self, end: str, *, had_text: bool) -> str:
        """Write the end of a line."""

    def _possible(self, places: Sequence[MarkPlace]) -> NDArray[np.bool_]:
        """Tell which labels may be given, bool[n, K]."""
        return np.ones((len(places), len(self._model.labels)), dtype=np.bool_)

    def _read(self, text: str) -> None:
        if not text:
            return
        self._has_text = True
        self._add(text)
        margin = margin_of(self._window)
        while len(self._places) > self._window:
            self._put(self._places[: self._window], self._window - margin, is_last=False)
            del self._places[: self._window - 2 * margin]

    def _put(self, places: list[MarkPlace], end: int, *, is_last: bool) -> None:
        first = margin_of(self._window) if self._goes_on else 0
        characters = [place.character for place in places]
        self._queue.append(
            (EncodedPiece(characters, first, end, is_last=is_last), places[first:end])
        )
        self._goes_on = not is_last

    def _end_line(self, end: str) -> None:
        if self._has_text:
            self._put(self._places, len(self._places), is_last=True)
        self._queue.append(self._line_end(end, had_text=self._has_text))
        self._places, self._has_text = self._begun(), False

    def _written(self) -> str:
        """Label what stands in the queue, all together, and write it."""
        queue, self._queue = self._queue, []
        work = [entry for entry in queue if not isinstance(entry, str)]
        examples = encode([piece for piece, _ in work], self._model.vocabulary)
        possible = [self._possible(places) for _, places in work]
        labelled = self._model.label(examples, before=self._before, possible=possible)
        texts = []
        for entry in queue:
            if isinstance(entry, str):
                texts.append(entry)
                continue
            _, _, chosen = next(labelled)
            self._before = int(chosen[-1])
            texts.append(self._text(entry[1], chosen))
        return "".join(texts)


class RestoringStream(Stream):
    """Plain text, into which is put back what a model puts back.

    Parameters
    ----------
    model
        That restores.
    restoration
        What it restores.
    keep
        Whether spaces, case, diacritics and punctuation that are there stay; else they are taken
        off first.
    """

    def __init__(self, model: TagModel, restoration: Restoration, *, keep: bool) -> None:
        self._restoration = restoration
        self._keep = keep
        self._changes = [restoration.change(name) for name in model.labels.names]
        self._agreeing = functools.lru_cache(1 << 12)(
            lambda change: model.labels.agreeing(restoration.label(change))
        )
        super().__init__(model)

    def _begun(self) -> list[MarkPlace]:
        self._reading = self._restoration.reading()
        return self._reading.places

    def _add(self, text: str) -> None:
        self._reading.add(text)

    def _possible(self, places: Sequence[MarkPlace]) -> NDArray[np.bool_]:
        rows = self._model.labels.possible(places)
        if self._keep:
            rows &= np.array([self._agreeing(place.change) for place in places])
        # What no label says is written as it is, whatever label is given.
        return rows | ~rows.any(axis=1, keepdims=True)

    def _text(self, places: Sequence[MarkPlace], labels: NDArray[np.int64]) -> str:
        changes = [self._changes[number] for number in labels.tolist()]
        return "".join(map(self._place, places, changes))

    def _place(self, place: MarkPlace, change: Change) -> str:
        kept = self._keep and not _has(change, place.change)
        if kept or place.character in _BYTES:
            change = place.change
        elif place.is_open:
            change = self._restoration.inside(place.character, change)
        return self._restoration.written(place.character, change)

    def _line_end(self, end: str, *, had_text: bool) -> str:  # noqa: ARG002  (all stay)
        return end


class LabellingStream(Stream):
    """Text whose characters are written with their labels, as labelled files are."""

    def _begun(self) -> list[MarkPlace]:
        return []

    def _add(self, text: str) -> None:
        self._places.extend(MarkPlace(character, Change()) for character in text)

    def _text(self, places: Sequence[MarkPlace], labels: NDArray[np.int64]) -> str:
        names = self._model.labels.names
        return "".join(
            f"{place.character}\t{names[number]}\n"
            for place, number in zip(places, labels.tolist(), strict=True)
        )

    def _line_end(self, end: str, *, had_text: bool) -> str:
        return "\n" if had_text or end else ""


def _has(change: Change, kept: Change) -> bool:
    """Tell whether a change has all of another."""
    return all(not old or old == new for old, new in zip(kept, change, strict=True))
