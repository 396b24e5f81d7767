"""Faults of a file system: every call that changes files in a folder can be counted and disturbed.

Python announces most calls in audit events. Flushes and writes, which it does not announce, are
patched.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from unittest import mock

from nextchar.storage import files

# Called with the kind of a call and the path, before the call.
Act = Callable[[str, Path], None]

_KINDS = {
    "os.rename": "rename",
    "os.remove": "unlink",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.link": "link",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Switch:
    """The present observer; an audit hook cannot be removed."""

    act: Act | None = None
    folder = Path("/")
    is_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _Switch.act is None:
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, str) and (flags or 0) & _WRITING and "r" not in (mode or ""):
            _tell("create", path)
    elif event in _KINDS and isinstance(arguments[0], str | os.PathLike):
        _tell(_KINDS[event], arguments[0])


def _tell(kind: str, path: str | os.PathLike[str]) -> None:
    act = _Switch.act
    place = Path(os.path.abspath(path))  # noqa: PTH100
    if act is None or not place.is_relative_to(_Switch.folder):
        return
    _Switch.act = None  # What the observer does is not observed.
    try:
        act(kind, place)
    finally:
        _Switch.act = act


class _ObservedFile:
    """A file that tells of each write."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path

    def write(self, data: bytes) -> int:
        _tell("write", self._path)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _ObservedFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()


@contextlib.contextmanager
def observed(folder: Path, act: Act) -> Iterator[None]:
    """Call ``act`` before each change of a file below a folder; an error it raises is the call's.

    The kinds are create, write, flush, flush folder, rename, unlink, link, mkdir and rmdir.
    """
    if not _Switch.is_installed:
        sys.addaudithook(_hook)
        _Switch.is_installed = True
    fsync, new_file, append = os.fsync, files._new_file, files._opened_for_appending

    def observed_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        _tell("flush folder" if path.is_dir() else "flush", path)
        fsync(descriptor)

    def observed_file(path: Path) -> tuple[Any, Path]:
        file, temporary = new_file(path)
        return _ObservedFile(file, temporary), temporary

    with (
        mock.patch.object(os, "fsync", observed_fsync),
        mock.patch.object(files, "_new_file", observed_file),
        mock.patch.object(files, "_opened_for_appending", lambda p: _ObservedFile(append(p), p)),
    ):
        _Switch.act, _Switch.folder = act, folder.resolve()
        try:
            yield
        finally:
            _Switch.act = None


class Disk:
    """The state of a disk after a power failure: what was flushed, and nothing else.

    The content of a file is durable after a flush of the file; its name, and that of a folder,
    after a flush of the folder that holds it.

    Parameters
    ----------
    folder
        The folder whose content is followed; it is durable itself.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder.stat().st_ino
        self._contents: dict[int, bytes] = {}
        self._entries: dict[int, dict[str, tuple[int, bool]]] = {}
        self._held: list[int] = []

    def flush(self, path: Path) -> None:
        """Record a flush of a file or of a folder, which has already happened."""
        # The descriptor keeps the number of the file from being used again.
        self._held.append(os.open(path, os.O_RDONLY))
        number = os.fstat(self._held[-1]).st_ino
        if path.is_dir():
            self._entries[number] = {
                entry.name: (entry.inode(), entry.is_dir(follow_symlinks=False))
                for entry in os.scandir(path)
            }
        else:
            self._contents[number] = path.read_bytes()

    def restore(self, folder: Path) -> None:
        """Write the durable state into a new folder."""
        self._restore(self._root, folder)

    def _restore(self, number: int, folder: Path) -> None:
        folder.mkdir()
        for name, (inside, is_folder) in self._entries.get(number, {}).items():
            if is_folder:
                self._restore(inside, folder / name)
            else:
                (folder / name).write_bytes(self._contents.get(inside, b""))

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in self._held:
            os.close(descriptor)
