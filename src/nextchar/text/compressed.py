"""Compressed files: supported formats, decompressed while reading, and rejected ones."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import PurePath

from nextchar.errors import TextError

_PEEKED = 16  # bytes


@dataclass(frozen=True)
class _Format:
    name: str
    begins: re.Pattern[bytes]
    opened: Callable[[BufferedReader], BufferedIOBase]


_FORMATS = {
    ".gz": _Format("gzip", re.compile(b"\x1f\x8b"), lambda file: gzip.GzipFile(fileobj=file)),
    ".bz2": _Format(
        "bzip2",
        re.compile(b"BZh[1-9](1AY&SY|\x17rE8P\x90)"),  # a block, or the end of an empty file
        bz2.BZ2File,
    ),
    ".xz": _Format("xz", re.compile(b"\xfd7zXZ\x00"), lzma.LZMAFile),
}
_ARCHIVES = {
    "zip archive (as .xlsx and .docx files are)": b"PK\x03\x04",
    "Zstandard file": b"\x28\xb5\x2f\xfd",
    "7z archive": b"7z\xbc\xaf\x27\x1c",
    "RAR archive": b"Rar!\x1a\x07",
}


def plain_name(path: str | PurePath) -> str:
    """Return the name of a file in lower case, without the extension of a compression format."""
    name = str(path).lower()
    ending = next((ending for ending in _FORMATS if name.endswith(ending)), "")
    return name.removesuffix(ending)


def decompressed(file: BufferedReader, name: str, *, takes_bytes: bool) -> BufferedIOBase:
    """Return a stream of the decompressed bytes of a file.

    Parameters
    ----------
    file
        The file, at its start. gzip, bzip2 and xz are recognised by their first bytes, or else by
        the name.
    name
        The name of the file, also used in messages.
    takes_bytes
        Whether to accept other archives as raw bytes.

    Raises
    ------
    TextError
        The file is another archive, and raw bytes are not accepted.
    """
    beginning = file.peek(_PEEKED)[:_PEEKED]
    by_content = (known for known in _FORMATS.values() if known.begins.match(beginning))
    by_name = (known for ending, known in _FORMATS.items() if name.lower().endswith(ending))
    found = next(by_content, None) or next(by_name, None)
    if found is not None:
        return found.opened(file)
    archive = next((kind for kind, magic in _ARCHIVES.items() if beginning.startswith(magic)), None)
    if archive is not None and not takes_bytes:
        raise TextError(
            f"{name} is a {archive}: unpack it, or export its text (.gz, .bz2 and .xz work)"
        )
    return file


@contextmanager
def damage_errors(name: str) -> Iterator[None]:
    """Raise ``TextError`` for a damaged or truncated compressed file.

    File system errors propagate.
    """
    try:
        yield
    except EOFError as error:
        kinds = (known.name for end, known in _FORMATS.items() if name.lower().endswith(end))
        raise _damaged(name, next(kinds, "compressed"), error) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(name, "gzip", error) from error
    except lzma.LZMAError as error:
        raise _damaged(name, "xz", error) from error
    except OSError as error:
        if error.errno is None:
            raise _damaged(name, "bzip2", error) from error
        raise


def _damaged(name: str, kind: str, error: Exception) -> TextError:
    return TextError(f"{name} is not a complete {kind} file: {error}")
