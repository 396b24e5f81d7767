"""``nextchar complete``: the most probable words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import typer

from nextchar.cli.loading import CHECKPOINT, load_model
from nextchar.cli.output import EXPERTS_HELP, JSON_HELP, UNKNOWN_HELP, print_json
from nextchar.cli.prompts import ESCAPES_HELP, PROMPT, PROMPT_FILE, read_prompt
from nextchar.cli.tables import print_rows
from nextchar.config import ExpertUse
from nextchar.errors import ConfigError


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("complete")(_complete)


def _complete(
    run: Path = typer.Argument(help="A run directory."),
    text: str | None = typer.Argument(
        None,
        help=f"The text to complete: {ESCAPES_HELP}; - reads standard input.",
        show_default=False,
    ),
    prompt: str = PROMPT,
    prompt_file: Path | None = PROMPT_FILE,
    count: int = typer.Option(5, help="Number of completions."),
    words: int = typer.Option(1, help="Number of words in each completion."),
    unknown: Literal["error", "skip", "replace"] = typer.Option("error", help=UNKNOWN_HELP),
    experts: ExpertUse | None = typer.Option(
        None, help=EXPERTS_HELP, show_default="fixed if the run has experts"
    ),
    checkpoint: str = CHECKPOINT,
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Device to compute on."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """List the most probable completions of the last word of a text.

    The probabilities are exact. If the text ends with a complete word, the next words are listed.
    """
    if text is not None and prompt:
        raise ConfigError("the text so far is given twice: TEXT and --prompt are the same")
    if text is None and not prompt and prompt_file is None:
        raise ConfigError("no text was given to complete: name it, or a --prompt-file")
    model = load_model(run, device=device, checkpoint=checkpoint)
    text = read_prompt(prompt if text is None else text, prompt_file, lambda: model.config.text)
    found = model.complete(text, count=count, words=words, unknown=unknown, experts=experts)
    if as_json:
        results = [
            {"text": each.text, "probability": math.exp(each.log_probability)} for each in found
        ]
        print_json({"prompt": text, "completions": results})
    elif found:
        line_break = text.rfind("\n") + 1
        shown = [(text[line_break:] + each.text, each.log_probability) for each in found]
        print_rows([(_one_line(words), f"{math.exp(log):7.2%}") for words, log in shown])


def _one_line(text: str) -> str:
    return text.replace("\n", "⏎")
