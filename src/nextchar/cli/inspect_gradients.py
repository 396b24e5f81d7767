"""``nextchar inspect gradients``: how far back the loss reaches."""

from __future__ import annotations

from pathlib import Path

import typer

from nextchar.cli.inspected import (
    PICTURE,
    RUN,
    SEED,
    TEXT,
    open_inspected,
    same_text,
    write_picture,
)
from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("gradients")(_gradients)


def _gradients(
    run: Path = RUN,
    text: str | None = TEXT,
    untrained: bool = typer.Option(
        False, "--untrained", help="Measure also the weights before training, of the run's seed."
    ),
    against: list[Path] | None = typer.Option(
        None, help="Another run to measure on the same text; may be given several times."
    ),
    lags: int | None = typer.Option(
        None, help="The largest lag in symbols.", show_default="100, or less for a short text"
    ),
    seed: int = SEED,
    picture: Path | None = PICTURE,
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Measure how far back the loss reaches: the norm of its gradient by lag."""
    from nextchar.cli.options import picture_format
    from nextchar.inspection.gradient_comparison import GradientComparison

    drawn_as = picture_format(picture)
    model, sample = open_inspected(run, text, checkpoint=checkpoint)
    models = [(model, sample)]
    for other in against or []:
        loaded = load_model(other, device="cpu", checkpoint=checkpoint)
        models.append((loaded, same_text(sample, model, loaded, other)))
    flows = [
        each.inspect.gradients(read, lags=lags, seed=seed, untrained=fresh)
        for each, read in models
        for fresh in ((True, False) if untrained else (False,))
    ]
    result = flows[0] if len(flows) == 1 else GradientComparison(flows)
    if picture is not None:
        write_picture(result.plot(), picture, drawn_as)
    if as_json:
        print_json({"seed": seed, "runs": [flow.to_dict() for flow in flows]})
        return
    for line in result.lines():
        write_view(f"{line}\n")
