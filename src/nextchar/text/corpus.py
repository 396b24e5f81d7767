"""An encoded text on disk: ``ids.bin`` and ``corpus.json`` in a folder.

``ids.bin`` contains only the ids, little-endian, in the smallest unsigned type for the vocabulary.
``corpus.json`` describes them and has their checksum.

The order of the splits is training, test, validation. They follow the order of the text, with two
exceptions. A held-out fold is moved to the end, and a sequence boundary marks its former position
in the training split. Augmented copies of the training text are at the end of the training split,
with a boundary before each segment.

Legend: N symbols.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from nextchar.config import TextConfig
from nextchar.errors import CorpusError
from nextchar.storage import atomic_file, open_regular, read_json, storage_errors, write_json
from nextchar.text.encoding import Copy, Encoding, Prefix
from nextchar.text.folds import Fold
from nextchar.text.reading import TextSource
from nextchar.text.stored_ids import IdsFile, StoredIds
from nextchar.text.vocabulary import Vocabulary

FORMAT_VERSION = 2  # version 1 had no boundaries ("borders" in the file) and no copies
IDS_FILE = "ids.bin"
HEADER_FILE = "corpus.json"
SPLITS = ("train", "test", "validation")  # in the order of ids.bin


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """An encoded text; create it with ``Corpus.build`` or ``Corpus.open``.

    Attributes
    ----------
    folder
        The folder of the corpus.
    length
        Number of symbols (N), including augmented copies.
    characters
        Number of characters of the text, without copies.
    fingerprint
        SHA-256 of ``ids.bin``, hexadecimal.
    highest
        The highest id.
    names
        Names of the source files, without their folders.
    splits
        Start and end of ``train``, ``test`` and ``validation``, in this order.
    boundaries
        Starts of all segments of the training split but the first, ascending.
    augmented
        Number of symbols in augmented copies, at the end of the training split.
    ids
        The ids [N], read from the file slice by slice. A read raises ``CorpusError`` if the file
        was modified since it was opened.
    """

    folder: Path
    length: int
    characters: int
    fingerprint: str
    highest: int
    names: tuple[str, ...]
    splits: dict[str, tuple[int, int]]
    boundaries: tuple[int, ...]
    augmented: int
    ids: StoredIds = field(repr=False)

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
            The text and its vocabulary; ``<unk>`` replaces unknown symbols if the vocabulary has
            it.
        folder
            The folder, created if missing; an existing corpus in it is replaced.
        config
            The shares or the fold held out for validation and testing.
        copies
            Each makes an augmented copy of the training text. Unknown symbols in a copy become
            ``<unk>``, or are an error without it.
        progress
            Called with the share of the text that has been encoded, 0 to 1.

        Raises
        ------
        TextError
            The text cannot be read, is empty, has unknown symbols, or only one distinct symbol.
        StorageError
            The disk is full, or the folder cannot be written; no partial files remain.
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
            cuts = encoding.held_out_starts(file.name, config)
            if copies:
                training = [Prefix(source, vocabulary, cuts[0])] if fold is None else fold.training
                cuts = encoding.insert(copies, training, cuts, Path(file.name))
            os.fsync(file.fileno())  # detect a full disk before writing the header
            write_json(folder / HEADER_FILE, _described(encoding, source.base_names, cuts))
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a corpus written by ``build``, after verifying its size and checksum.

        Raises
        ------
        CorpusError
            The corpus is missing, truncated, modified, damaged, or of a newer format.
        """
        header = _Header.read(folder)
        path = folder / IDS_FILE
        try:
            with open_regular(path) as opened:
                file = IdsFile(opened, path, header.dtype.newbyteorder("<"))
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error
        _require_intact(file, header)
        return cls(
            folder=folder,
            length=header.length,
            characters=header.characters,
            fingerprint=header.fingerprint,
            highest=file.highest,
            names=header.names,
            splits=header.splits,
            boundaries=header.boundaries,
            augmented=header.augmented,
            ids=StoredIds(file, 0, header.length),
        )

    @property
    def train(self) -> StoredIds:
        """The training ids."""
        return self._part("train")

    @property
    def original(self) -> StoredIds:
        """The training ids without augmented copies."""
        return self.train.part(0, len(self.train) - self.augmented)

    @property
    def test(self) -> StoredIds:
        """The test ids."""
        return self._part("test")

    @property
    def validation(self) -> StoredIds:
        """The validation ids."""
        return self._part("validation")

    def _part(self, name: str) -> StoredIds:
        return self.ids.part(*self.splits[name])


@dataclass(frozen=True, kw_only=True)
class _Header:
    """The validated contents of ``corpus.json``."""

    dtype: np.dtype[np.unsignedinteger]
    length: int
    characters: int
    fingerprint: str
    names: tuple[str, ...]
    splits: dict[str, tuple[int, int]]
    boundaries: tuple[int, ...]
    augmented: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        path = folder / HEADER_FILE
        values = read_json(path, CorpusError)
        version = values.get("format_version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise CorpusError(f"{path} is damaged: format_version {version!r:.80}")
        if version > FORMAT_VERSION:
            raise CorpusError(
                f"{path} has format version {version!r:.80}, but this version of nextchar supports "
                f"up to {FORMAT_VERSION}: update nextchar"
            )
        if version == 1:
            values = {"borders": [], "augmented": 0, **values}
        try:
            return cls._parse(values)
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(
                f"{path} is damaged: {type(error).__name__} {error!s:.200}"
            ) from error

    @classmethod
    def _parse(cls, values: dict[str, Any]) -> Self:
        if values["dtype"] not in ("uint8", "uint16", "uint32"):
            raise ValueError(f"dtype {values['dtype']!r:.80}")
        splits = {name: _pair(values["splits"][name]) for name in SPLITS}
        bounds = [0, *(end for _, end in splits.values())]
        if [start for start, _ in splits.values()] != bounds[:-1] or bounds != sorted(bounds):
            raise ValueError(f"splits {values['splits']!r:.80}")
        if _whole(values["length"]) != bounds[-1] or bounds[-1] < 1:
            raise ValueError(f"length {values['length']!r:.80}")
        characters = _whole(values["characters"])
        if not 0 <= characters <= bounds[-1]:
            raise ValueError(f"characters {characters!r:.80}")
        end = splits["train"][1]
        boundaries = tuple(map(_whole, _list(values["borders"])))
        inside = [0, *boundaries, end] if boundaries else [0]
        if any(place >= later for place, later in itertools.pairwise(inside)):
            raise ValueError("borders do not ascend from 1 to the end of train")
        augmented = _whole(values["augmented"])
        if augmented != 0 and end - augmented not in boundaries:
            raise ValueError(f"augmented {augmented!r:.80}")
        return cls(
            dtype=np.dtype(values["dtype"]),
            length=bounds[-1],
            characters=characters,
            fingerprint=_text(values["sha256"]),
            # Earlier versions stored whole paths, which may tell the name of a user.
            names=tuple(Path(_text(name)).name for name in _list(values["names"])),
            splits=splits,
            boundaries=boundaries,
            augmented=augmented,
        )


def _described(encoding: Encoding, names: tuple[str, ...], cuts: list[int]) -> dict[str, object]:
    """Return the contents of ``corpus.json``."""
    ends = [*cuts, encoding.length]
    return {
        "format_version": FORMAT_VERSION,
        "dtype": encoding.vocabulary.dtype.name,
        "length": encoding.length,
        "characters": encoding.characters,
        "sha256": encoding.fingerprint,
        "names": list(names),
        "splits": dict(zip(SPLITS, zip([0, *cuts], ends, strict=True), strict=True)),
        "borders": encoding.boundaries,
        "augmented": encoding.augmented,
    }


def _pair(value: object) -> tuple[int, int]:
    start, end = _list(value)
    return _whole(start), _whole(end)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"must be an integer, got {value!r:.80}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a text, got {value!r:.80}")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"must be a list, got {value!r:.80}")
    return value


def _require_intact(file: IdsFile, header: _Header) -> None:
    size, expected = file.signature[0], header.length * header.dtype.itemsize
    if size != expected:
        raise CorpusError(f"{file.path} has {size} bytes, expected {expected}: build it again")
    if file.digest() != header.fingerprint:
        raise CorpusError(
            f"{file.path} was modified or is damaged (SHA-256 differs): build it again"
        )
