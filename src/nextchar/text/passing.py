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
from io import BufferedReader, RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast

from nextchar.errors import TextError, as_option
from nextchar.text.compressed import damage_errors, decompressed
from nextchar.text.files import at_home, cannot_read
from nextchar.text.places import Place
from nextchar.text.reading import (
    STANDARD_INPUT,
    decoded_before,
    require_encoding,
    undecodable,
)

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
        self._encoding = "utf-8" if codec == "utf-8-sig" else codec
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

        Parameters
        ----------
        progress
            Called with the share of a file that has been read and processed, 0 to 1.

        Raises
        ------
        TextError
            The text cannot be read or decoded.
        """
        decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        fed, place = 0, Place()
        for data in self._pieces(progress):
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

    def _pieces(self, progress: Callable[[float], None] | None) -> Iterator[bytes]:
        try:
            with damage_errors(self._name):
                opened = self._opened()
                size = _size_of(opened)
                stream = decompressed(opened, self._name, takes_bytes=False)
                while data := stream.read1(_BYTES):
                    yield data
                    if progress is not None and size > 0:
                        progress(min(opened.tell() / size, 1.0))
        except OSError as error:
            raise cannot_read(self._name, error) from error
        yield b""

    def _opened(self) -> BufferedReader:
        if self._name == STANDARD_INPUT:
            given: object = sys.stdin.buffer
            if isinstance(given, BufferedReader):
                return given
            return BufferedReader(cast(RawIOBase, given))
        path = Path(at_home(self._name))
        if not path.exists():
            raise TextError(f"no such file: {path}")
        return self._closing.enter_context(path.open("rb"))


def _size_of(stream: BufferedReader) -> int:
    """Return the size of a file in bytes; 0 for a pipe."""
    with contextlib.suppress(OSError):
        return os.fstat(stream.fileno()).st_size
    return 0
