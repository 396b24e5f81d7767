"""Hostile changes to the files of a run, signed as this program or an attacker would sign them."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from nextchar.training.checkpoint import load_tensors

DEEP = 20_000  # levels
_RAW = "\x00raw:"  # marks a value that is written to JSON as it is
_WRITTEN_RAW = re.compile(r'"\\u0000raw:([0-9a-f]*)"')


def raw(text: str) -> str:
    """Return a value that ``dumped`` writes as this text, which need not be JSON."""
    return _RAW + text.encode().hex()


def dumped(value: object) -> bytes:
    """Return a value as JSON, with raw texts as they are."""
    text = json.dumps(value, ensure_ascii=True)
    return _WRITTEN_RAW.sub(lambda found: bytes.fromhex(found[1]).decode(), text).encode()


# In place of any value: of other types, out of range, not numbers, too large, too deep.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    3.5,
    -0.25,
    1e308,
    -1e308,
    2**53,
    raw("9" * 400),
    raw("-" + "9" * 400),
    raw("1e999"),
    raw("NaN"),
    raw("-Infinity"),
    raw("[" * DEEP + "]" * DEEP),
    raw('{"a":' * DEEP + "1" + "}" * DEEP),
    raw('"\\ud800"'),
    raw('"\\udfff\\ud800"'),
    "",
    "0",
    "x" * 100_000,
    "a\nb\x1b[2J",
    [],
    {},
    [[]],
    [None],
    {"": 0},
    list(range(1000)),
)


def places_in(value: object) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a JSON value, as its container and its key or index."""
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, inside in list(entries):
        yield value, key
        yield from places_in(inside)


def mutated(value: Any, draw: random.Random) -> Any:
    """Return a JSON value with one hostile change."""
    value = json.loads(json.dumps(value))
    # Large lists, such as the symbols of a vocabulary, must not hide the other places.
    by_container: dict[int, list[tuple[Any, Any]]] = {}
    for container, key in places_in(value):
        by_container.setdefault(id(container), []).append((container, key))
    if not by_container or draw.random() < 0.03:
        return draw.choice(VALUES)
    container, key = draw.choice(draw.choice(list(by_container.values())))
    change = draw.randrange(10)
    if change == 0:
        del container[key]
    elif change == 1 and isinstance(container, dict):
        container["cheese"] = draw.choice(VALUES)
    elif change == 1:
        container.insert(key, draw.choice([*VALUES, container[key]]))
    elif change == 2 and isinstance(container, dict):
        container[f"{key}x"] = container.pop(key)
    elif change == 2:
        container.extend(container * 2)
    elif change == 3 and isinstance(container[key], int | float):
        container[key] = draw.choice([-1, 1000, 0.001]) * container[key] + draw.choice([0, 1, -7])
    else:
        container[key] = draw.choice(VALUES)
    return value


def write_signed(
    path: Path,
    tensors: Mapping[str, Tensor],
    text: str,
    *,
    entries: Mapping[str, str] | None = None,
) -> None:
    """Write a tensor file as ``save_tensors`` does, with any text in the place of its JSON.

    Parameters
    ----------
    entries
        Further entries of the metadata.
    """
    kept = {name: tensor.contiguous() for name, tensor in tensors.items()}
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name in sorted(kept):
        tensor = kept[name]
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    entry = json.dumps({"content": text, "sha256": digest.hexdigest()})
    metadata = {**(entries or {}), "nextchar": entry}
    path.write_bytes(safetensors.torch.save(kept, metadata))


def seal(run: Path) -> None:
    """Renew the digest of the ids, as an attacker would.

    The tensor files of the runs of older versions have no seal of the other files, and an attacker
    can leave it out as well.
    """
    header = run / "corpus" / "corpus.json"
    if header.exists():
        try:
            values = json.loads(header.read_bytes())
            values["sha256"] = hashlib.sha256((run / "corpus" / "ids.bin").read_bytes()).hexdigest()
        except (OSError, ValueError, TypeError):
            return
        header.write_bytes(dumped(values))


def _retyped(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    return lambda tensor: tensor.to(dtype)


def _filled(value: float) -> Callable[[Tensor], Tensor]:
    return lambda tensor: torch.full_like(tensor, value)


def _spoilt(value: float) -> Callable[[Tensor], Tensor]:
    """Return a change of a single element."""

    def change(tensor: Tensor) -> Tensor:
        copy = tensor.clone()
        if copy.numel():
            copy.view(-1)[-1] = value
        return copy

    return change


TENSORS: tuple[Callable[[Tensor], Tensor], ...] = (
    _retyped(torch.float64),
    _retyped(torch.float16),
    _retyped(torch.bfloat16),
    _retyped(torch.int64),
    _retyped(torch.int32),
    _retyped(torch.uint8),
    _retyped(torch.bool),
    _filled(0),
    _filled(1),
    _filled(-1),
    _filled(2**30),
    _spoilt(-1),
    _spoilt(2**30),
    lambda tensor: _spoilt(float("nan"))(tensor) if tensor.is_floating_point() else tensor - 1,
    lambda tensor: _spoilt(float("inf"))(tensor) if tensor.is_floating_point() else tensor * 2,
    lambda tensor: _spoilt(3e38)(tensor) if tensor.is_floating_point() else tensor + 1,
    lambda tensor: tensor.reshape(-1),
    lambda tensor: tensor[None],
    lambda tensor: tensor[:0] if tensor.ndim else tensor[None][:0],
    lambda tensor: tensor[:-1] if tensor.ndim else tensor[None],
    lambda tensor: torch.cat([tensor, tensor]) if tensor.ndim else torch.stack([tensor, tensor]),
    lambda tensor: tensor.T if tensor.ndim == 2 else tensor.reshape(1, -1),
    lambda tensor: tensor.flip(0) if tensor.ndim else -tensor,
    lambda tensor: tensor.reshape(-1)[0],
)


def mutate_tensors(path: Path, draw: random.Random) -> str:
    """Change a tensor or the content of a file, sign it again, and return a description."""
    tensors, content = load_tensors(path)
    if content and draw.random() < 0.4:
        changed = mutated(content, draw)
        write_signed(path, tensors, dumped(changed).decode())
        return f"content {_difference(content, changed)}"
    name = draw.choice(sorted(tensors))
    change = draw.randrange(8)
    if change == 0:
        del tensors[name]
        what = f"without {name}"
    elif change == 1:
        tensors[name + draw.choice([".x", "x"])] = tensors.pop(name)
        what = f"renamed {name}"
    elif change == 2:
        tensors[draw.choice(["cheese", "optimizer.99.step", "average.x", ""])] = torch.ones(3)
        what = "one more"
    else:
        number = draw.randrange(len(TENSORS))
        try:
            tensors[name] = TENSORS[number](tensors[name])
        except (RuntimeError, IndexError):  # not of this type or shape
            tensors[name] = tensors[name][None]
        what = f"change {number} of {name}"
    write_signed(path, tensors, json.dumps(content))
    return what


def _difference(before: object, after: object) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        return str({k: v for k, v in after.items() if before.get(k, "") != v or k not in before})[
            :100
        ] + str(before.keys() - after.keys())
    return str(after)[:80]


def _is_long(value: object) -> bool:
    """Return whether a configuration has many steps: these would be made, as they should."""
    return any(
        key == "steps" and isinstance(inside[key], int) and inside[key] > 400
        for inside, key in places_in(value)
    )


def mutate(path: Path, draw: random.Random) -> str:
    """Change a file of any kind in a way that its own checks of integrity do not find."""
    if path.suffix == ".safetensors":
        return mutate_tensors(path, draw)
    if path.suffix == ".json":
        value = json.loads(path.read_bytes())
        changed = mutated(value, draw)
        while _is_long(changed):
            changed = mutated(value, draw)
        path.write_bytes(dumped(changed))
        return _difference(value, changed)
    if path.suffix == ".jsonl":
        lines = path.read_bytes().splitlines()
        place = draw.randrange(len(lines))
        change = draw.choice([0, 2, 3, 4] if path.name == "metrics.jsonl" else range(5))
        what = f"line {place + 1}, change {change}: "
        if change == 0:
            del lines[place]
        elif change == 1:
            lines.insert(place, lines[draw.randrange(len(lines))])
        else:
            value = json.loads(lines[place])
            changed = mutated(value, draw)
            lines[place] = dumped(changed)
            what += _difference(value, changed)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return what
    data = bytearray(path.read_bytes())
    place = draw.randrange(len(data))
    data[place] = draw.choice([0, 1, 0x7F, 0x80, 0xFF])
    path.write_bytes(data)
    return f"byte {place}"
