"""``nextchar novelty``: the overlap of a text with the training text of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from nextchar.cli.output import JSON_HELP, QUIET_HELP, part_display, print_json
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows, print_table

if TYPE_CHECKING:
    from nextchar.novelty import Novelty, SharedSpan

_BAR_WIDTH = 40
_QUOTED_CHARACTERS = 160


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("novelty")(_novelty)


def _novelty(
    run: Path = typer.Argument(help="A run directory that still has its corpus."),
    text: list[str] = typer.Argument(help="Files, folders, globs, or -, read as one text."),
    ngrams: str = typer.Option(
        "4,8,12,16,24,32,48,64", help="Lengths of n-grams in characters, separated by commas."
    ),
    spans: int = typer.Option(10, help="Number of shared passages to list."),
    encoding: str | None = typer.Option(
        None, help="Encoding of the text; by default that of the run."
    ),
    errors: Literal["strict", "replace", "ignore", "backslashreplace"] | None = typer.Option(
        None, help="Handling of bytes that cannot be decoded; by default that of the run."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
    quiet: bool = typer.Option(False, "--quiet", "-q", help=QUIET_HELP),
) -> None:
    """Measure the overlap of a text with the training text of a run.

    The result is the share of new n-grams, and the longest passages that both texts have. Symbols
    outside the vocabulary match nothing.
    """
    from nextchar.cli.options import reading_config
    from nextchar.novelty import novelty
    from nextchar.run_files.model_files import load_config, load_vocabulary
    from nextchar.tasks.language_modeling.data import open_corpus
    from nextchar.text.reading import open_text

    lengths = _lengths(ngrams)
    config, vocabulary, corpus = load_config(run), load_vocabulary(run), open_corpus(run)
    with open_text(text, reading_config(config, encoding, errors)) as source:
        whole = "".join(source.chunks())
    with part_display("comparing", quiet=quiet) as progress:
        result = novelty(
            vocabulary,
            corpus.original,
            whole,
            ngrams=lengths,
            spans=spans,
            progress=progress,
        )
    compared = ", ".join(source.names)
    if as_json:
        print_json({"text": compared, **result.to_dict()})
    else:
        _print(compared, run, result)


def _lengths(ngrams: str) -> list[int]:
    """Read ``4,8,12``."""
    from nextchar.errors import ConfigError

    try:
        return [int(length) for length in ngrams.split(",")]
    except ValueError:
        raise ConfigError(
            f"--ngrams must be whole numbers separated by commas, such as 4,8; got {ngrams!r}"
        ) from None


def _print(compared: str, run: Path, result: Novelty) -> None:
    unknown = (
        f", {result.unknown_characters:,} of them not in the vocabulary"
        if result.unknown_characters
        else ""
    )
    print_rows(
        [
            ("text", f"{compared}: {result.characters:,} characters{unknown}"),
            ("corpus", f"train part of {run}: {result.corpus_characters:,} characters"),
            (
                "matches",
                f"{result.mean_match:.1f} characters on average, {result.longest_match:,} at most",
            ),
        ]
    )
    write_view("\nn-grams that do not occur in the corpus\n")
    width = max(len(str(n)) for n in result.unseen_share)
    for n, share in result.unseen_share.items():
        shown = "text too short" if share is None else f"{share:7.2%}  {_bar(share)}".rstrip()
        write_view(f"{n:>{width}}  {shown}\n")
    if result.spans:
        write_view("\nlongest shared passages; corpus is their offset in characters\n")
        _print_spans(result.spans)


def _bar(share: float) -> str:
    return "█" * round(share * _BAR_WIDTH)


def _print_spans(spans: tuple[SharedSpan, ...]) -> None:
    rows = [
        (
            f"{span.characters:,}",
            f"{span.line}:{span.column}",
            f"{span.corpus_offset:,}",
            f"{span.times:,}",
            f'"{_quoted(span.text)}"',
        )
        for span in spans
    ]
    print_table(("characters", "line:column", "corpus", "times", ""), rows, left=(4,))


def _quoted(text: str) -> str:
    """Show a passage in one line; a long one is cut in the middle."""
    from nextchar.text.graphemes import boundary_at_least, boundary_at_most

    if len(text) > _QUOTED_CHARACTERS:
        half = _QUOTED_CHARACTERS // 2
        first, last = boundary_at_most(text, half), boundary_at_least(text, len(text) - half)
        return f"{_one_line(text[:first])} … {_one_line(text[last:])}"
    return _one_line(text)


def _one_line(text: str) -> str:
    shown = text.replace("\n", "⏎")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)
