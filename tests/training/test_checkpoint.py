"""Tensors on disk: exact, whole, and never silently wrong."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.errors import RunError, StorageError
from nextchar.training.checkpoint import load_tensors, save_tensors

TENSORS = {
    "weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7,
    "half": torch.tensor([1.5, -2.25], dtype=torch.bfloat16),
    "count": torch.tensor(3, dtype=torch.int64),
}
CONTENT = {"step": 12, "loss": 1.2345678901234567, "none": None}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_what_is_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a.safetensors", TENSORS, CONTENT)
    tensors, content = load_tensors(tmp_path / "a.safetensors")
    assert same(tensors, TENSORS)
    assert [t.dtype for t in tensors.values()] == [TENSORS[name].dtype for name in tensors]
    assert content == CONTENT


def test_a_tensor_without_elements_comes_back(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a.safetensors", {"x": torch.from_numpy(np.empty(0, np.int32))}, {})
    assert load_tensors(tmp_path / "a.safetensors")[0]["x"].shape == (0,)


def test_the_file_is_a_safetensors_file_with_known_bytes(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a.safetensors", {"x": torch.tensor([1.0])}, {"step": 1})
    data = (tmp_path / "a.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert header["x"] == {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    assert json.loads(header["__metadata__"]["nextchar"]) == {
        "content": '{"step": 1}',
        "content_sha256": "66acd07fcea2043956174f61b379bbd5ff7f89e4d5408dc80e1707ffdecbb18b",
        "sha256": "a23b269f0fa9c65f0995f945c908983f0217b0ca0f759f0330898bad6f717569",
    }
    assert data[8 + size :] == b"\x00\x00\x80\x3f"


def test_the_same_tensors_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_tensors(tmp_path / name, TENSORS, CONTENT)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_flipped_bit_goes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, TENSORS, CONTENT)
    data = path.read_bytes()
    dice = random.Random(0)
    for _ in range(400):
        position, bit = dice.randrange(len(data)), dice.randrange(8)
        damaged = bytearray(data)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            tensors, content = load_tensors(path)
        except RunError:
            continue
        assert same(tensors, TENSORS), position
        assert content == CONTENT, position


def test_every_truncation_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, TENSORS, CONTENT)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(RunError, match=r"a\.safetensors"):
            load_tensors(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="missing"):
        load_tensors(tmp_path / "a.safetensors")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, TENSORS, {"step": 1})

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        save_tensors(path, TENSORS, {"step": 2})
    assert load_tensors(path)[1] == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]
