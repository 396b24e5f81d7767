"""``nextchar inspect errors``: the kinds of errors that are left."""

from __future__ import annotations

from pathlib import Path

import typer

from nextchar.cli.inspected import PICTURE, RUN, TEXT, open_inspected, same_text, write_picture
from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("errors")(_errors)


def _errors(
    run: Path = RUN,
    text: str | None = TEXT,
    against: list[Path] | None = typer.Option(
        None, help="Another run to classify on the same text; may be given several times."
    ),
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Classify the errors that are left: n-gram, memory, rare words, words, punctuation, rest."""
    from nextchar.cli.options import picture_format
    from nextchar.inspection.error_comparison import ErrorComparison

    drawn_as = picture_format(picture)
    model, sample = open_inspected(run, text, checkpoint=checkpoint)
    reports = [model.inspect.errors(sample)]
    for other in against or []:
        loaded = load_model(other, device="cpu", checkpoint=checkpoint)
        reports.append(loaded.inspect.errors(same_text(sample, model, loaded, other)))
    result = ErrorComparison(reports)
    if picture is not None:
        write_picture(result.plot(), picture, drawn_as)
    if as_json:
        print_json(result.to_dict())
        return
    for line in result.lines():
        write_view(f"{line}\n")
