"""Tensor files, each with its own checksum.

A file has the safetensors format: tensors by name, and JSON in its metadata. The metadata also
contains a SHA-256 of everything else in the file, which detects any flipped bit on loading. This
module handles tensors and JSON and does not depend on networks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from nextchar.errors import RunError
from nextchar.storage import open_regular, read_regular, write_bytes

MODEL_FILE = Path("model.safetensors")
METRICS_FILE = Path("metrics.jsonl")
LAST_FILE = Path("last") / "training.safetensors"
KEPT_FOLDER = Path("checkpoints")

_ENTRY = "nextchar"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
    """Write tensors and a JSON object to one file, atomically.

    Parameters
    ----------
    path
        The file. An existing file is replaced only once the new one is safely on disk.
    tensors
        Tensors by name; they are copied to the CPU.
    content
        JSON values; finite numbers are restored bit for bit.

    Raises
    ------
    StorageError
        The file cannot be written; an existing file is unchanged.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(content, allow_nan=False, sort_keys=True)
    # A single entry: safetensors writes several entries in an order that varies between runs.
    entry = json.dumps({"content": text, "sha256": _checksum(on_cpu, text)})
    write_bytes(path, safetensors.torch.save(on_cpu, {_ENTRY: entry}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, on the CPU, and the JSON object that ``save_tensors`` wrote.

    Raises
    ------
    RunError
        The file is missing, unreadable, truncated, or differs in any bit.
    """
    try:
        data = read_regular(path)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    try:
        tensors = safetensors.torch.load(data)
        size = int.from_bytes(data[:8], "little")
        entry = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][_ENTRY])
        text, checksum = entry["content"], entry["sha256"]
        intact = checksum == _checksum(tensors, text)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    if not intact:
        raise RunError(f"{path} is damaged: its content does not match its checksum")
    content: dict[str, Any] = json.loads(text)
    return tensors, content


def kept_file(step: int) -> Path:
    """Return the path, within a run directory, of the weights kept from a step."""
    return KEPT_FOLDER / f"{step}.safetensors"


def kept_steps(folder: Path) -> list[int]:
    """Return the steps whose weights a run has kept, in ascending order."""
    names = [path.stem for path in (folder / KEPT_FOLDER).glob("*.safetensors")]
    return sorted(int(name) for name in names if name.isdecimal())


def load_content(path: Path) -> dict[str, Any]:
    """Return only the JSON object of a file: fast, without verifying the checksum.

    Raises
    ------
    RunError
        The file is missing, unreadable or damaged.
    """
    try:
        with open_regular(path) as file:
            size = int.from_bytes(file.read(8), "little")
            entry = json.loads(json.loads(file.read(size))["__metadata__"][_ENTRY])
            content: dict[str, Any] = json.loads(entry["content"])
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    return content


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        if tensor.numel():  # The strides of an empty tensor do not allow a view as bytes.
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
