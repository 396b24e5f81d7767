"""Decoding of files as one text, read repeatedly as a stream in constant memory.

Files are concatenated unchanged: line breaks are kept, and no separator is inserted. A byte order
mark at the start of a file is removed, and gzip, bzip2, xz and zstd files are decompressed.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import re
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Self

from nextchar.config import TextConfig
from nextchar.errors import CharacterError, ConfigError, TextError, as_option
from nextchar.storage import open_regular, storage_errors
from nextchar.text.compressed import Content
from nextchar.text.files import Input, cannot_read, find_files
from nextchar.text.places import Place, first_place
from nextchar.text.signatures import BEGINNING, marked_encoding, unmarked_encoding

STANDARD_INPUT = "-"
CHUNK_BYTES = 1 << 20
LOGGER = logging.getLogger("nextchar")

_BYTE_ORDER_MARK = "\ufeff"
# Cutting a text before one of these characters does not change its NFC: they are starters that
# never compose with the character before them. The set is incomplete, but real text has some of
# them in every line.
_UNCHANGED_AFTER_CUT = re.compile(
    "[\u0000-\u02ff\u0400-\u0482\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]"
)


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file, with its identity, size and modification time when the text was opened."""

    name: str
    path: Path
    inode: tuple[int, int]
    size: int
    modified_ns: int

    @classmethod
    def at(cls, path: Path, name: str) -> Self:
        """Return the current state of a file, with a name for messages."""
        status = path.stat()
        return cls(
            name=name,
            path=path,
            inode=(status.st_dev, status.st_ino),
            size=status.st_size,
            modified_ns=status.st_mtime_ns,
        )

    def require_unchanged(self) -> None:
        """Raise ``TextError`` if the file has been modified since the text was opened."""
        try:
            now = TextFile.at(self.path, self.name)
        except OSError as error:
            raise cannot_read(self.name, error) from error
        if now != self:
            raise TextError(f"{self.name} was modified while it was being read: use a stable copy")


@dataclass(frozen=True)
class TextSource:
    """A text on disk that can be read repeatedly; create it with ``open_text``.

    Attributes
    ----------
    files, config
        The files, and the settings of their encoding.
    takes_bytes
        Whether error messages suggest reading undecodable files as bytes.
    """

    files: tuple[TextFile, ...]
    config: TextConfig
    takes_bytes: bool = True
    _noted: set[TextFile] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, in order."""
        return tuple(file.name for file in self.files)

    @property
    def base_names(self) -> tuple[str, ...]:
        """The names of the files without their folders, which may tell the name of a user."""
        return tuple(Path(name).name for name in self.names)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Yield the text in pieces, in constant memory.

        Parameters
        ----------
        progress
            Called with the share of bytes read, 0 to 1, after each piece.

        Yields
        ------
        str
            A non-empty piece, from about 1 MiB of (decompressed) bytes.

        Raises
        ------
        TextError
            A file cannot be read or decoded, a file was modified, or the text is empty.
        """
        before, empty = 0, True
        for file in self.files:
            for text, position in _normalized(self._decoded(file), self.config):
                if text:
                    empty = False
                    yield text
                if progress is not None:
                    progress((before + min(position, file.size)) / max(self.size, 1))
            before += file.size
        if empty:
            raise TextError(f"the text is empty: no characters in {_listed(self.names)}")

    def place_of(self, character: str) -> Place | None:
        """Return the first position of a character: file, line and column."""
        for file in self.files:
            pieces = (text for text, _ in _normalized(self._decoded(file), self.config))
            if place := first_place(character, pieces, file.name):
                return place
        return None

    @contextlib.contextmanager
    def locating(self) -> Iterator[None]:
        """Add the file, line and column to errors about characters of this text."""
        try:
            yield
        except CharacterError as error:
            place = self.place_of(error.character) if error.character else None
            if place is None:
                raise
            raise error.at(str(place)) from error

    def _decoded(self, file: TextFile) -> Iterator[tuple[str, int]]:
        hint = f"set {as_option('encoding')}, or {as_option('errors', 'replace')}"
        if self.takes_bytes:
            hint += f", or {as_option('vocabulary', 'byte')}"
        with _opened(file, self.config) as content:
            yield from _decoded(content, file, self.config, hint)
        if file not in self._noted:  # A text may be read several times.
            self._noted.add(file)
            decoding = None if self.config.vocabulary == "byte" else self.config.encoding
            log_notes(file.name, content, decoding)


@contextlib.contextmanager
def open_text(
    inputs: Sequence[Input],
    config: TextConfig,
    *,
    stdin: BinaryIO | None = None,
    takes_bytes: bool = True,
) -> Iterator[TextSource]:
    """Open files, folders, patterns, or ``-`` (alone) for standard input, as one text.

    Parameters
    ----------
    inputs
        The inputs; see ``find_files``.
    config
        Encoding, treatment of decoding errors, normalisation. With vocabulary ``byte``, bytes
        that are not UTF-8 are kept as surrogate escapes.
    stdin
        The stream for ``-``, by default ``sys.stdin.buffer``. It is copied to a temporary file,
        which can be read repeatedly and is removed at the end.
    takes_bytes
        See ``TextSource``.

    Yields
    ------
    TextSource
        The text.

    Raises
    ------
    TextError
        An input cannot be read.
    ConfigError
        The encoding is unknown.
    StorageError
        There is no space for the copy of standard input.
    """
    require_encoding(config.encoding)
    if STANDARD_INPUT not in inputs:
        files = find_files(inputs)
        source = TextSource(
            tuple(TextFile.at(file, _shown(file)) for file in files), config, takes_bytes
        )
        with source.locating():
            yield source
        return
    if len(inputs) > 1:
        raise TextError(f"- (standard input) must be the only input, got {len(inputs)} inputs")
    with tempfile.TemporaryDirectory(prefix="nextchar-") as folder:
        if stdin is None and sys.stdin is None:
            raise TextError("standard input is closed: pipe a text into it, or name a file")
        copy = _spool(stdin or sys.stdin.buffer, Path(folder))
        source = TextSource((TextFile.at(copy, "standard input"),), config, takes_bytes)
        with source.locating():
            yield source


def _shown(path: Path) -> str:
    """Return a path as printable text, even if its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _spool(stdin: BinaryIO, folder: Path) -> Path:
    path = folder / "stdin"
    with storage_errors(path), path.open("wb") as copy:
        shutil.copyfileobj(stdin, copy, CHUNK_BYTES)
    return path


def require_encoding(name: str) -> None:
    """Raise ``ConfigError`` unless Python can decode a stream with this encoding."""
    try:
        "".encode(name)  # a LookupError for codecs that do not produce text, such as base64
        usable = codecs.lookup(name).incrementaldecoder is not None
    except (LookupError, UnicodeError, ValueError):
        usable = False
    if not usable:
        raise ConfigError(
            f"encoding must be a text encoding of Python (utf-8, utf-16, latin-1, cp949, "
            f"...), got {name!r}"
        )


@contextlib.contextmanager
def _opened(file: TextFile, config: TextConfig) -> Iterator[Content]:
    """Open a file that must not change in the block."""
    file.require_unchanged()
    try:
        with BufferedReader(open_regular(file.path).detach(), BEGINNING) as disk:
            yield Content(
                disk,
                file.name,
                max_ratio=config.max_compression_ratio,
                takes_bytes=config.vocabulary == "byte",
            )
    except OSError as error:
        raise cannot_read(file.name, error) from error
    except TextError:
        file.require_unchanged()
        raise
    file.require_unchanged()


def _decoded(
    content: Content, file: TextFile, config: TextConfig, hint: str
) -> Iterator[tuple[str, int]]:
    """Yield the decoded text in pieces, each with the position in the file on disk."""
    as_bytes = config.vocabulary == "byte"
    encoding = "utf-8" if as_bytes else encoding_of(content, config.encoding)
    errors = "surrogateescape" if as_bytes else str(config.errors)
    # The codecs of UTF-16 and UTF-32 read and remove the byte order mark themselves.
    marked = not as_bytes and encoding not in ("utf-16", "utf-32")
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    fed, place, data = 0, Place(), b"."
    while data and content.consumed <= file.size:  # A file may grow without end.
        data = content.read(CHUNK_BYTES)
        fed += len(data)
        state = decoder.getstate()
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeError as error:
            place = place.after(decoded_before(error, decoder, state, data))
            likely = unmarked_encoding(content.beginning)
            if likely is not None and likely != encoding:
                hint = f"it looks like {likely}: set {as_option('encoding', likely)}"
            raise undecodable(file.name, encoding, error, fed, place, hint) from error
        if marked and text:
            text, marked = text.removeprefix(_BYTE_ORDER_MARK), False
        place = place.after(text)
        yield text, content.consumed


def encoding_of(content: Content, encoding: str) -> str:
    """Return the codec of a text: the given one, or in place of UTF-8 that of a byte order mark."""
    codec = codecs.lookup(encoding).name
    if codec not in ("utf-8", "utf-8-sig"):
        return codec
    return marked_encoding(content.beginning) or "utf-8"


def log_notes(name: str, content: Content, encoding: str | None) -> None:
    """Log the peculiarities of a file that was read: its expansion, and its byte order mark.

    Parameters
    ----------
    name, content
        The file.
    encoding
        The configured encoding; ``None`` for bytes.
    """
    if content.expansion:
        LOGGER.info("%s: %s", name, content.expansion)
    if encoding is None:
        return
    read_as = encoding_of(content, encoding)
    marked, likely = marked_encoding(content.beginning), unmarked_encoding(content.beginning)
    if read_as == marked != codecs.lookup(encoding).name:
        LOGGER.info("%s: read as %s, by its byte order mark", name, marked)
    elif read_as == "utf-8" and likely is not None:
        LOGGER.info(
            "%s: looks like %s without a byte order mark, but is read as utf-8", name, likely
        )


def undecodable(
    name: str, encoding: str, error: UnicodeError, fed: int, place: Place, hint: str
) -> TextError:
    """Return the error for an undecodable byte.

    Parameters
    ----------
    fed
        Number of bytes fed to the decoder so far.
    place
        Position of the byte in the text.
    """
    if not isinstance(error, UnicodeDecodeError):
        return TextError(f"{name} is not {encoding}: {error}; {hint}")
    # The error counts from the start of the decoder's buffer, which ends with the last byte fed.
    offset = fed - len(error.object) + error.start
    byte = error.object[error.start]
    return TextError(
        f"{name} is not {encoding}: byte 0x{byte:02x} at offset {offset}, {place} "
        f"({error.reason}); {hint}"
    )


def decoded_before(
    error: UnicodeError, decoder: codecs.IncrementalDecoder, state: tuple[bytes, int], data: bytes
) -> str:
    """Return the text before an undecodable byte.

    Parameters
    ----------
    state
        State of the decoder before ``data``.
    """
    if not isinstance(error, UnicodeDecodeError):
        return ""
    decoder.setstate(state)
    return decoder.decode(data[: max(0, error.start - len(state[0]))])


def _normalized(pieces: Iterable[tuple[str, int]], config: TextConfig) -> Iterator[tuple[str, int]]:
    """Yield pieces in the configured normal form, as if the whole text were normalised at once."""
    if config.normalization == "none":
        yield from pieces
        return
    held, position = "", 0
    for text, position in pieces:
        cut = _last_cut(text)
        if cut is None:
            held += text
        else:
            yield unicodedata.normalize("NFC", held + text[:cut]), position
            held = text[cut:]
    yield unicodedata.normalize("NFC", held), position


def _last_cut(text: str) -> int | None:
    """Return the last position where a cut does not change the normal form of a text."""
    places = reversed(range(len(text)))
    return next((place for place in places if _UNCHANGED_AFTER_CUT.match(text, place)), None)


def _listed(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
