"""Tensor files, each with its own checksum.

A file has the safetensors format: tensors by name, and JSON in its metadata. The metadata also
contains a seal, the digests of the files beside the weights, and a SHA-256 of everything else in
the file, which detects any flipped bit on loading. The header is verified first: a file that
claims more than it stores is refused before its tensors are read. This module handles tensors and
JSON and does not depend on networks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeGuard

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from nextchar.errors import RunError
from nextchar.nn.parameters import TensorLayout
from nextchar.storage import open_regular, parse_json, write_bytes

MODEL_FILE = Path("model.safetensors")
EXPERTS_FILE = Path("experts.safetensors")  # of a language model, if any
METRICS_FILE = Path("metrics.jsonl")
LAST_FILE = Path("last") / "training.safetensors"
PREVIOUS_FILE = Path("last") / "previous.safetensors"
KEPT_FOLDER = Path("checkpoints")

_ENTRY = "nextchar"
_SIZE_BYTES = 8  # of the length of the header
_MAX_HEADER_BYTES = 32 << 20
_MAX_DIMENSIONS = 8  # of a tensor
_MAX_HOLES = 64  # times the stored bytes; ours have none, but compressing file systems make some
_UNCOUNTED_BYTES = 64 << 20  # of a file that may have any share of holes
_BLOCK_BYTES = 512  # of st_blocks
_DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}
_DAMAGE = (SafetensorError, ValueError, LookupError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True, kw_only=True)
class TensorHeader:
    """The header of a tensor file.

    Attributes
    ----------
    layouts
        The shapes and types of the tensors, by name. Their sizes add up to that of the file.
    seal
        The digests that ``save_tensors`` wrote; empty in older files.
    """

    layouts: Mapping[str, TensorLayout]
    seal: Mapping[str, str]


def save_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    content: Mapping[str, Any],
    *,
    seal: Mapping[str, str] | None = None,
) -> None:
    """Write tensors and a JSON object to one file, atomically.

    Parameters
    ----------
    path
        The file. An existing file is replaced only once the new one is safely on disk.
    tensors
        Tensors by name; they are copied to the CPU.
    content
        JSON values; finite numbers are restored bit for bit.
    seal
        Digests of other files by name (``run_files.seals``).

    Raises
    ------
    StorageError
        The file cannot be written; an existing file is unchanged.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    entry = {"content": json.dumps(content, allow_nan=False, sort_keys=True)}
    if seal:
        entry["seal"] = json.dumps(seal, sort_keys=True)
    entry["content_sha256"] = _digest(entry["content"])
    entry["sha256"] = _checksum(on_cpu, entry)
    # A single entry: safetensors writes several entries in an order that varies between runs.
    write_bytes(path, safetensors.torch.save(on_cpu, {_ENTRY: json.dumps(entry)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, on the CPU, and the JSON object that ``save_tensors`` wrote.

    Raises
    ------
    RunError
        The file is missing, unreadable, truncated, or differs in any bit; it stores much less than
        its size, or does not fit into memory.
    """
    with _opened(path) as file:
        entry, _ = _entry_and_layouts(file)
        size = _stored_size(file)
        file.seek(0)
        tensors = safetensors.torch.load(file.read(size))
        intact = entry["sha256"] == _checksum(tensors, entry)
        content = _object(entry["content"])
    if not intact:
        raise RunError(f"{path} is damaged: its content does not match its checksum")
    return tensors, content


def load_header(path: Path) -> TensorHeader:
    """Return the header of a file: fast, without verifying the checksum of the tensors.

    Raises
    ------
    RunError
        The file is missing, unreadable or damaged, or its size is not the one in its header.
    """
    with _opened(path) as file:
        entry, layouts = _entry_and_layouts(file)
        seal = _object(entry.get("seal", "{}"))
        if not all(isinstance(digest, str) for digest in seal.values()):
            raise ValueError("its seal must have texts only")
        return TensorHeader(layouts=layouts, seal=seal)


def checksum_of(path: Path) -> str:
    """Return the SHA-256 that a file states of its tensors and its content, hexadecimal.

    Raises
    ------
    RunError
        The file is missing, unreadable or damaged.
    """
    with _opened(path) as file:
        entry, _ = _entry_and_layouts(file)
        return str(entry["sha256"])


def load_content(path: Path) -> dict[str, Any]:
    """Return the JSON object that ``save_tensors`` wrote, without reading the tensors.

    Older files have no checksum of the object alone, and are read as a whole.

    Raises
    ------
    RunError
        The file is missing, unreadable or damaged.
    """
    with _opened(path) as file:
        entry, _ = _entry_and_layouts(file)
        if "content_sha256" in entry:
            if entry["content_sha256"] != _digest(entry["content"]):
                raise ValueError("its content does not match its checksum")
            return _object(entry["content"])
    return load_tensors(path)[1]


def keep_previous(folder: Path) -> None:
    """Keep the last save of a run under another name, before the next save replaces it.

    Both names share the content, so that nothing is copied. A file system without hard links keeps
    no earlier save.
    """
    last, previous = folder / LAST_FILE, folder / PREVIOUS_FILE
    with contextlib.suppress(OSError):
        previous.unlink(missing_ok=True)
        os.link(last, previous, follow_symlinks=False)


@contextlib.contextmanager
def naming_previous(folder: Path) -> Iterator[None]:
    """Name the save before the last one in an error of the block, if the last one is unusable."""
    try:
        yield
    except RunError as error:
        if _step_of(folder / LAST_FILE) is not None:
            raise
        step = _step_of(folder / PREVIOUS_FILE)
        if step is None:
            raise
        raise RunError(
            f"{error.in_both_terms}; the save before it, after step {step}, is intact: move "
            f"{PREVIOUS_FILE} to {LAST_FILE} to continue from there"
        ) from error


def kept_file(step: int) -> Path:
    """Return the path, within a run directory, of the weights kept from a step."""
    return KEPT_FOLDER / f"{step}.safetensors"


def kept_steps(folder: Path) -> list[int]:
    """Return the steps whose weights a run has kept, in ascending order."""
    names = [path.stem for path in (folder / KEPT_FOLDER).glob("*.safetensors")]
    return sorted(int(name) for name in names if name.isdecimal())


def _step_of(path: Path) -> object:
    """Return the step of a training state; ``None`` if it is missing or damaged."""
    try:
        return load_tensors(path)[1].get("step")
    except RunError:
        return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Open a tensor file; errors in the block are those of a damaged file."""
    try:
        with open_regular(path) as file:
            yield file
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing") from error
    except MemoryError as error:
        raise RunError(f"{path} does not fit into memory") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    except _DAMAGE as error:
        raise RunError(f"{path} is damaged: {error}") from error


def _entry_and_layouts(file: BufferedReader) -> tuple[dict[str, Any], dict[str, TensorLayout]]:
    """Return the entry of this program and the layouts, after comparing the sizes in a file."""
    total = os.fstat(file.fileno()).st_size
    size = int.from_bytes(file.read(_SIZE_BYTES), "little")
    if not 0 < size <= min(total, _MAX_HEADER_BYTES):
        raise ValueError(f"its header has {size:,} bytes")
    header = parse_json(file.read(size))
    entry = _object(header.pop("__metadata__")[_ENTRY])
    layouts = {name: _layout(name, described) for name, described in header.items()}
    end = 0
    for name in sorted(header, key=lambda name: header[name]["data_offsets"]):
        begin, after = header[name]["data_offsets"]  # ValueError unless there are two
        layout = layouts[name]
        if begin != end or after - begin != math.prod(layout.shape) * layout.dtype.itemsize:
            raise ValueError(f"its header places {name!r:.80} at bytes {begin:,} to {after:,}")
        end = after
    needed = _SIZE_BYTES + size + end
    if needed != total:
        raise ValueError(f"it has {total:,} bytes, and its header needs {needed:,}")
    return entry, layouts


def _layout(name: str, described: Any) -> TensorLayout:  # noqa: ANN401  (any JSON value)
    """Return the layout of a tensor from its description in a header."""
    if isinstance(described, dict):
        dtype = _DTYPES.get(str(described.get("dtype")))
        shape, offsets = described.get("shape"), described.get("data_offsets")
        if dtype and _are_sizes(shape, _MAX_DIMENSIONS) and _are_sizes(offsets, 2):
            return TensorLayout(tuple(shape), dtype)
    raise ValueError(f"its header describes {name!r:.80} as {described!r:.80}")


def _are_sizes(value: object, count: int) -> TypeGuard[list[int]]:
    """Return whether a value is a list of at most ``count`` integers that are not negative."""
    return (
        isinstance(value, list)
        and len(value) <= count
        and all(type(each) is int and each >= 0 for each in value)
    )


def _stored_size(file: BufferedReader) -> int:
    """Return the size of a file; raise ``ValueError`` if nearly all of it is holes."""
    status = os.fstat(file.fileno())
    stored = status.st_blocks * _BLOCK_BYTES  # 0 on file systems that do not count
    if stored and status.st_size > max(_UNCOUNTED_BYTES, _MAX_HOLES * stored):
        raise ValueError(f"it claims {status.st_size:,} bytes, and stores {stored:,}")
    return status.st_size


def _object(text: str) -> dict[str, Any]:
    value = parse_json(text.encode())
    if not isinstance(value, dict):
        raise TypeError(f"its metadata must be a JSON object, got {type(value).__name__}")
    return value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(tensors: Mapping[str, Tensor], entry: Mapping[str, str]) -> str:
    digest = hashlib.sha256(entry["content"].encode())
    digest.update(entry.get("seal", "").encode())
    digest.update(entry.get("content_sha256", "").encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        if tensor.numel():  # The strides of an empty tensor do not allow a view as bytes.
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
