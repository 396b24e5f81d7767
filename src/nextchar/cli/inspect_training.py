"""``nextchar inspect training``: the course of a training, and a diagnosis."""

from __future__ import annotations

from pathlib import Path

import typer

from nextchar.cli.inspected import PICTURE, RUN, write_picture
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("training")(_training)


def _training(
    run: Path = RUN,
    picture: Path | None = PICTURE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Show loss, rate, gradient norm and idle units over a training, and name what is wrong."""
    from nextchar.cli.options import picture_format
    from nextchar.inspection.training import inspect_training

    drawn_as = picture_format(picture)
    course = inspect_training(run)
    if picture is not None:
        write_picture(course.plot(), picture, drawn_as)
    if as_json:
        print_json(course.to_dict())
        return
    for line in course.lines():
        write_view(f"{line}\n")
