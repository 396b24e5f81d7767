"""``nextchar generate``: text from a run."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any, Literal

import typer

from nextchar.cli.output import JSON_HELP, UNKNOWN_HELP, print_json


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("generate")(_generate)


def _generate(
    run: Path = typer.Argument(help="A run directory."),
    prompt: str = typer.Option("", help="What to continue."),
    length: int = typer.Option(500, help="Characters to write after the prompt."),
    temperature: float = typer.Option(1.0, help="1 is the model's own distribution, 0 is argmax."),
    top_k: int = typer.Option(0, help="Draw from the k most probable symbols; 0 is all."),
    top_p: float = typer.Option(1.0, help="Draw from the most probable symbols up to this mass."),
    min_p: float = typer.Option(
        0.0, help="Draw from symbols at least this times as probable as the first."
    ),
    repetition_penalty: float = typer.Option(
        1.0, help="Above 1, recent symbols become less probable."
    ),
    repetition_window: int = typer.Option(64, help="How many recent symbols the penalty sees."),
    samples: int = typer.Option(1, help="Texts to write side by side."),
    seed: int | None = typer.Option(None, help="The same seed gives the same text."),
    unknown: Literal["error", "skip", "replace"] = typer.Option("error", help=UNKNOWN_HELP),
    device: Literal["cpu", "cuda"] = typer.Option("cpu", help="Where to compute."),
    engine: Literal["auto", "compiled", "plain", "captured"] = typer.Option(
        "auto",
        help="What writes; auto is compiled code once a text is long. captured is for a GPU.",
    ),
    weights: Literal["float32", "int8"] = typer.Option(
        "float32", help="What the compiled engine keeps weights in; int8 is faster, less exact."
    ),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Write text with a trained model, as it appears."""
    from nextchar.model import LanguageModel, resolve_seed

    # As other filters do, end quietly when the reader of the text goes away.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    model = LanguageModel.load(run, device=device)
    seed = resolve_seed(seed)
    options: dict[str, Any] = {
        "length": length,
        "seed": seed,
        "unknown": unknown,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "repetition_window": repetition_window,
        "engine": engine,
        "weights": weights,
    }
    if as_json:
        texts = model.generate_batch(prompt, samples=samples, **options)
        print_json({"prompt": prompt, "seed": seed, "texts": texts})
    elif samples == 1:
        for piece in model.stream(prompt, **options):
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
    else:
        texts = model.generate_batch(prompt, samples=samples, **options)
        for index, text in enumerate(texts):
            sys.stdout.write(f"--- sample {index + 1}, seed {seed + index} ---\n{text}\n")
