"""Streaming text: decoded as it arrives, and encoded again for output.

Unlike with ``reading.open_text``, the input is read only once and is available immediately.
Compressed input is decompressed; the output is not compressed.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from nextchar.config import TextConfig
from nextchar.errors import TextError, as_option
from nextchar.storage import open_regular
from nextchar.text.compressed import Content
from nextchar.text.files import at_home, cannot_read
from nextchar.text.places import Place
from nextchar.text.reading import (
    STANDARD_INPUT,
    decoded_before,
    encoding_of,
    log_notes,
    require_encoding,
    undecodable,
)
from nextchar.text.signatures import BEGINNING

Undecodable = Literal["pass", "strict", "replace", "ignore", "backslashreplace"]
_BYTES = 1 << 14
_SURROGATES = re.compile("[\udc80-\udcff]")  # surrogate escapes of bytes


class PassingText:
    """A text that is read once, with an encoder for output in the same encoding.

    Parameters
    ----------
    name
        A file, or ``-`` for standard input.
    encoding
        A text encoding that Python knows.
    errors
        Treatment of undecodable bytes; ``"pass"`` keeps them as surrogate escapes (PEP 383),
        and ``encoded`` restores the bytes.

    Attributes
    ----------
    passed, first_passed
        Number of undecodable bytes passed through so far, and the position of the first.

    Raises
    ------
    ConfigError
        An unknown encoding.
    """

    def __init__(self, name: str, encoding: str, errors: Undecodable) -> None:
        self.passed = 0
        self.first_passed = ""
        self._written = Place()
        self._name = name
        require_encoding(encoding)
        codec = codecs.lookup(encoding).name
        # An existing byte order mark passes as a character; none is added.
        self._encoding = self._given = "utf-8" if codec == "utf-8-sig" else codec
        self._errors = "surrogateescape" if errors == "pass" else errors
        self._encoder = codecs.getincrementalencoder(self._encoding)(self._errors)
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Yield the text in pieces, as they arrive.

        A text that begins with a byte order mark of UTF-16 or UTF-32 is read, and written, in that
        encoding if the given one is UTF-8.

        Parameters
        ----------
        progress
            Called with the share of a file that has been read and processed, 0 to 1.

        Raises
        ------
        TextError
            The text cannot be read or decoded, or is not a text.
        """
        content, size = self._opened()
        self._encoding = encoding_of(content, self._encoding)
        self._encoder = codecs.getincrementalencoder(self._encoding)(self._errors)
        decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        fed, place, data = 0, Place(), b"."
        while data:
            data = self._next(content)
            fed += len(data)
            state = decoder.getstate()
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeError as error:
                place = place.after(decoded_before(error, decoder, state, data))
                hint = f"set {as_option('encoding')}, or {as_option('errors', 'pass')}"
                raise undecodable(self._name, self._encoding, error, fed, place, hint) from error
            self._count(text, place)
            place = place.after(text)
            if text:
                yield text
            if progress is not None and size > 0:
                progress(min(content.consumed / size, 1.0))
        log_notes(self._name, content, self._given)

    def encoded(self, text: str) -> bytes:
        """Encode a piece of the output; ``TextError`` if the encoding lacks a character."""
        try:
            data = self._encoder.encode(text)
        except UnicodeEncodeError as error:
            place = self._written.after(error.object[: error.start])
            raise TextError(
                f"the result cannot be written as {self._encoding}: it has no "
                f"{error.object[error.start]!r} ({place}); set {as_option('encoding')}"
            ) from error
        self._written = self._written.after(text)
        return data

    def _count(self, text: str, place: Place) -> None:
        found = _SURROGATES.search(text)
        if found is None:
            return
        self.first_passed = self.first_passed or str(place.after(text[: found.start()]))
        self.passed += len(_SURROGATES.findall(text))

    def _opened(self) -> tuple[Content, int]:
        """Return the content, and the size of the file in bytes; 0 for a pipe."""
        try:
            file: Any = sys.stdin.buffer if self._name == STANDARD_INPUT else self._file()
            buffered = file if isinstance(file, BufferedReader) else BufferedReader(file)
            limit = TextConfig().max_compression_ratio
            content = Content(buffered, self._name, max_ratio=limit, takes_bytes=False)
            return content, _size_of(buffered)
        except OSError as error:
            raise cannot_read(self._name, error) from error

    def _file(self) -> BufferedReader[Any]:
        path = Path(at_home(self._name))
        if not path.exists():
            raise TextError(f"no such file: {path}")
        file = BufferedReader(open_regular(path).detach(), BEGINNING)
        return self._closing.enter_context(file)

    def _next(self, content: Content) -> bytes:
        try:
            return content.read_available(_BYTES)
        except OSError as error:
            raise cannot_read(self._name, error) from error


def _size_of(stream: BufferedReader[Any]) -> int:
    """Return the size of a file in bytes; 0 for a pipe."""
    with contextlib.suppress(OSError):
        return os.fstat(stream.fileno()).st_size
    return 0
