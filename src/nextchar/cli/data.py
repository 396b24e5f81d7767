"""``nextchar data``: the built-in corpus, and corpora to download."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.output import JSON_HELP, part_display, print_json
from nextchar.cli.tables import print_rows

app = Commands("data", "List, download and locate corpora.")


@app.command("list")
def _list(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the available corpora."""
    from nextchar.text.catalogue import DATASETS
    from nextchar.text.datasets import describe

    if as_json:
        print_json(
            {
                "datasets": [
                    {
                        "name": dataset.name,
                        "description": dataset.description,
                        "terms": dataset.terms,
                        **dataclasses.asdict(dataset),
                    }
                    for dataset in DATASETS
                ]
            }
        )
    else:
        print_rows([(dataset.name, describe(dataset)) for dataset in DATASETS])


@app.command("fetch")
def _fetch(
    name: str = typer.Argument(help="A name that `data list` shows."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Download a corpus, or write the built-in one, and print its path."""
    from nextchar.text import datasets

    with part_display(f"{name} fetched") as progress:
        where = datasets.fetch(name, progress=lambda done, size: progress(done / max(size, 1)))
    _print_place(name, where, as_json=as_json)


@app.command("path")
def _path(
    name: str = typer.Argument(help="A name that `data list` shows."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Print the path of a corpus, without using the network."""
    from nextchar.text import datasets

    _print_place(name, datasets.path(name), as_json=as_json)


def _print_place(name: str, where: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "path": str(where)})
    else:
        sys.stdout.write(f"{where}\n")


add_to = app.add_to
