"""``nextchar embeddings``: vectors of symbols, learned from their neighbours."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.options import (
    add_command,
    config_parameters,
    given,
    parameter,
    require_folder,
)
from nextchar.cli.output import JSON_HELP, QUIET_HELP, duration, print_json, print_rows
from nextchar.config.embeddings import EmbeddingRunConfig

if TYPE_CHECKING:
    from nextchar.embeddings import Neighbor, SymbolVectors

app = Commands("embeddings", "Learn and query vectors of symbols.")

_HELP = """Learn a vector for each symbol of a text: skip-gram or CBOW with negative sampling.

Text is a file, several, a folder, a glob, or - for standard input; the neighbours of a symbol
stand in its line. The folder that --out names holds the vectors.
"""
_FOLDER = typer.Argument(help="A folder that `embeddings train` made.")
_COUNT = typer.Option(10, help="How many neighbours.")
_JSON = typer.Option(False, "--json", help=JSON_HELP)


def _train(
    *,
    context: typer.Context,
    text: list[str],
    out: Path,
    as_json: bool,
    quiet: bool,
    **values: Any,  # noqa: ANN401
) -> None:
    from nextchar.cli.progress import ProgressDisplay
    from nextchar.embeddings import train_embeddings
    from nextchar.embeddings.vectors import require_free

    require_free(out)  # Now, and not after minutes of training.
    began = time.monotonic()
    with contextlib.ExitStack() as closing:
        listeners = []
        if not quiet:
            display = ProgressDisplay()
            closing.callback(display.close)
            listeners.append(display)
        vectors = train_embeddings(text, listeners=listeners, **given(context, values))
    vectors.save(out)
    figures = _figures(vectors, out, time.monotonic() - began)
    if as_json:
        print_json(figures)
    else:
        _print_training(figures)


def _figures(vectors: SymbolVectors, out: Path, seconds: float) -> dict[str, Any]:
    return {
        "vectors": str(out),
        "text": ", ".join(vectors.sources),
        "symbols_with_vector": len(vectors.by_frequency),
        "symbols_read": int(vectors.counts.sum()),
        "seconds": round(seconds, 3),
        "config": dataclasses.asdict(vectors.config),
    }


def _print_training(figures: dict[str, Any]) -> None:
    config = figures["config"]
    kind, size, method = (config[name] for name in ("vocabulary", "size", "method"))
    print_rows(
        [
            ("vectors", figures["vectors"]),
            ("symbols", f"{figures['symbols_with_vector']:,} ({kind}), {size} numbers each"),
            ("text", f"{figures['text']}: {figures['symbols_read']:,} symbols"),
            ("learned", f"{method}, {config['epochs']} epochs in {duration(figures['seconds'])}"),
        ]
    )
    sys.stdout.write(f"\nnextchar embeddings nearest {figures['vectors']} SYMBOL\n")


@app.command("nearest")
def _nearest(
    folder: Path = _FOLDER,
    symbols: list[str] = typer.Argument(help="Symbols, or their printable names such as \\n."),
    count: int = _COUNT,
    as_json: bool = _JSON,
) -> None:
    """List the symbols whose vectors point most nearly the same way, by the cosine."""
    from nextchar.embeddings import SymbolVectors

    vectors = SymbolVectors.load(folder)
    found = {symbol: vectors.nearest(symbol, count) for symbol in symbols}
    if as_json:
        each = {symbol: _listed(neighbors) for symbol, neighbors in found.items()}
        print_json({"vectors": str(folder), "nearest": each})
    else:
        for number, (symbol, neighbors) in enumerate(found.items()):
            sys.stdout.write(f"{symbol}\n" if number == 0 else f"\n{symbol}\n")
            _print_neighbors(neighbors)


@app.command("analogy")
def _analogy(
    folder: Path = _FOLDER,
    first: str = typer.Argument(help="As man"),
    second: str = typer.Argument(help="is to king,"),
    third: str = typer.Argument(help="woman is to what?"),
    count: int = _COUNT,
    as_json: bool = _JSON,
) -> None:
    """Find what is to the third symbol as the second is to the first."""
    from nextchar.embeddings import SymbolVectors

    neighbors = SymbolVectors.load(folder).analogy(first, second, third, count)
    if as_json:
        asked = {"first": first, "second": second, "third": third}
        print_json({"vectors": str(folder), **asked, "nearest": _listed(neighbors)})
    else:
        sys.stdout.write(f"{first} is to {second} as {third} is to\n")
        _print_neighbors(neighbors)


@app.command("export")
def _export(
    folder: Path = _FOLDER,
    file: Path = typer.Argument(help="The file to write; .gz is compressed."),
    as_json: bool = _JSON,
) -> None:
    r"""Write the vectors in the text format of word2vec, which gensim and fastText read.

    A symbol with white space is escaped: a space is \x20, a line break \n, a backslash two.
    """
    from nextchar.embeddings import SymbolVectors

    require_folder(file, "FILE")
    count = SymbolVectors.load(folder).export(file)
    if as_json:
        print_json({"vectors": str(folder), "file": str(file), "symbols": count})
    else:
        print_rows([("written", f"{file}: {count:,} symbols")])


@app.command("plot")
def _plot(
    folder: Path = _FOLDER,
    picture: Path = typer.Option(help="The picture to draw: .png, .svg or .pdf."),
    count: int = typer.Option(100, help="How many of the most frequent symbols."),
    as_json: bool = _JSON,
) -> None:
    """Draw the most frequent symbols in the first two principal components of their vectors."""
    from nextchar.cli.options import picture_format
    from nextchar.embeddings import SymbolVectors
    from nextchar.embeddings.plots import embedding_map
    from nextchar.storage import write_bytes

    kind = picture_format(picture)
    write_bytes(picture, embedding_map(SymbolVectors.load(folder), kind, count))
    if as_json:
        print_json({"vectors": str(folder), "picture": str(picture)})
    else:
        print_rows([("picture", str(picture))])


def _listed(neighbors: list[Neighbor]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(neighbor) for neighbor in neighbors]


def _print_neighbors(neighbors: list[Neighbor]) -> None:
    for each in neighbors:
        name = each.symbol.replace(" ", "␣")
        sys.stdout.write(f"  {each.cosine:6.3f}  {name}  ×{each.count:,}\n")


add_command(
    app,
    "train",
    _train,
    _HELP,
    [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("text", list[str], typer.Argument(help="Files, folders, globs, or -.")),
        parameter("out", Path, typer.Option(help="The folder to make.")),
        parameter("as_json", bool, _JSON),
        parameter("quiet", bool, typer.Option(False, "--quiet", "-q", help=QUIET_HELP)),
        *config_parameters(EmbeddingRunConfig),
    ],
)


add_to = app.add_to
