"""Streaming prediction on running text: line by line, long lines in overlapping windows.

A position is labelled as soon as its window is complete or its line ends. After each call, at most
one window of unlabelled text remains in memory.
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

# Not real characters: undecodable bytes (PEP 383) and the byte order mark. Nothing is inserted
# after them.
_BYTES = frozenset(map(chr, [*range(0xDC80, 0xDD00), 0xFEFF]))


class Stream(ABC):
    """A stream of text that is labelled piece by piece.

    Parameters
    ----------
    model
        The model, in evaluation mode.
    """

    def __init__(self, model: TagModel) -> None:
        self._model = model
        self._window = model.config.tagging.window
        self._places = self._new_line()
        self._continues = self._has_text = False
        self._before: int | None = None
        self._held = ""
        self._queue: list[tuple[EncodedPiece, list[MarkPlace]] | str] = []

    def feed(self, text: str) -> str:
        """Read the next piece of text, and return the output that is final so far."""
        text, self._held = self._held + text, ""
        if text.endswith("\r"):  # The second half of a CRLF may follow.
            text, self._held = text[:-1], "\r"
        *lines, rest = text.split("\n")
        for line in lines:
            body = line.removesuffix("\r")
            self._read(body)
            self._end_line(line[len(body) :] + "\n")
        self._read(rest)
        return self._written()

    def finish(self) -> str:
        """Return the rest of the output, and reset the stream."""
        held, self._held = self._held, ""
        self._end_line(held)
        return self._written()

    @abstractmethod
    def _new_line(self) -> list[MarkPlace]:
        """Begin a line, and return its list of positions, which ``_add`` extends."""

    @abstractmethod
    def _add(self, text: str) -> None:
        """Add the positions of a text to those of the line."""

    @abstractmethod
    def _text(self, places: Sequence[MarkPlace], labels: NDArray[np.int64]) -> str:
        """Return the output for labelled positions."""

    @abstractmethod
    def _line_end(self, end: str, *, had_text: bool) -> str:
        """Return the output for the end of a line."""

    def _possible(self, places: Sequence[MarkPlace]) -> NDArray[np.bool_]:
        """Return the allowed labels, bool[n, K]."""
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
        first = margin_of(self._window) if self._continues else 0
        characters = [place.character for place in places]
        self._queue.append(
            (EncodedPiece(characters, first, end, is_last=is_last), places[first:end])
        )
        self._continues = not is_last

    def _end_line(self, end: str) -> None:
        if self._has_text:
            self._put(self._places, len(self._places), is_last=True)
        self._queue.append(self._line_end(end, had_text=self._has_text))
        self._places, self._has_text = self._new_line(), False

    def _written(self) -> str:
        """Label all queued pieces together, and return their output."""
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
    """A stream of plain text whose marks are restored.

    Parameters
    ----------
    model
        The restoration model.
    restoration
        The kinds of marks that the model restores.
    keep
        Whether to keep existing spaces, case, diacritics and punctuation. By default they are
        removed first.
    """

    def __init__(self, model: TagModel, restoration: Restoration, *, keep: bool) -> None:
        self._restoration = restoration
        self._keep = keep
        self._changes = [restoration.change(name) for name in model.labels.names]
        self._agreeing = functools.lru_cache(1 << 12)(
            lambda change: model.labels.agreeing(restoration.label(change))
        )
        super().__init__(model)

    def _new_line(self) -> list[MarkPlace]:
        self._parser = self._restoration.parser()
        return self._parser.places

    def _add(self, text: str) -> None:
        self._parser.add(text)

    def _possible(self, places: Sequence[MarkPlace]) -> NDArray[np.bool_]:
        rows = self._model.labels.possible(places)
        if self._keep:
            rows &= np.array([self._agreeing(place.change) for place in places])
        # Marks that no label describes are kept by ``_place``; any label may be predicted there.
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
        return self._restoration.restored(place.character, change)

    def _line_end(self, end: str, *, had_text: bool) -> str:  # noqa: ARG002  (all are kept)
        return end


class LabellingStream(Stream):
    """A stream of text that outputs characters with labels, in the format of labelled files."""

    def _new_line(self) -> list[MarkPlace]:
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
    """Return whether a change includes all marks of another."""
    return all(not old or old == new for old, new in zip(kept, change, strict=True))
