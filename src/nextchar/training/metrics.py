"""``metrics.jsonl``: a row per validation, with a digest. A crash truncates only the last one."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextchar.errors import RunError
from nextchar.storage import appending, parse_json, read_regular
from nextchar.training.checkpoint import LAST_FILE, METRICS_FILE, load_content
from nextchar.training.events import Validated

NORM_OF = "gradient_norm_of."  # and the name of a parameter: a key of a row
MAX_BYTES = 256 << 20
_DIGEST_DIGITS = 8
_DIGEST = re.compile(rb', "check": "([0-9a-f]{8})"\}$')


def row_of(event: Validated, *, epochs: float) -> dict[str, float]:
    """Return the row of a validation; ``epochs`` counts the epochs over the training part."""
    losses = {"train": event.train_nats, "validation": event.validation_nats}
    row = {"step": event.step, "epochs": epochs}
    for part, nats in losses.items():
        if nats is not None:
            row[f"{part}_nats_per_{event.unit}"] = nats
            row[f"{part}_bits_per_{event.unit}"] = nats / math.log(2)
    figures = {f"validation_{name}": value for name, value in event.figures.items()}
    return {**row, **figures} | {
        "learning_rate": event.learning_rate,
        "gradient_norm": event.gradient_norm,
        **{f"{NORM_OF}{name}": norm for name, norm in event.gradient_norms.items()},
        "seconds": round(event.seconds, 3),
        "chars_per_second": round(event.chars_per_second, 1),
    }


def append_row(path: Path, row: Mapping[str, float]) -> int:
    """Append a row, flush it to disk, and return the size of the file in bytes."""
    with appending(path) as file:
        file.write(f"{_sealed(json.dumps(row))}\n".encode())
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def cut_rows(path: Path, size: int) -> None:
    """Truncate the file to ``size`` bytes.

    Raises
    ------
    RunError
        The file is shorter than that.
    """
    present = path.stat().st_size if path.exists() else 0
    if present < size:
        raise _lost(path, present, size)
    with appending(path) as file:
        file.truncate(size)


def read_history(folder: Path, *, unit: str = "char") -> list[dict[str, Any]]:
    """Return the rows of a run, after verifying that all rows of its last save are there.

    Parameters
    ----------
    folder, unit
        The run directory, and the unit of the losses.

    Raises
    ------
    RunError
        A row is damaged, or rows are missing.
    """
    path, saved = folder / METRICS_FILE, 0
    if (folder / LAST_FILE).exists():
        # Read first: a training process appends a row before it saves.
        saved = load_content(folder / LAST_FILE).get("metrics_size", 0)
        if type(saved) is not int:
            raise RunError(f"{folder / LAST_FILE} is damaged: metrics_size is {saved!r:.80}")
    return _saved_rows(path, unit, saved=saved)


def read_rows(path: Path, *, unit: str = "char") -> list[dict[str, Any]]:
    """Return the rows; an empty list if there is no file.

    Parameters
    ----------
    path
        The file.
    unit
        The unit of the losses.

    Raises
    ------
    RunError
        A row is not a JSON object of numbers, or lacks a required key, or a step is repeated.
    """
    return _saved_rows(path, unit, saved=0)


def _saved_rows(path: Path, unit: str, *, saved: int) -> list[dict[str, Any]]:
    """Return the rows, after verifying that those in the first ``saved`` bytes are complete."""
    try:
        data = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    complete = data.rfind(b"\n") + 1  # A row that a crash truncated has no line break.
    if complete < saved:
        raise _lost(path, complete, saved)
    if saved and data[saved - 1 : saved] != b"\n":
        raise RunError(f"{path} is damaged: no row ends at byte {saved}, where the last save was")
    try:
        return _parsed(data[:complete], unit)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def _lost(path: Path, present: int, saved: int) -> RunError:
    return RunError(
        f"{path} is damaged: it has {present} bytes of complete rows, but had {saved} when the run "
        "was saved"
    )


def _parsed(data: bytes, unit: str) -> list[dict[str, Any]]:
    """Return complete rows; raise ``ValueError`` if one is damaged or out of order."""
    lines = data.split(b"\n")[:-1]
    rows = [_checked_row(parse_json(_verified(line)), unit) for line in lines]
    for before, row in itertools.pairwise(rows):
        if row["step"] <= before["step"]:
            raise ValueError(f"step {row['step']} follows step {before['step']}")
    return rows


def _sealed(row: str) -> str:
    """Return the JSON of a row with a digest of it."""
    return f'{row[:-1]}, "check": "{_digest(row.encode())}"}}'


def _verified(line: bytes) -> bytes:
    """Return a row without its digest; raise ``ValueError`` if it differs. Older rows have none."""
    found = _DIGEST.search(line)
    if found is None:
        return line
    row = line[: found.start()] + b"}"
    if found[1].decode() != _digest(row):
        raise ValueError(f"a row does not match its digest: {line.decode('utf-8', 'replace'):.80}")
    return row


def _digest(row: bytes) -> str:
    return hashlib.sha256(row).hexdigest()[:_DIGEST_DIGITS]


def _checked_row(row: object, unit: str) -> dict[str, Any]:
    if isinstance(row, dict) and "passes" in row:  # the name in older runs
        row = {"epochs" if name == "passes" else name: value for name, value in row.items()}
    needed = (
        "step",
        "epochs",
        f"train_nats_per_{unit}",
        f"train_bits_per_{unit}",
        "learning_rate",
        "seconds",
        "chars_per_second",
    )
    if (
        not isinstance(row, dict)
        or not all(isinstance(row.get(key), int | float) for key in needed)
        or not all(math.isfinite(row[key]) for key in needed)
        or type(row["step"]) is not int
    ):
        raise ValueError(f"a row must have the numbers {', '.join(needed)}; got {row!r:.80}")
    if not all(isinstance(value, int | float) for value in row.values()):
        raise ValueError(f"a row must have numbers only; got {row!r:.80}")
    return row
