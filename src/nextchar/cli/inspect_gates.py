"""``nextchar inspect gates``: how often gates are open or closed."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from nextchar.cli.inspected import PICTURE, RUN, TEXT, open_inspected, write_picture
from nextchar.cli.loading import CHECKPOINT
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("gates")(_gates)


def _gates(
    run: Path = RUN,
    text: str | None = TEXT,
    unit: str | None = typer.Option(
        None, help="A unit to draw: its gates under the beginning of the text, as layer.unit."
    ),
    layer: int | None = typer.Option(
        None, help="The layer in the picture.", show_default="that of --unit, or the last one"
    ),
    gate: str | None = typer.Option(
        None, help="The gate to draw: i, f or o of an LSTM, r or z of a GRU.", show_default="all"
    ),
    excerpt: int = typer.Option(60, help="Symbols of the text to draw."),
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Measure how often gates are open or closed, and name dead, saturated and idle units."""
    from nextchar.cli.options import picture_format

    drawn_as = picture_format(picture)
    model, sample = open_inspected(run, text, checkpoint=checkpoint)
    report = model.inspect.gates(sample, unit=unit, layer=layer, gate=gate, excerpt=excerpt)
    if picture is not None:
        write_picture(report.plot(), picture, drawn_as)
    if as_json:
        print_json(report.to_dict())
        return
    for line in report.lines(width=shutil.get_terminal_size().columns):
        write_view(f"{line}\n")
