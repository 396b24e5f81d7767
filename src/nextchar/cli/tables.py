"""Tables on stdout: fitted to a terminal, and plain lines of any width elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from nextchar.cli.streams import write_view
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from rich.table import Table

_UNLIMITED = 1 << 20  # columns of a file or pipe


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(printable_text(name)), Text(printable_text(value)))
    _print(table)


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Collection[int] = (0,)
) -> None:
    """Print a table with headings; the columns ``left`` are left-aligned, the others right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(
            Text(printable_text(heading)),
            justify="left" if number in left else "right",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(printable_text(cell)) for cell in row))
    _print(table)


def _print(table: Table) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNLIMITED
    console = Console(file=sys.stdout, width=width, highlight=False)
    # Rendered first: the console would end the program when a pipe is closed.
    with console.capture() as rendered:
        console.print(table)
    for line in rendered.get().removesuffix("\n").split("\n"):
        write_view(f"{line.rstrip()}\n")
