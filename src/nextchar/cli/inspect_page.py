"""``nextchar inspect page``: every inspection of a run on one page."""

from __future__ import annotations

from pathlib import Path

import typer

from nextchar.cli.inspected import RUN, TEXT, open_inspected
from nextchar.cli.loading import CHECKPOINT
from nextchar.cli.output import JSON_HELP, part_display, print_json
from nextchar.cli.tables import print_rows

_SUFFIXES = (".html", ".htm")


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("page")(_page)


def _page(
    run: Path = RUN,
    text: str | None = TEXT,
    html: Path = typer.Option(
        ..., help="The .html file to write; an existing file is replaced (needs the extra plots)."
    ),
    checkpoint: str = CHECKPOINT,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Write a page with every inspection of a run, which opens without a network."""
    from nextchar.cli.options import require_folder
    from nextchar.errors import ConfigError
    from nextchar.rendering.figures import require_drawing
    from nextchar.storage import write_bytes

    if html.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"--html is a file that ends in .html; got {html}")
    require_folder(html, "--html")
    require_drawing()
    model, sample = open_inspected(run, text, checkpoint=checkpoint)
    with part_display("inspecting", quiet=False) as progress:
        page = model.inspect.page(sample, progress=progress).encode()
    write_bytes(html, page)
    if as_json:
        print_json({"page": str(html), "bytes": len(page), **sample.to_dict()})
    else:
        print_rows([("page", f"{html}, {len(page):,} bytes"), ("text", sample.description)])
