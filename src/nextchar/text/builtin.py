"""The built-in corpus: the source code of Python's own standard library.

Source code is the classic second corpus for character-level models, after Shakespeare, and this
one needs no download. The text depends only on the interpreter.
"""

from __future__ import annotations

import os
import platform
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nextchar.errors import DatasetError, InputError

DEFAULT_LIMIT = 2_000_000

# Third-party code, test data (with deliberate encoding and syntax errors), caches.
EXCLUDED_FOLDERS = frozenset(
    {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests"}
)
# Generated when the interpreter was built: tables of compiler flags.
EXCLUDED_PREFIXES = ("_sysconfigdata", "config-")


@dataclass(frozen=True, kw_only=True)
class StandardLibrary:
    """The built-in corpus ``python``.

    Attributes
    ----------
    limit
        Maximum characters of the text, at least 1; only whole files are included.

    Raises
    ------
    InputError
        The limit is below 1.
    """

    name: ClassVar[str] = "python"
    description: ClassVar[str] = "source code of the running interpreter's standard library"
    terms: ClassVar[str] = "PSF License Version 2"

    limit: int = DEFAULT_LIMIT

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise InputError(f"limit must be at least 1 character, got {self.limit}")

    @property
    def file_name(self) -> str:
        """File name in the cache; it includes the version of Python and the limit."""
        return f"{self.name}-{platform.python_version()}-{self.limit}.txt"

    def text(self) -> str:
        """Return the text; see ``source_text``."""
        return source_text(Path(sysconfig.get_path("stdlib")), limit=self.limit)


def source_text(library: Path, *, limit: int) -> str:
    """Join the ``.py`` files below a folder, in the order of their relative POSIX paths.

    Tests, test data, installed packages, caches, and files that cannot be decoded with their
    declared encoding (PEP 263) are excluded. A blank line separates two files. The text ends
    before the first file that would exceed the limit. The text of a smaller limit is therefore a
    prefix of the text of a larger one.

    Raises
    ------
    DatasetError
        The folder has no source files; for example, the interpreter is packed into an archive.
    InputError
        The limit is smaller than the first file.
    """
    files = _source_files(library)
    if not files:
        raise DatasetError(
            f"dataset '{StandardLibrary.name}' needs the interpreter's .py files: found none "
            f"below {library}; use a Python installed with its source files"
        )
    text = "\n".join(_within(limit, _decoded(files)))
    if not text:
        raise InputError(
            f"limit must be at least the size of the first file in {library}, got {limit}: "
            f"the default is {DEFAULT_LIMIT}"
        )
    return text


def _source_files(library: Path) -> list[Path]:
    found: list[Path] = []
    for folder, subfolders, names in os.walk(library):
        subfolders[:] = filter(_is_included, subfolders)
        python = (name for name in names if name.endswith(".py"))
        found += [Path(folder, name) for name in python if _is_included(name)]
    return sorted(found, key=lambda file: file.relative_to(library).as_posix())


def _is_included(name: str) -> bool:
    return name not in EXCLUDED_FOLDERS and not name.startswith(EXCLUDED_PREFIXES)


def _decoded(files: Iterable[Path]) -> Iterator[str]:
    """Yield the text of each file that can be decoded and is not empty."""
    for file in files:
        try:
            with tokenize.open(file) as stream:
                text = stream.read()
        except (SyntaxError, UnicodeDecodeError):  # SyntaxError: an unknown encoding
            continue
        except OSError as error:
            raise DatasetError(f"cannot read {file}: {error.strerror}") from error
        if text:
            yield text


def _within(limit: int, texts: Iterable[str]) -> Iterator[str]:
    """Yield texts until the limit is reached; the line feed between two texts counts too."""
    used = 0
    for text in texts:
        used += len(text)
        if used > limit:
            return
        yield text
        used += 1
