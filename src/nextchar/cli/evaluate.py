"""``nextchar evaluate``: the cost of a text under a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import (
    EXPERTS_HELP,
    JSON_HELP,
    QUIET_HELP,
    UNKNOWN_HELP,
    followed_display,
    print_json,
)
from nextchar.cli.tables import print_rows
from nextchar.config import ExpertUse

if TYPE_CHECKING:
    from nextchar.config import TextConfig
    from nextchar.evaluation import Evaluation
    from nextchar.language_model.model import LanguageModel
    from nextchar.text.reading import TextSource


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("evaluate")(_evaluate)


def _evaluate(
    run: Path = typer.Argument(help="A run directory."),
    text: list[str] | None = typer.Argument(
        None, help="Files, folders, globs, or -; without TEXT, the run's own validation part."
    ),
    part: Literal["train", "validation", "test"] | None = typer.Option(
        None, help="Part of the run's own text to measure.", show_default="validation"
    ),
    exact: bool = typer.Option(
        False,
        help="Read in order and in float32; otherwise in parallel streams, accurate to 0.001 bits.",
    ),
    reset_every: int = typer.Option(
        0, help="Reset the state after this number of predictions; 0 never resets it."
    ),
    dynamic: bool = typer.Option(
        False, help="Keep learning from the text already measured (dynamic evaluation)."
    ),
    dynamic_rate: float | None = typer.Option(
        None, help="Learning rate of --dynamic.", show_default="0.0015"
    ),
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
    compressors: bool = typer.Option(
        True, help="Compare with xz, bz2 and gzip on the text, at most 8 MiB of it."
    ),
    checkpoint: str = CHECKPOINT,
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Device to compute on."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
    quiet: bool = typer.Option(False, "--quiet", "-q", help=QUIET_HELP),
) -> None:
    """Measure bits per character and perplexity on a text."""
    from nextchar.cli.options import adaptation_of, reading_config
    from nextchar.errors import ConfigError
    from nextchar.rendering.evaluation_rows import evaluation_rows

    if text and part is not None:
        raise ConfigError(f"--part {part} belongs to the run's own text, and TEXT names another")
    model = load_model(run, device=device, checkpoint=checkpoint)
    options = {
        "exact": exact,
        "reset_every": reset_every,
        "adaptation": adaptation_of(dynamic, dynamic_rate),
        "experts": experts,
        "compressors": compressors,
    }
    if text:
        reading = reading_config(model.config, encoding, errors)
        measured, result = _on_text(model, text, reading, quiet, unknown=unknown, **options)
    else:
        measured, result = _on_part(model, run, part or "validation", quiet, **options)
    if as_json:
        print_json({"text": measured, **result.to_dict(), "parameters": model.parameters})
    else:
        print_rows(evaluation_rows(measured, result))


def _on_text(
    model: LanguageModel,
    text: list[str],
    reading: TextConfig,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> tuple[str, Evaluation]:
    """Measure a text; return its name and the result."""
    from nextchar.text.reading import open_text

    with open_text(text, reading) as source:
        symbols = 0 if quiet else _size(source, model)
        with followed_display("evaluating", quiet=quiet, symbols=symbols):
            return ", ".join(source.names), model.evaluate(source.chunks(), **options)


def _on_part(
    model: LanguageModel,
    run: Path,
    part: str,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> tuple[str, Evaluation]:
    """Measure a part of the run's own text; return its name and the result."""
    from nextchar.errors import TextError
    from nextchar.tasks.language_modeling.data import open_corpus

    corpus = open_corpus(run)
    ids = getattr(corpus, part)
    if len(ids) == 0:
        raise TextError(f"{run} has no {part} part: name a text to evaluate")
    with followed_display("evaluating", quiet=quiet, symbols=len(ids)):
        result = model.evaluate_ids(ids, **options)
    return f"{part} part of {run}", result


def _size(source: TextSource, model: LanguageModel) -> int:
    """Return the symbols of a text."""
    encode = model.vocabulary.encode
    return sum(len(encode(chunk, unknown="skip")) for chunk in source.chunks())
