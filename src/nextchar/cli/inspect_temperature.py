"""``nextchar inspect temperature``: the same prompt at several temperatures."""

from __future__ import annotations

from pathlib import Path

import typer

from nextchar.cli.inspected import PICTURE, RUN, write_picture
from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.prompts import ESCAPES_HELP, unescaped
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("temperature")(_temperature)


def _temperature(
    run: Path = RUN,
    prompt: str = typer.Option("", help=f"The beginning of the text: {ESCAPES_HELP}."),
    temperatures: list[float] | None = typer.Option(
        None,
        "--temperature",
        help="A temperature from 0 on; may be given several times.",
        show_default="0.2, 0.5, 0.8, 1, 1.2, 1.5",
    ),
    length: int = typer.Option(150, help="Symbols to write at each temperature."),
    seed: int = typer.Option(0, min=0, help="Seed of all texts."),
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Continue the same prompt at several temperatures, beside the distribution of what follows."""
    from nextchar.cli.options import picture_format
    from nextchar.inspection.temperature import TEMPERATURES

    drawn_as = picture_format(picture)
    model = load_model(run, device="cpu", checkpoint=checkpoint)
    report = model.inspect.temperature(
        unescaped(prompt), temperatures=temperatures or TEMPERATURES, length=length, seed=seed
    )
    if picture is not None:
        write_picture(report.plot(), picture, drawn_as)
    if as_json:
        print_json({"seed": seed, **report.to_dict()})
        return
    for line in report.lines():
        write_view(f"{line}\n")
