"""``nextchar inspect probe``: whether the state after a text knows its label."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer

from nextchar.cli.inspected import PICTURE, RUN, SEED, write_picture
from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import (
    COLUMN_HELP,
    JSON_HELP,
    followed_display,
    print_json,
    write_note,
)
from nextchar.cli.streams import write_view
from nextchar.visible import printable_text

_DATA: Any = typer.Argument(
    help="Labelled texts: files, folders, globs, or -, as for classify train."
)


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("probe")(_probe)


def _probe(
    run: Path = RUN,
    data: list[str] = _DATA,
    text: str = typer.Option("text", "--text", help=f"The column of texts: {COLUMN_HELP}."),
    label: str = typer.Option("label", "--label", help=f"The column of labels: {COLUMN_HELP}."),
    layout: Literal["auto", "columns", "files", "lines"] = typer.Option(
        "auto", help="Layout of the data: columns, files (one per class) or lines."
    ),
    state: Literal["mean", "final"] = typer.Option(
        "mean", help="The state of a text: the mean over its symbols, or the final one."
    ),
    seed: int = SEED,
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Test whether the state after a text knows its label, by a sparse logistic regression."""
    from nextchar.cli.options import picture_format
    from nextchar.text.labelled import read_labelled

    drawn_as = picture_format(picture)
    model = load_model(run, device="cpu", checkpoint=checkpoint)
    items = read_labelled(
        data, model.config.text, layout=layout, text=text, label=label, note=write_note
    )
    with followed_display("probing"):
        probe = model.inspect.probe(
            [item.text for item in items], [item.label for item in items], state=state, seed=seed
        )
    left_out = len(items) - probe.texts
    if left_out:
        write_note(
            f"{probe.texts:,} of {len(items):,} texts read: {left_out:,} were empty or not drawn"
        )
    if picture is not None:
        write_picture(probe.plot(), picture, drawn_as)
    if as_json:
        print_json({"seed": seed, **probe.to_dict()})
        return
    for line in probe.lines():
        write_view(f"{printable_text(line)}\n")
