"""The corpus that every machine has: the source text of Python's own standard library.

Training on program code is the field's classic second experiment, after Shakespeare; this one
needs no download. The text depends on the interpreter and on nothing else.
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

# Third-party code, test data (which holds wrong encodings and wrong syntax on purpose), caches.
LEFT_OUT_FOLDERS = frozenset(
    {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests"}
)
# Written when the interpreter was built: tables of compiler flags, not anyone's code.
LEFT_OUT_PREFIXES = ("_sysconfigdata", "config-")


@dataclass(frozen=True, kw_only=True)
class StandardLibrary:
    """The built-in corpus ``python``.

    Attributes
    ----------
    limit
        Most characters of the text, at least 1; only whole files are taken.

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
        """The name of its file in the cache: another version or limit is another text."""
        return f"{self.name}-{platform.python_version()}-{self.limit}.txt"

    def text(self) -> str:
        """Read the text; see ``source_text``."""
        return source_text(Path(sysconfig.get_path("stdlib")), limit=self.limit)


def source_text(library: Path, *, limit: int) -> str:
    """Join the ``.py`` files below a folder, in the order of their relative POSIX paths.

    Tests, test data, installed packages and caches are left out, and so are files that do not
    decode by the encoding that they declare (PEP 263). A blank line stands between two files.
    Reading stops before the first file with which the text would pass the limit, so that the
    text of a smaller limit is a beginning of the text of a larger one.

    Raises
    ------
    DatasetError
        The folder has no source files, as in an interpreter packed into an archive.
    InputError
        The limit is smaller than the first file.
    """
    files = _source_files(library)
    if not files:
        raise DatasetError(
            f"dataset '{StandardLibrary.name}' needs the interpreter's .py files: found none "
            f"below {library}; use a Python that was installed with its sources"
        )
    text = "\n".join(_within(limit, _decoded(files)))
    if not text:
        raise InputError(
            f"limit must leave room for a whole file of {library}, got {limit}: "
            f"the default is {DEFAULT_LIMIT}"
        )
    return text


def _source_files(library: Path) -> list[Path]:
    found: list[Path] = []
    for folder, subfolders, names in os.walk(library):
        subfolders[:] = [name for name in subfolders if _is_taken(name)]
        found += [Path(folder, name) for name in names if name.endswith(".py") and _is_taken(name)]
    return sorted(found, key=lambda file: file.relative_to(library).as_posix())


def _is_taken(name: str) -> bool:
    return name not in LEFT_OUT_FOLDERS and not name.startswith(LEFT_OUT_PREFIXES)


def _decoded(files: Iterable[Path]) -> Iterator[str]:
    """Give the text of each file that can be decoded and is not empty."""
    for file in files:
        try:
            with tokenize.open(file) as stream:
                text = stream.read()
        except (SyntaxError, UnicodeDecodeError):  # SyntaxError: an encoding that is none
            continue
        except OSError as error:
            raise DatasetError(f"cannot read {file}: {error.strerror}") from error
        if text:
            yield text


def _within(limit: int, texts: Iterable[str]) -> Iterator[str]:
    """Give texts as long as they fit, counting the line end that joins each to the next."""
    used = 0
    for text in texts:
        used += len(text)
        if used > limit:
            return
        yield text
        used += 1
