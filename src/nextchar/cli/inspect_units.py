"""``nextchar inspect units``: units that follow a label of the text."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import typer

from nextchar.cli.inspected import PICTURE, RUN, SEED, TEXT, open_inspected, write_picture
from nextchar.cli.loading import CHECKPOINT
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("units")(_units)


def _units(
    run: Path = RUN,
    text: str | None = TEXT,
    label: str | None = typer.Option(
        None,
        "--for",
        help="The label to follow: quotes, brackets, indentation, line-position, capitals, "
        "word-position, jamo-position, or a regular expression, applied line by line.",
        show_default="all but expressions",
    ),
    unit: str | None = typer.Option(
        None,
        help="The unit that colours the text: layer.unit, or layer.c.unit for the memory of an "
        "LSTM.",
        show_default="the best one",
    ),
    count: int = typer.Option(10, min=1, help="Number of units to list for one label."),
    excerpt: int = typer.Option(600, min=1, help="Characters of the text to colour."),
    seed: int = SEED,
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Find units that follow a label: quotes, brackets, the position in a line, an expression."""
    from nextchar.cli.options import picture_format
    from nextchar.rendering.terminal import takes_colors

    drawn_as = picture_format(picture)
    model, sample = open_inspected(run, text, checkpoint=checkpoint)
    report = model.inspect.units(
        sample, label=label, unit=unit, count=count, excerpt=excerpt, seed=seed
    )
    if picture is not None:
        write_picture(report.plot(), picture, drawn_as)
    if as_json:
        print_json({"seed": seed, **report.to_dict()})
        return
    columns = shutil.get_terminal_size().columns
    colors = takes_colors(sys.stdout, os.environ)
    for line in (*report.lines(), "", *report.colored(width=columns, colors=colors)):
        write_view(f"{line}\n")
