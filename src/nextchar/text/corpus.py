"""A text as ids on disk, mapped into memory: ``ids.bin`` and ``corpus.json`` in a folder.

``ids.bin`` holds nothing but the ids, little-endian, in the smallest unsigned type that holds the
vocabulary. ``corpus.json`` says what they are, and seals them with a checksum.

The parts lie in the order training, test, validation. That is the order of the text, but for two
things: a fold that is held out comes last, and leaves a border in the training part where it was;
and altered copies of the training part lie at its end, each stretch of them behind a border.

Legend: N symbols.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, Self

import numpy as np

from nextchar.config import TextConfig
from nextchar.errors import CorpusError
from nextchar.storage import atomic_file, read_json, storage_errors, write_json
from nextchar.text.encoding import Beginning, Copy, Encoding
from nextchar.text.folds import Fold
from nextchar.text.reading import TextSource
from nextchar.text.vocabulary import Ids, Vocabulary

FORMAT_VERSION = 2  # 1 had no borders and no copies
IDS_FILE = "ids.bin"
HEADER_FILE = "corpus.json"
SPLITS = ("train", "test", "validation")  # in the order of ids.bin


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """An encoded text; made by ``Corpus.build`` or ``Corpus.open``.

    Attributes
    ----------
    folder
        Where it is.
    length
        Symbols (N), those of altered copies with them.
    characters
        Original characters of the text, without copies.
    fingerprint
        SHA-256 of ``ids.bin``, hexadecimal.
    names
        The files that the text came from.
    splits
        First symbol and end of ``train``, ``test`` and ``validation``, which lie in this order.
    borders
        Where the training part begins anew, besides its start, ascending.
    augmented
        Symbols of altered copies, at the end of the training part.
    ids
        The ids [N], mapped read-only.
    signature
        Size in bytes and modification time in ns of ``ids.bin`` when it was opened.
    """

    folder: Path
    length: int
    characters: int
    fingerprint: str
    names: tuple[str, ...]
    splits: dict[str, tuple[int, int]]
    borders: tuple[int, ...]
    augmented: int
    ids: Ids = field(repr=False)
    signature: tuple[int, int] = field(repr=False)

    @classmethod
    def build(
        cls,
        source: TextSource,
        vocabulary: Vocabulary,
        folder: Path,
        config: TextConfig,
        *,
        copies: Sequence[Copy] = (),
        progress: Callable[[float], None] | None = None,
    ) -> Self:
        """Encode a text into a folder, in constant memory.

        Parameters
        ----------
        source, vocabulary
            The text and its symbols; ``<unk>`` stands for others if the vocabulary has it.
        folder
            Made if missing; a corpus that is there already is replaced.
        config
            How much, or which fold, is held out for validation and testing.
        copies
            Each makes an altered copy of the training part, to be learned from beside it; what
            it writes in symbols that the vocabulary has not is ``<unk>``, or an error.
        progress
            Told the share of the text that was encoded, 0 to 1.

        Raises
        ------
        TextError
            A text that cannot be read, is empty, holds unknown symbols, or one symbol only.
        StorageError
            The disk is full, or the folder cannot be written; nothing new is left in it.
        """
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(folder / IDS_FILE) as file:
            encoding = Encoding(vocabulary)
            fold = Fold.of(source, config) if config.folds else None
            for part in [source] if fold is None else [*fold.training, fold.held_out]:
                encoding.write(part.chunks(progress), file)
            encoding.require_two_symbols()
            file.flush()
            cuts = encoding.cuts(file.name, config)
            if copies:
                training = (
                    [Beginning(source, vocabulary, cuts[0])] if fold is None else fold.training
                )
                cuts = encoding.insert(copies, training, cuts, Path(file.name))
            os.fsync(file.fileno())  # a full disk shows now, before the header is there
            write_json(folder / HEADER_FILE, _described(encoding, source.names, cuts))
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map a corpus that ``build`` wrote, after checking its size and its checksum.

        Raises
        ------
        CorpusError
            It is missing, truncated, changed, damaged, or of a newer format.
        """
        header = _Header.read(folder)
        path = folder / IDS_FILE
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                _require_intact(file, status.st_size, header, path)
                ids = np.memmap(file, dtype=header.dtype.newbyteorder("<"), mode="r")
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error
        return cls(
            folder=folder,
            length=header.length,
            characters=header.characters,
            fingerprint=header.fingerprint,
            names=header.names,
            splits=header.splits,
            borders=header.borders,
            augmented=header.augmented,
            ids=ids,
            signature=(status.st_size, status.st_mtime_ns),
        )

    @property
    def train(self) -> Ids:
        """The ids to learn from, a view."""
        return self._part("train")

    @property
    def original(self) -> Ids:
        """The ids to learn from that the text itself has, without altered copies, a view."""
        return self.train[: len(self.train) - self.augmented]

    @property
    def test(self) -> Ids:
        """The ids held out for a last measurement, a view."""
        return self._part("test")

    @property
    def validation(self) -> Ids:
        """The ids held out for choices during training, a view."""
        return self._part("validation")

    def check(self) -> None:
        """Raise ``CorpusError`` if ``ids.bin`` was written to since it was opened.

        Reading a mapped file beyond a new, earlier end kills the process; this comes first.
        """
        path = self.folder / IDS_FILE
        try:
            status = path.stat()
        except OSError as error:
            raise CorpusError(f"{path} is gone while it is in use: {error.strerror}") from error
        if (status.st_size, status.st_mtime_ns) != self.signature:
            raise CorpusError(f"{path} changed while it is in use: it must rest until the end")

    def _part(self, name: str) -> Ids:
        start, end = self.splits[name]
        return self.ids[start:end]


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What ``corpus.json`` says, checked."""

    dtype: np.dtype[np.unsignedinteger]
    length: int
    characters: int
    fingerprint: str
    names: tuple[str, ...]
    splits: dict[str, tuple[int, int]]
    borders: tuple[int, ...]
    augmented: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        path = folder / HEADER_FILE
        values = read_json(path, CorpusError)
        version = values.get("format_version")
        if not isinstance(version, int) or version < 1:
            raise CorpusError(f"{path} is damaged: format_version {version!r}")
        if version > FORMAT_VERSION:
            raise CorpusError(
                f"{path} has format version {version}, this nextchar reads up to {FORMAT_VERSION}"
            )
        if version == 1:
            values = {"borders": [], "augmented": 0, **values}
        try:
            return cls._parse(values)
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(f"{path} is damaged: {type(error).__name__} {error}") from error

    @classmethod
    def _parse(cls, values: dict[str, Any]) -> Self:
        if values["dtype"] not in ("uint8", "uint16", "uint32"):
            raise ValueError(f"dtype {values['dtype']!r}")
        splits = {name: _pair(values["splits"][name]) for name in SPLITS}
        bounds = [0, *(end for _, end in splits.values())]
        if [start for start, _ in splits.values()] != bounds[:-1] or bounds != sorted(bounds):
            raise ValueError(f"splits {values['splits']!r}")
        if values["length"] != bounds[-1] or bounds[-1] < 1:
            raise ValueError(f"length {values['length']!r}")
        characters = _whole(values["characters"])
        if not 0 <= characters <= bounds[-1]:
            raise ValueError(f"characters {characters!r}")
        end = splits["train"][1]
        borders = tuple(map(_whole, values["borders"]))
        inside = [0, *borders, end] if borders else [0]
        if any(place >= later for place, later in itertools.pairwise(inside)):
            raise ValueError(f"borders {values['borders']!r}")
        augmented = _whole(values["augmented"])
        if augmented != 0 and end - augmented not in borders:
            raise ValueError(f"augmented {augmented!r}")
        return cls(
            dtype=np.dtype(values["dtype"]),
            length=bounds[-1],
            characters=characters,
            fingerprint=str(values["sha256"]),
            names=tuple(map(str, values["names"])),
            splits=splits,
            borders=borders,
            augmented=augmented,
        )


def _described(encoding: Encoding, names: tuple[str, ...], cuts: list[int]) -> dict[str, object]:
    """Give what ``corpus.json`` says."""
    ends = [*cuts, encoding.length]
    return {
        "format_version": FORMAT_VERSION,
        "dtype": encoding.vocabulary.dtype.name,
        "length": encoding.length,
        "characters": encoding.characters,
        "sha256": encoding.fingerprint,
        "names": list(names),
        "splits": dict(zip(SPLITS, zip([0, *cuts], ends, strict=True), strict=True)),
        "borders": encoding.borders,
        "augmented": encoding.augmented,
    }


def _pair(value: Any) -> tuple[int, int]:  # noqa: ANN401
    start, end = value
    return _whole(start), _whole(end)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"must be a whole number, got {value!r}")
    return value


def _require_intact(file: BufferedReader, size: int, header: _Header, path: Path) -> None:
    expected = header.length * header.dtype.itemsize
    if size != expected:
        raise CorpusError(f"{path} has {size} bytes, {expected} were written: build it again")
    if hashlib.file_digest(file, "sha256").hexdigest() != header.fingerprint:
        raise CorpusError(f"{path} is not what was written (SHA-256 differs): build it again")
