"""``nextchar embeddings``: vectors of symbols, learned from their neighbours."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.options import require_folder
from nextchar.cli.output import JSON_HELP, print_json
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows
from nextchar.cli.train_command import TrainCommand
from nextchar.config.embeddings import EmbeddingRunConfig
from nextchar.rendering.training_words import duration
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.embeddings import Neighbor, SymbolVectors

app = Commands("embeddings", "Learn and query vectors of symbols.")

_HELP = """Learn a vector for each symbol of a text: skip-gram or CBOW with negative sampling.

Text is a file, several files, a folder, a glob, or - for standard input. The neighbours of a symbol
are taken from its own line.
"""
_FOLDER = typer.Argument(help="A folder written by `embeddings train`.")
_COUNT = typer.Option(10, help="Number of neighbours.")
_JSON = typer.Option(False, "--json", help=JSON_HELP)


@dataclass(frozen=True, kw_only=True)
class EmbeddingResult:
    """Trained vectors in their folder."""

    vectors: SymbolVectors
    out: Path
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "vectors": str(self.out),
            "text": ", ".join(self.vectors.sources),
            "symbols_with_vector": len(self.vectors.by_frequency),
            "symbols_read": int(self.vectors.counts.sum()),
            "seconds": round(self.seconds, 3),
            "config": dataclasses.asdict(self.vectors.config),
        }


def _rows(result: EmbeddingResult) -> list[tuple[str, str]]:
    figures, config = result.to_dict(), result.vectors.config
    spent = duration(result.seconds)
    return [
        ("vectors", figures["vectors"]),
        (
            "symbols",
            f"{figures['symbols_with_vector']:,} ({config.vocabulary}), {config.size} numbers each",
        ),
        ("text", f"{figures['text']}: {figures['symbols_read']:,} symbols"),
        ("training", f"{config.method}, {config.epochs} epochs in {spent}"),
    ]


TrainCommand(
    task="embeddings",
    help=_HELP,
    config=EmbeddingRunConfig,
    data="Text files, folders, globs, or -.",
    out="The folder to create.",
    rows=_rows,
    next_command="embeddings nearest OUT SYMBOL",
    is_resumable=False,
).add_to(app)


@app.command("nearest")
def _nearest(
    folder: Path = _FOLDER,
    symbols: list[str] = typer.Argument(help="Symbols, or their printable names such as \\n."),
    count: int = _COUNT,
    as_json: bool = _JSON,
) -> None:
    """List the nearest symbols by cosine similarity."""
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
    first: str = typer.Argument(help="First symbol: man"),
    second: str = typer.Argument(help="Second symbol: is to king"),
    third: str = typer.Argument(help="Third symbol: as woman is to"),
    count: int = _COUNT,
    as_json: bool = _JSON,
) -> None:
    """List symbols that relate to the third symbol as the second relates to the first."""
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
    r"""Write the vectors in the text format of word2vec, which gensim and fastText can read.

    White space in symbols is escaped: a space is \x20, a line break \n, a backslash two.
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
    picture: Path = typer.Option(help="The picture to draw: a .png, .svg or .pdf file."),
    count: int = typer.Option(100, help="Number of the most frequent symbols to draw."),
    as_json: bool = _JSON,
) -> None:
    """Draw the most frequent symbols by the first two principal components of their vectors."""
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
        name = printable_text(each.symbol.replace(" ", "␣"))
        write_view(f"  {each.cosine:6.3f}  {name}  ×{each.count:,}\n")


add_to = app.add_to
