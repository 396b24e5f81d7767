"""``nextchar data``: the built-in corpus and the named ones."""

from __future__ import annotations

import dataclasses
import sys

import typer

from nextchar.cli.output import JSON_HELP, part_display, print_json, print_rows

app = typer.Typer(help="Corpora by name.", no_args_is_help=True)


@app.command("list")
def _list(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the corpora that nextchar knows."""
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
def _fetch(name: str = typer.Argument(help="A name that `data list` shows.")) -> None:
    """Download a corpus, or make the built-in one, and print where it is."""
    from nextchar.text import datasets

    with part_display(f"{name} fetched", quiet=False) as progress:
        where = datasets.fetch(name, progress=lambda done, size: progress(done / max(size, 1)))
    sys.stdout.write(f"{where}\n")


@app.command("path")
def _path(name: str = typer.Argument(help="A name that `data list` shows.")) -> None:
    """Print where a corpus is; no network is used."""
    from nextchar.text import datasets

    sys.stdout.write(f"{datasets.path(name)}\n")
