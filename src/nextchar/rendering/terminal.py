"""The capabilities of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO


def takes_colors(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether to use colours: on a terminal, unless it is dumb or ``NO_COLOR`` is set."""
    refused = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
    return not refused and stream.isatty()
