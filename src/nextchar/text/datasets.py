"""Corpora by name: the built-in ``python``, and downloadable ones.

A downloaded corpus is identified by its SHA-256: a file with other content is rejected, and results
are comparable everywhere. A corpus is searched for in the folder named by the environment variable
``NEXTCHAR_DATA``, then in the user's cache; only ``fetch`` accesses the network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO

import platformdirs

from nextchar.errors import DatasetError, InputError, StorageError
from nextchar.storage import flush_folder, write_bytes
from nextchar.text.builtin import StandardLibrary
from nextchar.text.catalogue import AnyDataset, Archive, Dataset, find

DATA_VARIABLE = "NEXTCHAR_DATA"
TIMEOUT_SECONDS = 30.0
BLOCK_SIZE = 1 << 16

Progress = Callable[[int, int], None]


def describe(dataset: str | AnyDataset) -> str:
    """Return a one-line summary of a dataset: its description, size and licence."""
    dataset = _resolve(dataset)
    if isinstance(dataset, StandardLibrary):
        return (
            f"{dataset.description}; up to {dataset.limit:,} characters; {dataset.terms}; "
            "needs no download"
        )
    return f"{dataset.description}; {dataset.size:,} bytes; {dataset.terms}"


def cache_path(dataset: str | AnyDataset) -> Path:
    """Return the path of a dataset in the user's cache, whether or not the file exists."""
    folder = platformdirs.user_cache_path("nextchar") / "data"
    return folder.absolute() / _resolve(dataset).file_name


def path(dataset: str | AnyDataset) -> Path:
    """Return the path of a dataset on this machine, without network access.

    Returns
    -------
    Path
        A file with verified content, in ``NEXTCHAR_DATA`` or in the cache.

    Raises
    ------
    InputError
        The name is unknown, or ``NEXTCHAR_DATA`` is not a folder.
    DatasetError
        The dataset is missing, or a copy in ``NEXTCHAR_DATA`` has the wrong content.
    """
    dataset = _resolve(dataset)
    found = _existing(dataset)
    if found is None:
        by_hand = f", {_by_hand(dataset)}" if isinstance(dataset, Dataset) else ""
        state = "damaged" if cache_path(dataset).is_file() else "not on this machine"
        raise DatasetError(
            f"dataset '{dataset.name}' is {state}: "
            f"get it with `nextchar data fetch {dataset.name}`{by_hand}"
        )
    return found


def fetch(dataset: str | AnyDataset, *, progress: Progress | None = None) -> Path:
    """Return the path of a dataset; build (``python``) or download it first if necessary.

    Parameters
    ----------
    dataset
        A name, or a dataset object such as ``StandardLibrary(limit=500_000)``.
    progress
        Called with the bytes received so far and the total (of the archive, if any).

    Returns
    -------
    Path
        A file with verified content. It is written atomically.

    Raises
    ------
    InputError
        The name is unknown, or ``NEXTCHAR_DATA`` is not a folder.
    DatasetError
        The download failed, or its content is wrong.
    StorageError
        The file cannot be written.
    """
    dataset = _resolve(dataset)
    if isinstance(dataset, StandardLibrary):
        return _build(dataset)
    return _existing(dataset) or _download(dataset, progress)


def _resolve(dataset: str | AnyDataset) -> AnyDataset:
    return find(dataset) if isinstance(dataset, str) else dataset


# Existing files


def _existing(dataset: AnyDataset) -> Path | None:
    cached = cache_path(dataset)
    with _reading():
        if isinstance(dataset, StandardLibrary):
            return cached if cached.is_file() else None
        local = _local_copy(dataset)
        if local is None and cached.is_file() and _is_right(cached, dataset):
            return cached
    return local


def _local_copy(dataset: Dataset) -> Path | None:
    """Return a copy in ``NEXTCHAR_DATA``; ``DatasetError`` if its content is wrong."""
    folder = _local_folder()
    if folder is None:
        return None
    for file in (folder / name for name in dataset.file_names):
        if not file.is_file():
            continue
        if not _is_right(file, dataset):
            raise DatasetError(
                f"{file} is not the dataset '{dataset.name}': expected {dataset.size:,} bytes "
                f"with sha256 {dataset.sha256[:12]}…; replace it, or unset {DATA_VARIABLE}"
            )
        return file
    return None


def _local_folder() -> Path | None:
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        return None
    folder = Path(value).absolute()
    if not folder.is_dir():
        raise InputError(
            f"{DATA_VARIABLE} must name a folder of local copies, got {value!r}: no such folder"
        )
    return folder


def _is_right(file: Path, expected: Dataset | Archive) -> bool:
    if file.stat().st_size != expected.size:
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == expected.sha256


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"cannot read {error.filename}: {error.strerror or error}; allow access, or set "
            f"{DATA_VARIABLE} to another folder"
        ) from error


# Building and downloading


def _build(dataset: StandardLibrary) -> Path:
    target = cache_path(dataset)
    content = dataset.text().encode()
    # Two builds of the same Python version may differ: compare the content, not only the name.
    with _reading():
        is_there = target.is_file() and target.read_bytes() == content
    if not is_there:
        with _writing(target):
            write_bytes(target, content)
    return target


def _download(dataset: Dataset, progress: Progress | None) -> Path:
    target = cache_path(dataset)
    expected = dataset.archive or dataset
    with _scratch_folder(target) as folder:
        received = folder / "received"
        _receive(dataset, received, expected.size, progress)
        if not _is_right(received, expected):
            raise _failure(dataset, f"sha256 is not {expected.sha256[:12]}…")
        if dataset.archive is not None:
            received = _extract(dataset, received, dataset.archive.member)
        _install(received, target)
    return target


def _receive(dataset: Dataset, file: Path, size: int, progress: Progress | None) -> None:
    """Download to a file; ``DatasetError`` unless exactly ``size`` bytes arrive."""
    received = 0
    with _open(dataset) as response, file.open("wb") as stream:
        while block := _read_block(dataset, response, received, size):
            stream.write(block)
            received += len(block)
            if received > size:
                raise _failure(dataset, f"sent more than the expected {size:,} bytes")
            if progress is not None:
                progress(received, size)
    if received < size:
        raise _failure(dataset, f"ended after {received:,} of {size:,} bytes")


def _open(dataset: Dataset) -> IO[bytes]:
    request = urllib.request.Request(  # noqa: S310  (the opener knows http and https only)
        dataset.address, headers={"User-Agent": "nextchar"}
    )
    try:
        response: IO[bytes] = _opener().open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        raise _failure(dataset, f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _failure(dataset, f"no connection ({error.reason})") from error
    except (OSError, HTTPException) as error:
        raise _failure(dataset, f"no answer ({error})") from error
    return response


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https only; redirections cannot lead to files or ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _read_block(dataset: Dataset, response: IO[bytes], received: int, size: int) -> bytes:
    # Only network errors are caught here; disk errors are handled elsewhere.
    try:
        return response.read(BLOCK_SIZE)
    except (OSError, HTTPException) as error:
        where = f"after {received:,} of {size:,} bytes"
        raise _failure(dataset, f"the connection broke {where} ({error})") from error


def _extract(dataset: Dataset, archive: Path, member: str) -> Path:
    text = archive.with_name("text")
    try:
        with zipfile.ZipFile(archive) as container, container.open(member) as packed:
            if container.getinfo(member).file_size == dataset.size:
                with text.open("wb") as stream:
                    shutil.copyfileobj(packed, stream)
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise _failure(dataset, f"no readable '{member}' in the zip file ({error})") from error
    if not text.is_file() or not _is_right(text, dataset):
        raise _failure(dataset, f"'{member}' in the zip file has the wrong content")
    return text


def _failure(dataset: Dataset, reason: str) -> DatasetError:
    line = " ".join(reason.split())  # messages of servers and libraries may have line breaks
    return DatasetError(
        f"cannot fetch '{dataset.name}' from {dataset.address}: {line}; try again, "
        f"{_by_hand(dataset)}"
    )


def _by_hand(dataset: Dataset) -> str:
    return (
        f"or copy the file (sha256 {dataset.sha256[:12]}…) to {cache_path(dataset)} "
        f"or to the folder named by {DATA_VARIABLE}"
    )


# Writing


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}; free space or allow access, or "
            f"put the file in the folder named by {DATA_VARIABLE}"
        ) from error


@contextmanager
def _scratch_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder next to the target for incomplete files; it is always removed."""
    with (
        _writing(target),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder,
    ):
        yield Path(folder)


def _install(file: Path, target: Path) -> None:
    """Move a complete file to its target; after a power failure, one version is intact."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
    file.replace(target)
    flush_folder(target.parent)
