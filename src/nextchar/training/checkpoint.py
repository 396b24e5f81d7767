"""Tensors on disk, each file with its own checksum.

A file is in the safetensors format: tensors by name, and JSON in its metadata. The metadata also
carries a SHA-256 over everything else in the file, so that a flipped bit is found when the file
is read, not later in the numbers. This file knows tensors and JSON, not networks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from nextchar.errors import RunError
from nextchar.storage import write_bytes

MODEL_FILE = Path("model.safetensors")
METRICS_FILE = Path("metrics.jsonl")
LAST_FILE = Path("last") / "training.safetensors"

_CONTENT = "content"
_CHECKSUM = "sha256"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
    """Write tensors, and a JSON object beside them, as one whole file.

    Parameters
    ----------
    path
        The file; what stands there is replaced only when the new file is safely on disk.
    tensors
        Tensors by name; they are copied to the CPU.
    content
        What JSON can hold; finite numbers come back bit for bit.

    Raises
    ------
    StorageError
        The file cannot be written; the old one still stands.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(content, allow_nan=False, sort_keys=True)
    metadata = {_CONTENT: text, _CHECKSUM: _checksum(on_cpu, text)}
    write_bytes(path, safetensors.torch.save(on_cpu, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``save_tensors`` wrote, on the CPU.

    Raises
    ------
    RunError
        The file is missing, unreadable, truncated or changed in any bit.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    text = metadata.get(_CONTENT, "")
    if metadata.get(_CHECKSUM) != _checksum(tensors, text):
        raise RunError(f"{path} is damaged: its content does not match its checksum")
    content: dict[str, Any] = json.loads(text)
    return tensors, content


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
