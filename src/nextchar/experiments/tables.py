"""Markdown tables with aligned columns, readable as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nextchar.visible import printable_text

_INTERPRETED = re.compile(r"([\\`*\[\]<>|#~])")


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is left-aligned, the others are right-aligned.

    Parameters
    ----------
    head
        The names of the columns.
    rows
        The cells of each row, one per column.
    """
    cells = [[_escaped(cell) for cell in row] for row in (head, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        placed = [
            f"{cell:<{width}}" if number == 0 else f"{cell:>{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(placed)} |")
    rule = [
        "-" * (width + 2) if number == 0 else "-" * (width + 1) + ":"
        for number, width in enumerate(widths)
    ]
    lines.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    """Return a cell as one printable line, in which Markdown interprets nothing."""
    return _INTERPRETED.sub(r"\\\1", printable_text(cell))
