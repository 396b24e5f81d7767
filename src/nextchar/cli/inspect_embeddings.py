"""``nextchar inspect embeddings``: the geometry of the input symbols."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer

from nextchar.cli.inspected import PICTURE, RUN, write_picture
from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("embeddings")(_embeddings)


def _embeddings(
    run: Path = RUN,
    of: Literal["input", "output"] = typer.Option(
        "input",
        help="The vectors of the symbols read (input), or those of the symbols predicted, the "
        "output weights (output).",
    ),
    symbol: list[str] | None = typer.Option(
        None,
        help="A symbol whose neighbours are listed; may be given several times.",
        show_default="the ten most frequent ones",
    ),
    count: int = typer.Option(150, help="Number of the most frequent symbols to measure and draw."),
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show which symbols a network treats alike: a map, neighbours and clusters."""
    from nextchar.cli.options import picture_format

    drawn_as = picture_format(picture)
    model = load_model(run, device="cpu", checkpoint=checkpoint)
    space = model.inspect.embeddings(of=of, symbols=symbol or (), count=count)
    if picture is not None:
        write_picture(space.plot(), picture, drawn_as)
    if as_json:
        print_json(space.to_dict())
        return
    for line in space.lines():
        write_view(f"{line}\n")
