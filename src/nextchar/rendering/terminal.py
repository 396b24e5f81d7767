"""What a stream can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO


def takes_colors(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether colours are welcome: not with ``NO_COLOR``, on no terminal, nor a dumb one."""
    refused = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
    return not refused and stream.isatty()
