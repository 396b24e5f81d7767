"""Text that passes through: decoded as it comes, and encoded again.

Unlike ``reading.open_text`` it is read once, and what has come is given at once.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from nextchar.errors import TextError
from nextchar.text.files import cannot_read
from nextchar.text.reading import STANDARD_INPUT, require_encoding

Undecodable = Literal["pass", "strict", "replace", "ignore", "backslashreplace"]
_BYTES = 1 << 14
_SURROGATES = re.compile("[\udc80-\udcff]")  # that stand for bytes


class PassingText:
    """A text that is read once, and whose encoding is that of what is written.

    Parameters
    ----------
    name
        A file, or ``-`` for standard input.
    encoding
        A text encoding that Python knows.
    errors
        What to do with bytes that cannot be decoded; ``"pass"`` lets them through as lone
        surrogates (PEP 383), which ``encoded`` makes the same bytes again.

    Attributes
    ----------
    passed
        Bytes that were let through so far.

    Raises
    ------
    ConfigError
        An unknown encoding.
    """

    def __init__(self, name: str, encoding: str, errors: Undecodable) -> None:
        self.passed = 0
        self._name = name
        require_encoding(encoding)
        codec = codecs.lookup(encoding).name
        # A mark that is there passes as a character, and none is added where there is none.
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
        """Give the text in the pieces in which it comes.

        Parameters
        ----------
        progress
            Told the share of a file that has been read and dealt with, 0 to 1.

        Raises
        ------
        TextError
            It cannot be read, or not be decoded.
        """
        decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        fed = 0
        for data in self._pieces(progress):
            fed += len(data)
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeError as error:
                raise self._undecodable(error, fed) from error
            self.passed += len(_SURROGATES.findall(text))
            if text:
                yield text

    def encoded(self, text: str) -> bytes:
        """Encode what is written; ``TextError`` where the encoding does not have a character."""
        try:
            return self._encoder.encode(text)
        except UnicodeError as error:
            raise TextError(f"the result cannot be written as {self._encoding}: {error}") from error

    def _pieces(self, progress: Callable[[float], None] | None) -> Iterator[bytes]:
        try:
            stream = self._opened()
            size, read = _size_of(stream), 0
            while data := stream.read1(_BYTES):  # type: ignore[attr-defined]
                yield data
                read += len(data)
                if progress is not None and size > 0:
                    progress(min(read / size, 1.0))
        except OSError as error:
            raise cannot_read(self._name, error) from error
        yield b""

    def _opened(self) -> IO[bytes]:
        if self._name == STANDARD_INPUT:
            return sys.stdin.buffer
        path = Path(self._name)
        if not path.exists():
            raise TextError(f"no such file: {path}")
        return self._closing.enter_context(path.open("rb"))

    def _undecodable(self, error: UnicodeError, fed: int) -> TextError:
        where = ""
        if isinstance(error, UnicodeDecodeError):
            offset = fed - len(error.object) + error.start
            where = f": byte 0x{error.object[error.start]:02x} at offset {offset}"
        hint = "give --encoding, or --errors pass"
        return TextError(f"{self._name} is not {self._encoding}{where}; {hint}")


def _size_of(stream: IO[bytes]) -> int:
    """Give the bytes of a file; 0 of what has no size, such as a pipe."""
    with contextlib.suppress(OSError):
        return os.fstat(stream.fileno()).st_size
    return 0
