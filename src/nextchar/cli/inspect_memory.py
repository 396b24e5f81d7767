"""``nextchar inspect memory``: the earlier symbols that predictions depend on."""

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
    app.command("memory")(_memory)


def _memory(
    run: Path = RUN,
    text: str | None = TEXT,
    at: list[int] | None = typer.Option(
        None,
        help="The index of a symbol to explain, from 1; may be given several times.",
        show_default="three drawn ones",
    ),
    lags: int | None = typer.Option(
        None, help="The largest lag in symbols.", show_default="50, or less for a short text"
    ),
    seed: int = SEED,
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show which earlier characters predictions depend on, and how words help."""
    from nextchar.cli.options import picture_format
    from nextchar.rendering.terminal import takes_colors

    drawn_as = picture_format(picture)
    model, sample = open_inspected(run, text, checkpoint=checkpoint)
    report = model.inspect.memory(sample, at=at or None, lags=lags, seed=seed)
    if picture is not None:
        write_picture(report.plot(), picture, drawn_as)
    if as_json:
        print_json({"seed": seed, **report.to_dict()})
        return
    width = shutil.get_terminal_size().columns
    for line in report.lines(width=width, colors=takes_colors(sys.stdout, os.environ)):
        write_view(f"{line}\n")
