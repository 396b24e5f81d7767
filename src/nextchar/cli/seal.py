"""``nextchar seal``: accept changes of the files of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from nextchar.cli.output import JSON_HELP, print_json


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("seal")(_seal)


def _seal(
    run: Path = typer.Argument(help="A run directory, or a folder of embeddings."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Accept changes of the configuration or the vocabulary of a run.

    The weights of a run contain digests of its JSON files, so that damage is noticed. After a
    change on purpose, this command writes the digests of the present files into the weights.
    """
    from nextchar.run_files.seals import reseal

    changed = reseal(run)
    if as_json:
        print_json({"run": str(run), "changed": changed})
    elif changed:
        sys.stdout.write(f"accepted: {', '.join(changed)}\n")
    else:
        sys.stdout.write("nothing was changed\n")
