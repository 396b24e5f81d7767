"""A text as ids on disk, mapped into memory: ``ids.bin`` and ``corpus.json`` in a folder.

``ids.bin`` holds nothing but the ids, little-endian, in the smallest unsigned type that holds the
vocabulary. ``corpus.json`` says what they are, and seals them with a checksum.

Legend: N symbols.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from nextchar.config import TextConfig
from nextchar.errors import CorpusError, TextError
from nextchar.storage import atomic_file, read_json, storage_errors, write_json
from nextchar.text.reading import TextSource
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary

FORMAT_VERSION = 1
IDS_FILE = "ids.bin"
HEADER_FILE = "corpus.json"
SPLITS = ("train", "test", "validation")  # in the order of the text

_LONGEST_CHARACTER = 4  # symbols: UTF-8 has up to 4 bytes, a syllable up to 3 letters


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """An encoded text; made by ``Corpus.build`` or ``Corpus.open``.

    Attributes
    ----------
    folder
        Where it is.
    length, characters
        Symbols (N), and original characters.
    fingerprint
        SHA-256 of ``ids.bin``, hexadecimal.
    names
        The files that the text came from.
    splits
        First symbol and end of ``train``, ``test`` and ``validation``, which lie in this order.
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
            How much is held out for validation and testing.
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
            encoding = _Encoding(vocabulary)
            for chunk in source.chunks(progress):
                encoding.write(chunk, file)
            encoding.require_two_symbols()
            file.flush()
            os.fsync(file.fileno())  # a full disk shows now, before the header is there
            cuts = _cuts(file.name, encoding, config)
            write_json(folder / HEADER_FILE, encoding.header(source.names, cuts))
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
            ids=ids,
            signature=(status.st_size, status.st_mtime_ns),
        )

    @property
    def train(self) -> Ids:
        """The ids to learn from, a view."""
        return self._part("train")

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


class _Encoding:
    """What is known about a text while it is being encoded."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.length = 0
        self._characters = 0
        self._digest = hashlib.sha256()
        self._lowest, self._highest = len(vocabulary), -1

    def write(self, chunk: str, file: IO[bytes]) -> None:
        vocabulary = self.vocabulary
        unknown: Unknown = "error" if vocabulary.unknown_id is None else "replace"
        ids = vocabulary.encode(chunk, unknown=unknown)
        self._lowest = min(self._lowest, int(ids.min()))
        self._highest = max(self._highest, int(ids.max()))
        self._characters += int(np.count_nonzero(vocabulary.starts_character.take(ids)))
        self.length += len(ids)
        data = ids.astype(ids.dtype.newbyteorder("<"), copy=False).tobytes()
        self._digest.update(data)
        file.write(data)

    def require_two_symbols(self) -> None:
        if self._lowest == self._highest:
            name = self.vocabulary.symbols[self._lowest]
            raise TextError(f"the text has one distinct symbol {name!r}: nothing to predict")

    def header(self, names: tuple[str, ...], cuts: list[int]) -> dict[str, object]:
        ends = [*cuts, self.length]
        return {
            "format_version": FORMAT_VERSION,
            "dtype": self.vocabulary.dtype.name,
            "length": self.length,
            "characters": self._characters,
            "sha256": self._digest.hexdigest(),
            "names": list(names),
            "splits": dict(zip(SPLITS, zip([0, *cuts], ends, strict=True), strict=True)),
        }


@dataclass(frozen=True, kw_only=True)
class _Header:
    """What ``corpus.json`` says, checked."""

    dtype: np.dtype[np.unsignedinteger]
    length: int
    characters: int
    fingerprint: str
    names: tuple[str, ...]
    splits: dict[str, tuple[int, int]]

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
        return cls(
            dtype=np.dtype(values["dtype"]),
            length=bounds[-1],
            characters=characters,
            fingerprint=str(values["sha256"]),
            names=tuple(map(str, values["names"])),
            splits=splits,
        )


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


def _cuts(path: str, encoding: _Encoding, config: TextConfig) -> list[int]:
    """Find where the test part and the validation part begin, rounding their shares up."""
    ids = np.memmap(path, dtype=encoding.vocabulary.dtype.newbyteorder("<"), mode="r")
    held_out = [
        Fraction(str(config.validation_fraction)) + Fraction(str(config.test_fraction)),
        Fraction(str(config.validation_fraction)),
    ]
    starts = encoding.vocabulary.starts_character
    return [
        _character_start(ids, starts, encoding.length - math.ceil(encoding.length * share))
        for share in held_out
    ]


def _character_start(ids: Ids, starts: NDArray[np.bool_], position: int) -> int:
    """Give the start of the character that a position lies in; itself if there is none near."""
    if position == len(ids):
        return position
    nearest = range(position, max(position - _LONGEST_CHARACTER, -1), -1)
    return next((place for place in nearest if starts[ids[place]]), position)
