"""Markdown tables with aligned columns, readable as plain text."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is left-aligned, the others are right-aligned.

    Parameters
    ----------
    head
        The names of the columns.
    rows
        The cells of each row, one per column.
    """
    cells = [list(head), *map(list, rows)]
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
