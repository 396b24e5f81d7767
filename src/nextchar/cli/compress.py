"""``nextchar compress`` and ``nextchar decompress``: files and the predictions of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer

from nextchar.cli.options import require_folder
from nextchar.cli.output import EXPERTS_HELP, JSON_HELP, QUIET_HELP, part_display, print_json
from nextchar.cli.tables import print_rows
from nextchar.config import ExpertUse

_RUN = typer.Argument(help="A run directory.")
_OUT = typer.Argument(help="The file to write; it must not exist.")
_AS_JSON = typer.Option(False, "--json", help=JSON_HELP)
_QUIET = typer.Option(False, "--quiet", "-q", help=QUIET_HELP)


def add_to(app: typer.Typer) -> None:
    """Add both commands to the application."""
    app.command("compress")(_compress)
    app.command("decompress")(_decompress)


def _compress(
    run: Path = _RUN,
    file: Path = typer.Argument(
        help="The file to compress: any file with a byte vocabulary, otherwise a text in UTF-8."
    ),
    out: Path = _OUT,
    experts: ExpertUse | None = typer.Option(
        None, help=EXPERTS_HELP, show_default="adaptive if the run has experts"
    ),
    as_json: bool = _AS_JSON,
    quiet: bool = _QUIET,
) -> None:
    """Compress a file without loss, with the predictions of a run.

    Decompression needs the same run on the same machine.
    """
    from nextchar.compression import compress

    convert = partial(compress, experts=experts)
    original, compressed, seconds = _convert(convert, run, file, out, quiet, "compressing")
    _report(original, compressed, seconds, as_json)


def _decompress(
    run: Path = _RUN,
    file: Path = typer.Argument(help="A file that `nextchar compress` wrote with this run."),
    out: Path = _OUT,
    as_json: bool = _AS_JSON,
    quiet: bool = _QUIET,
) -> None:
    """Restore a file written by compress.

    The restored file is verified; if it differs from the original, nothing is written.
    """
    from nextchar.compression import decompress

    compressed, original, seconds = _convert(decompress, run, file, out, quiet, "decompressing")
    _report(original, compressed, seconds, as_json)


def _convert(
    convert: Callable[..., bytes], run: Path, file: Path, out: Path, quiet: bool, label: str
) -> tuple[bytes, bytes, float]:
    """Write ``out`` from ``file``; return the bytes read, the bytes written, and the seconds."""
    from nextchar.errors import TextError
    from nextchar.language_model.model import LanguageModel
    from nextchar.storage import read_regular, write_bytes

    require_folder(out, "OUT")
    if out.exists():
        raise TextError(f"{out} exists already: name a file that does not")
    try:
        data = read_regular(file)
    except OSError as error:
        raise TextError(f"cannot read {file}: {error.strerror}") from error
    model = LanguageModel.load(run)
    began = time.monotonic()
    try:
        with part_display(label, quiet=quiet) as progress:
            result = convert(model, data, progress=progress)
    except TextError as error:
        raise TextError(f"{file}: {error.in_both_terms}") from error
    seconds = time.monotonic() - began
    write_bytes(out, result)
    return data, result, seconds


def _report(original: bytes, compressed: bytes, seconds: float, as_json: bool) -> None:
    from nextchar.compression.symbols import character_count

    characters = character_count(original)
    values: dict[str, Any] = {
        "original_bytes": len(original),
        "compressed_bytes": len(compressed),
        "characters": characters,
        "bits_per_char": 8 * len(compressed) / characters if characters else math.nan,
        "seconds": seconds,
        "chars_per_second": characters / seconds,
    }
    if as_json:
        print_json(values)
        return
    print_rows(
        [
            ("original", f"{len(original):,} bytes, {characters:,} characters"),
            ("compressed", f"{len(compressed):,} bytes"),
            ("bits/char", f"{values['bits_per_char']:.4f}" if characters else "–"),
            ("speed", f"{values['chars_per_second']:,.0f} chars/s"),
        ]
    )
