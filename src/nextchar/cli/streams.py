"""Standard input, output and error: any may be missing, and a terminal shows only printable text.

``write`` is for text from anywhere. On a terminal everything that is not printable is replaced; a
file or pipe gets the text as it is, or the command fails. ``write_view`` is for displays of ours,
whose colours the terminal receives. A new command is safe if it uses ``sys.stdout.write``.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from nextchar.errors import StorageError, TextError
from nextchar.visible import printable_lines

CLEAR_LINE = "\r\x1b[K"
# The only sequences that a terminal receives: to clear the line, and to set colours.
_OURS = re.compile(r"(\r\x1b\[K|\x1b\[[0-9;]*m)")


class Output(io.TextIOWrapper):
    """Standard output.

    Parameters
    ----------
    buffer
        Where the bytes go.
    encoding
        Its encoding.
    line_buffering
        Whether to flush after each line.
    is_missing
        Whether the stream was closed from the start; then ``flush`` fails if anything was written.

    Attributes
    ----------
    escaped
        Number of characters of views that the encoding lacks, and that were written as escapes.
    """

    _NAME = "standard output"
    # Surrogate escapes are the bytes of a text that are not valid in its encoding.
    _ERRORS = "surrogateescape"

    def __init__(
        self,
        buffer: Any,  # noqa: ANN401  (io's own)
        encoding: str,
        *,
        line_buffering: bool = False,
        is_missing: bool = False,
    ) -> None:
        self.is_terminal = bool(buffer.isatty())
        self.escaped = 0
        self._is_missing, self._is_lost = is_missing, False
        self._takes_sequences = False
        self._last = ""
        errors = "backslashreplace" if self.is_terminal else self._ERRORS
        super().__init__(buffer, encoding, errors=errors, line_buffering=line_buffering)

    def write(self, text: str) -> int:
        """Write a text: printable on a terminal, and otherwise as it is.

        Raises
        ------
        StorageError
            It cannot be written, or the encoding lacks a character.
        """
        if self._takes_sequences:
            return self.write_view(text)
        return self._put(self._shown(text) if self.is_terminal else text)

    def write_view(self, text: str) -> int:
        """Write a part of a display of ours, in which foreign text is printable already."""
        if self.is_terminal:
            parts = enumerate(_OURS.split(text))
            return self._put("".join(p if n % 2 else self._shown(p) for n, p in parts))
        kept = text.encode(self.encoding, "ignore").decode(self.encoding)
        if len(kept) < len(text):
            self.escaped += len(text) - len(kept)
            text = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        return self._put(text)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes as they are."""
        if self._is_missing:
            self._is_lost = self._is_lost or bool(data)
            return
        with self._failing():
            super().flush()
            self.buffer.write(data)

    def flush(self) -> None:
        """Flush; ``StorageError`` if that fails, or if the stream is missing and was written to."""
        if self._is_lost:
            raise StorageError(f"cannot write to {self._NAME}: it is closed")
        with self._failing():
            super().flush()

    @contextlib.contextmanager
    def taking_sequences(self) -> Iterator[None]:
        """Treat all that is written in the block as a view."""
        self._takes_sequences = True
        try:
            yield
        finally:
            self._takes_sequences = False

    def end(self) -> None:
        """Flush, and discard what cannot be written, so that nothing fails at exit."""
        self._is_lost = False
        try:
            super().flush()
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)

    def _shown(self, text: str) -> str:
        """Return a text for a terminal; joiners join what was written before."""
        before, self._last = self._last, text[-1:]
        return printable_lines(before + text)[len(before) :]

    def _put(self, text: str) -> int:
        if self._is_missing:
            self._is_lost = self._is_lost or bool(text)
            return len(text)
        with self._failing():
            return super().write(text)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise StorageError(
                f"cannot write {character!r} (U+{ord(character):04X}) to {self._NAME}: "
                f"{self.encoding} does not have it; set PYTHONIOENCODING=utf-8"
            ) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StorageError(f"cannot write to {self._NAME}: {error.strerror}") from error


class Messages(Output):
    """Standard error; a failure to write there hinders nothing."""

    _NAME = "standard error"
    _ERRORS = "backslashreplace"

    def flush(self) -> None:
        """Flush, if possible."""
        with contextlib.suppress(StorageError, BrokenPipeError):
            super().flush()

    def _put(self, text: str) -> int:
        with contextlib.suppress(StorageError, BrokenPipeError):
            super()._put(text)
        return len(text)


class _MissingInput(io.RawIOBase):
    """Standard input that was closed from the start."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise TextError("standard input is closed: pipe a text into it, or name a file")


def prepare_streams() -> None:
    """Put safe streams in place of the standard ones, of which any may be missing.

    Their descriptors are taken, so that no file that is opened later becomes standard output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            taken = os.open(os.devnull, os.O_WRONLY if number else os.O_RDONLY)
            os.set_inheritable(taken, True)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_MissingInput()))
    elif isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    sys.stdout = _safe(sys.stdout, Output)
    sys.stderr = _safe(sys.stderr, Messages)


def end_streams() -> None:
    """Flush both streams, and discard what cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.end()


def write_view(text: str) -> None:
    """Write a part of a display of ours to stdout: colours, bars, a table of printable cells."""
    stream = sys.stdout
    stream.write_view(text) if isinstance(stream, Output) else stream.write(text)


def show_view(text: str) -> None:
    """Write a part of a display of ours to stderr."""
    stream = sys.stderr
    stream.write_view(text) if isinstance(stream, Output) else stream.write(text)


def write_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are."""
    stream = sys.stdout
    if isinstance(stream, Output):
        stream.write_bytes(data)
    else:
        stream.flush()
        stream.buffer.write(data)


@contextlib.contextmanager
def help_page() -> Iterator[None]:
    """Let the help in the block use colours."""
    stream = sys.stdout
    with stream.taking_sequences() if isinstance(stream, Output) else contextlib.nullcontext():
        yield


def _safe(stream: TextIO | None, kind: type[Output]) -> TextIO:
    """Return a stream in place of a standard one; one that the caller made is left."""
    if stream is None:
        return kind(io.BufferedWriter(io.FileIO(os.devnull, "w")), "utf-8", is_missing=True)
    if type(stream) is not io.TextIOWrapper:
        return stream
    encoding, by_line = stream.encoding, stream.line_buffering or stream.write_through
    buffer: object = stream.detach()
    if isinstance(buffer, io.RawIOBase):  # PYTHONUNBUFFERED, which would lose part of a write
        buffer = io.BufferedWriter(buffer)
    return kind(buffer, encoding, line_buffering=by_line)
