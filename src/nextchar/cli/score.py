"""``nextchar score``: the cost of each character of a text."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import (
    EXPERTS_HELP,
    JSON_HELP,
    QUIET_HELP,
    UNKNOWN_HELP,
    part_display,
    print_json,
    write_json,
    write_note,
)
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows
from nextchar.config import ExpertUse

if TYPE_CHECKING:
    from nextchar.evaluation.score import Score

_PAGE_SUFFIXES = (".html", ".htm")
_ALTERNATIVES = 5
_LONG_TEXT = 5_000_000  # characters; its memory is told
_BYTES, _BYTES_OF_ALTERNATIVE = 120, 8  # of a character


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("score")(_score)


def _score(
    run: Path = typer.Argument(help="A run directory."),
    text: list[str] = typer.Argument(help="Files, folders, globs, or -, read as one text."),
    anomalies: int | None = typer.Option(
        None, min=1, help="Number of the most surprising passages to list."
    ),
    by: Literal["line", "word"] | None = typer.Option(
        None, help="Print the sums of each line or word."
    ),
    html: Path | None = typer.Option(
        None, help="Write a page with all results to this .html file; an existing file is replaced."
    ),
    dynamic: bool = typer.Option(
        False, "--dynamic", help="Keep learning from the text already scored (dynamic evaluation)."
    ),
    dynamic_rate: float | None = typer.Option(None, help="Learning rate of --dynamic."),
    experts: ExpertUse | None = typer.Option(
        None, help=EXPERTS_HELP, show_default="fixed if the run has experts"
    ),
    unknown: Literal["error", "skip", "replace"] | None = typer.Option(
        None, help=UNKNOWN_HELP, show_default="replace if the run has <unk>, otherwise skip"
    ),
    encoding: str | None = typer.Option(
        None, help="Encoding of the text; by default that of the run."
    ),
    errors: Literal["strict", "replace", "ignore", "backslashreplace"] | None = typer.Option(
        None, help="Handling of bytes that cannot be decoded; by default that of the run."
    ),
    checkpoint: str = CHECKPOINT,
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Device to compute on."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
    as_jsonl: bool = typer.Option(
        False, "--jsonl", help="Print one JSON object per character, one per line."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help=QUIET_HELP),
) -> None:
    """Show the cost of each character of a text in bits.

    The result is shaded text, a list of lines, words or surprising passages, or an HTML page.
    """
    from nextchar.cli.options import adaptation_of, reading_config, require_folder
    from nextchar.errors import ConfigError
    from nextchar.rendering.score_page import score_page
    from nextchar.storage import write_bytes
    from nextchar.text.reading import open_text

    if as_jsonl and (as_json or anomalies or by):
        raise ConfigError("--jsonl prints every character: it excludes --json and other lists")
    if html is not None and html.suffix.lower() not in _PAGE_SUFFIXES:
        raise ConfigError(f"--html is a file that ends in .html; got {html}")
    require_folder(html, "--html")
    adaptation = adaptation_of(dynamic, dynamic_rate)
    model = load_model(run, device=device, checkpoint=checkpoint)
    with open_text(text, reading_config(model.config, encoding, errors)) as source:
        name, whole = ", ".join(source.names), "".join(source.chunks())
        alternatives = _ALTERNATIVES if as_jsonl or html or (anomalies and not as_json) else 0
        _tell_memory(len(whole), alternatives, quiet=quiet)
        with part_display("scoring", quiet=quiet) as progress:
            score = model.score(
                whole,
                unknown=unknown,
                adaptation=adaptation,
                experts=experts,
                alternatives=alternatives,
                progress=progress,
            )
    if html is not None:
        page = score_page(score, title=name, **({"anomalies": anomalies} if anomalies else {}))
        write_bytes(html, page.encode())
    if as_jsonl:
        _print_characters(score)
    elif as_json:
        print_json({"text": name, **_values(score, anomalies, by)})
    else:
        _print_views(score, anomalies, by, map_too=html is None)
        _print_summary(score, name, html)


def _tell_memory(characters: int, alternatives: int, *, quiet: bool) -> None:
    """Note the memory that a long text needs."""
    if characters > _LONG_TEXT and not quiet:
        needed = characters * (_BYTES + _BYTES_OF_ALTERNATIVE * alternatives)
        write_note(
            f"scoring keeps every character in memory: about {needed / 1e9:.1f} GB for "
            f"{characters:,} characters; evaluate needs no more for a longer text"
        )


def _values(score: Score, anomalies: int | None, by: str | None) -> dict[str, Any]:
    """Return the sums, the lines, and the other requested lists."""
    values: dict[str, Any] = {**score.to_dict(), "lines": map(vars, score.lines())}
    if by == "word":
        values["words"] = map(vars, score.words())
    if anomalies:
        values["anomalies"] = [
            {
                "line": score.position(anomaly.start)[0],
                "column": score.position(anomaly.start)[1],
                **vars(anomaly),
                "text": score.text[anomaly.start : anomaly.end],
            }
            for anomaly in score.anomalies(anomalies)
        ]
    return values


def _print_characters(score: Score) -> None:
    """Print an object for each character, with null for characters that were not measured."""
    rows = zip(score.text, score.bits.tolist(), score.expected_bits.tolist(), strict=True)
    for index, (character, bits, expected) in enumerate(rows):
        values = {
            "index": index,
            "character": character,
            "bits": None if math.isnan(bits) else bits,
            "expected_bits": None if math.isnan(expected) else expected,
            "alternatives": score.alternatives(index),
        }
        write_json(json.dumps(values, ensure_ascii=False) + "\n")


def _print_views(score: Score, anomalies: int | None, by: str | None, *, map_too: bool) -> None:
    """Print the requested lists; if there are none and ``map_too`` is set, the shaded text."""
    from nextchar.rendering.heat_map import heat_map, legend, palette_of
    from nextchar.rendering.lists import anomaly_lines, sum_lines

    columns = shutil.get_terminal_size().columns
    views = []
    if by is not None:
        spans = score.lines() if by == "line" else score.words()
        views.append(sum_lines(score, spans, columns=columns))
    if anomalies is not None:
        views.append(anomaly_lines(score, score.anomalies(anomalies)))
    if not views and map_too:
        palette = palette_of(sys.stdout, os.environ)
        views += [heat_map(score, width=columns, palette=palette), iter([legend(palette)])]
    for view in views:
        for line in view:
            write_view(f"{line}\n")
        write_view("\n")


def _print_summary(score: Score, name: str, page: Path | None) -> None:
    from nextchar.rendering.lists import counting_notes
    from nextchar.visible import printable_text

    rows = [
        ("text", f"{printable_text(name)}: {score.characters:,} characters predicted"),
        ("bits", f"{score.total_bits:,.1f}"),
        ("bits/char", f"{score.bits_per_char:.4f}"),
        *counting_notes(score),
        ("speed", f"{score.to_dict()['chars_per_second']:,.0f} chars/s"),
    ]
    if page is not None:
        rows.append(("page", str(page)))
    print_rows(rows)
