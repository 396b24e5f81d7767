"""Seals: digests of a run's metadata, kept in its tensor files.

The checksum of a tensor file covers its tensors and its seal, and the seal covers the JSON files
that give the tensors their meaning. A flipped bit in a vocabulary is therefore noticed as well as
one in a weight. Files that change during a run carry a digest of their own instead
(``storage.write_json``). Runs of older versions have no seals.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nextchar.errors import InputError, RunError, in_terms
from nextchar.storage import parse_object, read_regular
from nextchar.storage.json_files import MAX_BYTES
from nextchar.training.checkpoint import (
    LAST_FILE,
    MODEL_FILE,
    PREVIOUS_FILE,
    kept_file,
    kept_steps,
    load_header,
    load_tensors,
    save_tensors,
)
from nextchar.training.folder import only_trainer

VECTORS_FILE = Path("vectors.safetensors")  # of a folder of embeddings
SEALED_FILES = (
    "config.json",
    "vocabulary.json",
    "labels.json",
    "conditions.json",
    "symbols.json",
    "origin.json",
    "embedding.json",
    "corpus/corpus.json",
    "embeddings.json",
)
_LEFT_OUT = ("corpus/corpus.json",)  # when a run is shared without its text


def seal_of(folder: Path) -> dict[str, str]:
    """Return the digests of the sealed files that a run has, by name.

    Raises
    ------
    RunError
        A file cannot be read.
    """
    found = {}
    for name in SEALED_FILES:
        try:
            found[name] = _digest(_read(folder / name))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RunError(f"cannot read {folder / name}: {error.strerror}") from error
    return found


@contextlib.contextmanager
def sealed_json(
    folder: Path, name: str, error: type[InputError] = RunError
) -> Iterator[dict[str, Any]]:
    """Yield the object in a JSON file of a run, and then verify the seal.

    The errors of the block come first, since they say more about a wrong value.

    Parameters
    ----------
    folder, name
        The run, and the name of the file in it.
    error
        The type of the error to raise.
    """
    path = folder / name
    try:
        data = _read(path)
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror}") from problem
    yield parse_object(data, path, error)
    _require_sealed(folder, name, data, error)


def require_sealed(folder: Path, name: str, error: type[InputError] = RunError) -> None:
    """Raise ``error`` if a file differs from the seal of a run; a missing file is no difference."""
    with contextlib.suppress(OSError):
        _require_sealed(folder, name, _read(folder / name), error)


def require_seal_of(path: Path, folder: Path) -> None:
    """Raise ``RunError`` unless the files of a run are those that one of its tensor files seals.

    Parameters
    ----------
    path
        The tensor file; an older one seals nothing.
    folder
        The run.
    """
    seal = load_header(path).seal
    if not seal:
        return
    present = seal_of(folder)
    for name in {**seal, **present}:
        if name not in present and name not in _LEFT_OUT:
            raise _changed(folder, name, "removed", RunError)
        if name in present and seal.get(name) != present[name]:
            raise _changed(folder, name, "changed", RunError)


def next_seal(folder: Path) -> Mapping[str, str]:
    """Return the seal for the next save of a run: that of its last save, or of the present files.

    Raises
    ------
    RunError
        The last save is damaged.
    """
    path = folder / LAST_FILE
    return (load_header(path).seal if path.exists() else {}) or seal_of(folder)


def reseal(folder: Path) -> list[str]:
    """Accept changes of the sealed files of a run: write their digests into its tensor files.

    Returns
    -------
    list
        The names of the files that had changed.

    Raises
    ------
    RunError
        The run is being trained, or a tensor file is damaged.
    """
    files = _tensor_files(folder)
    if not files:
        raise RunError(f"{folder} has no weights to seal: name a run directory")
    is_run = (folder / "config.json").exists()  # or else a folder of embeddings
    with only_trainer(folder) if is_run else contextlib.nullcontext():
        changed, present = set(), seal_of(folder)
        for path in files:
            known = load_header(path).seal
            seal = {name: known[name] for name in _LEFT_OUT if name in known} | present
            if known != seal:
                changed |= {name for name in {*known, *seal} if known.get(name) != seal.get(name)}
                tensors, content = load_tensors(path)
                save_tensors(path, tensors, content, seal=seal)
    return sorted(changed)


def _require_sealed(folder: Path, name: str, data: bytes, error: type[InputError]) -> None:
    seal = _stored_seal(folder)
    if seal and seal.get(name) != _digest(data):
        raise _changed(folder, name, "changed", error)


def _changed(folder: Path, name: str, how: str, error: type[InputError]) -> InputError:
    advice = in_terms(
        f"nextchar.run_files.seals.reseal({str(folder)!r})", f"`nextchar seal {folder}`"
    )
    return error(
        f"{folder / name} was {how} after it was saved: restore it, or accept a change made on "
        f"purpose with {advice}"
    )


def _stored_seal(folder: Path) -> Mapping[str, str]:
    """Return the seal in the first tensor file that has one; a damaged file is skipped.

    Loading the tensors of a damaged file reports its damage.
    """
    for name in (MODEL_FILE, LAST_FILE, VECTORS_FILE):
        with contextlib.suppress(RunError):
            if seal := load_header(folder / name).seal:
                return seal
    return {}


def _tensor_files(folder: Path) -> list[Path]:
    names = [
        MODEL_FILE,
        LAST_FILE,
        PREVIOUS_FILE,
        VECTORS_FILE,
        *map(kept_file, kept_steps(folder)),
    ]
    return [folder / name for name in names if (folder / name).exists()]


def _read(path: Path) -> bytes:
    return read_regular(path, MAX_BYTES)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
