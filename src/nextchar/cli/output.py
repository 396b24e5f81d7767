"""Results on stdout, one JSON object where it is asked for; progress on stderr."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

JSON_HELP = "Print the result as one JSON object, and nothing else on standard output."
COLUMN_HELP = "its name, or its number from 1 where a table has no header"
QUIET_HELP = "Results only: no progress and no notes; errors are still told."
RESUME_HELP = (
    "A run to go on with; once it is finished, --steps or --minutes say how much further to train."
)
UNKNOWN_HELP = "What to do with symbols that the vocabulary does not have: error, skip, replace."


def print_json(values: Mapping[str, Any]) -> None:
    """Print one object; a number that JSON cannot hold is null."""
    sys.stdout.write(json.dumps(_finite(values), ensure_ascii=False, indent=2) + "\n")


def _finite(value: Any) -> Any:  # noqa: ANN401  (whatever JSON can hold)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def print_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        sys.stdout.write(f"{name:<{width}}  {value}\n")


def duration(seconds: float) -> str:
    """Give a time as people say it: ``42 s``, ``3:05``, ``1:02:03``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{tail}" if hours else tail


def write_progress(text: str) -> None:
    """Write to stderr; if nobody reads it any more, that is no reason to stop the work."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def stderr_line() -> Callable[[str], None]:
    """Give what shows a passing line on stderr: overwritten in place on a terminal, else silent."""
    if not sys.stderr.isatty():
        return lambda _text: None

    def show(text: str) -> None:
        # A line that wraps could not be overwritten.
        width = shutil.get_terminal_size().columns - 1
        write_progress(f"\r\x1b[K{text[:width]}")

    return show


def part_display(label: str) -> Callable[[float], None]:
    """Give what shows the part of a work that is done, 0 to 1, and the time left, on stderr."""
    show = stderr_line()
    began = time.monotonic()

    def display(part: float) -> None:
        left = (time.monotonic() - began) * (1 - part) / max(part, 1e-9)
        show("" if part >= 1 else f"{label} · {part:.0%} · ETA {duration(left)}")

    return display
