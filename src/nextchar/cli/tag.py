"""``nextchar tag``: a label for each character, and the restoration of plain text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.options import parameter
from nextchar.cli.output import (
    JSON_HELP,
    followed_display,
    part_display,
    print_json,
    write_note,
)
from nextchar.cli.streams import write_bytes
from nextchar.cli.tables import print_rows, print_table
from nextchar.cli.train_command import TrainCommand
from nextchar.config import TaggerRunConfig
from nextchar.tasks.result_rows import item_rows
from nextchar.text.notes import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nextchar.tasks.tagging.scores import MatchCounts
    from nextchar.tasks.tagging.tagger import TagEvaluation
    from nextchar.text.unknown import UnknownSymbols

app = Commands(
    "tag",
    "Label each character: restore spaces, case, accents or punctuation.",
)
_TRAIN_HELP = """Train a tagger.

With --restore, the data is plain text, and each line is an item. The marks to restore are removed
from it, and the network learns to put them back. Without --restore, each line of the data is a
character, a tab and a label, with an empty line between items; or the data is a table with a column
of texts and a column of labels.
"""
_COLUMNS_HELP = (
    "Columns of CSV, TSV or JSON lines: texts with --restore, otherwise text,labels. If the table "
    "has no header, the columns are numbers from 1."
)
_TRANSITIONS_HELP = "Allowed label transitions; those of the run if not set."
_LISTED_PARTS = 20


def column_names(names: str | None) -> list[str]:
    """Split a list of columns."""
    return [] if names is None else [name.strip() for name in names.split(",")]


TrainCommand(
    task="tag",
    help=_TRAIN_HELP,
    config=TaggerRunConfig,
    data="Files, folders, globs, or -.",
    own=[parameter("columns", str | None, typer.Option(None, "--columns", help=_COLUMNS_HELP))],
    rows=item_rows,
    next_command="tag apply OUT FILE",
).add_to(app)


@app.command("evaluate")
def _evaluate(
    run: Path = typer.Argument(help="The run directory of a tagger."),
    data: list[str] = typer.Argument(help="Data in the format of the training."),
    columns: str | None = typer.Option(None, help=_COLUMNS_HELP),
    transitions: Literal["free", "seen", "bio"] | None = typer.Option(None, help=_TRANSITIONS_HELP),
    encoding: str | None = typer.Option(
        None, help="Encoding of the data; by default that of the run."
    ),
    errors: Literal["strict", "replace", "ignore", "backslashreplace"] | None = typer.Option(
        None, help="Handling of bytes that cannot be decoded; by default that of the run."
    ),
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Device to compute on."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Measure precision, recall, F1, accuracy, and the share of items without an error."""
    from nextchar.tasks.tagging.tagger import Tagger

    tagger = Tagger.load(run, device=device, transitions=transitions)
    anew: dict[str, str | None] = {"encoding": encoding, "errors": errors}
    reading = tagger.config.with_options(**{n: v for n, v in anew.items() if v is not None})
    with followed_display("evaluating"):
        result = tagger.evaluate(
            data,
            columns=column_names(columns),
            reading=reading.items.reading,
            note=write_note,
        )
    if as_json:
        print_json({"data": data, **result.to_dict()})
    else:
        _print_evaluation(", ".join(data), result)


def _print_evaluation(name: str, result: TagEvaluation) -> None:
    scores = result.scores
    rows = [
        ("data", f"{name}: {scores.items:,} items, {scores.places:,} places"),
        ("F1", f"{scores.overall.f1:.4f}"),
        ("precision", f"{scores.overall.precision:.4f}"),
        ("recall", f"{scores.overall.recall:.4f}"),
        ("accuracy", f"{scores.accuracy:.4f}"),
        ("whole items", f"{scores.whole_items:.4f}"),
        ("nats/label", f"{result.nats_per_label:.4f}"),
    ]
    if result.unknown_characters:
        strange = counted(result.unknown_characters, "character is", "characters are")
        rows.append(("<unk>", f"{strange} not in the vocabulary and read as <unk>"))
    if result.unseen_labels:
        count = sum(result.unseen_labels.values())
        shown = ", ".join(map(repr, list(result.unseen_labels)[:5]))
        unseen = counted(count, "label", "labels")
        rows.append(("unseen", f"{unseen} unknown to the run and never predicted: {shown}"))
    print_rows(rows)
    if scores.parts:
        sys.stdout.write("\n")
        _print_parts(scores.parts)


def _print_parts(parts: Mapping[str, MatchCounts]) -> None:
    rows = [
        (
            part,
            f"{found.actual:,}",
            *(f"{value:.4f}" for value in (found.precision, found.recall, found.f1)),
        )
        for part, found in list(parts.items())[:_LISTED_PARTS]
    ]
    print_table(("label", "wanted", "precision", "recall", "F1"), rows)
    more = len(parts) - _LISTED_PARTS
    if more > 0:
        sys.stdout.write(f"and {more} more (--json has all)\n")


@app.command("apply")
def _apply(
    run: Path = typer.Argument(help="The run directory of a tagger."),
    file: str = typer.Argument("-", help="A file, or - for standard input."),
    keep: bool = typer.Option(
        False, "--keep", help="Keep existing marks; otherwise they are removed first."
    ),
    transitions: Literal["free", "seen", "bio"] | None = typer.Option(None, help=_TRANSITIONS_HELP),
    encoding: str | None = typer.Option(
        None, help="Encoding of the text; by default that of the run."
    ),
    errors: Literal["pass", "strict", "replace", "ignore", "backslashreplace"] = typer.Option(
        "pass", help="Handling of bytes that cannot be decoded; pass leaves them unchanged."
    ),
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Device to compute on."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Restore the missing marks of a text, or label its characters.

    The text is read and written as a stream, line by line; nothing else in it changes. With --json,
    the result is one object at the end.
    """
    from nextchar.tasks.tagging.tagger import Tagger
    from nextchar.text.passing import PassingText

    tagger = Tagger.load(run, device=device, transitions=transitions)
    encoding = encoding or tagger.config.items.encoding
    unknown = tagger.unknown_symbols()
    # On a terminal, the text itself shows the progress.
    shown = sys.stdout.isatty() and not as_json
    with (
        PassingText(file, encoding, errors) as text,
        part_display("labelling", quiet=shown) as progress,
    ):
        chunks = _counted(text.chunks(progress), unknown, file)
        pieces = tagger.apply_to(chunks, keep=keep)
        if as_json:
            written = "".join(pieces)
            print_json(
                {
                    "text": written,
                    "bytes_passed_on": text.passed,
                    "unknown_symbols": unknown.count,
                }
            )
        else:
            for piece in pieces:
                if shown:
                    sys.stdout.write(piece)
                else:
                    write_bytes(text.encoded(piece))
                sys.stdout.flush()
    if text.passed:
        odd = counted(text.passed, "byte is", "bytes are")
        what = f"{odd} not {encoding} and passed on unchanged"
        write_note(f"{what} (--errors); the first at {text.first_passed}")
    if unknown.count:
        write_note(unknown.note())


def _counted(chunks: Iterable[str], unknown: UnknownSymbols, file: str) -> Iterator[str]:
    """Count the unknown characters of a text that is streamed."""
    from nextchar.text.places import Place
    from nextchar.text.reading import STANDARD_INPUT

    place = Place(name="standard input" if file == STANDARD_INPUT else file)
    for chunk in chunks:
        unknown.read(chunk, place)
        place = place.after(chunk)
        yield chunk


add_to = app.add_to
