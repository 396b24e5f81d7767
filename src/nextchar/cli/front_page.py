"""The help of ``nextchar`` itself: the commands in panels.

Typer's own page costs twice the time of typer itself, because it imports a Markdown reader.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nextchar.cli.streams import help_page


def print_front_page(group: Any, ctx: Any) -> None:  # noqa: ANN401  (typer's own types)
    """Print usage, help, options, and a panel for each kind of command."""
    with help_page():
        _print(group, ctx)


def _print(group: Any, ctx: Any) -> None:  # noqa: ANN401
    console = Console(highlight=False)
    console.print(Padding(Text(group.get_usage(ctx).strip(), style="bold"), (1, 1)))
    console.print(Padding(Text(group.help), (0, 1, 1, 1)))
    panels: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, command in group.commands.items():
        panels[command.rich_help_panel].append((name, command.help))
    records = (each.get_help_record(ctx) for each in group.get_params(ctx))
    options = [record for record in records if record is not None]
    width = max(map(len, group.commands))
    for title, rows in panels.items():
        console.print(_panel(title, rows, width))
    console.print(_panel("Options", options, 0))


def _panel(title: str, rows: Iterable[tuple[str, str]], width: int) -> Panel:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold cyan", no_wrap=True, min_width=width)
    table.add_column()
    for name, text in rows:
        table.add_row(name, Text(text))
    return Panel(table, title=title, title_align="left", border_style="dim")
