"""``nextchar train``: from text files to a run directory."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.options import (
    CONFIG_OPTION,
    add_command,
    chosen,
    config_parameters,
    given,
    parameter,
    resume_refuses,
    taken_by_resume,
)
from nextchar.cli.output import JSON_HELP, QUIET_HELP, RESUME_HELP, duration, print_json, print_rows
from nextchar.errors import ConfigError
from nextchar.training.torchrun import agreed, is_first_process, restarts

if TYPE_CHECKING:
    from nextchar.language_model.result import TrainingResult

_HELP = """Train a language model on text.

Text is a file, several, a folder, a glob, or - for standard input. The run directory that --out
names holds everything: model, vocabulary, history, and what --resume needs.

With --from, the new run begins with the network and the symbols of another run, and its vocabulary
grows by the symbols that are new in the text.

With --embedding-from, the embedding begins with vectors of `embeddings train`.

With --resume and --steps or --minutes, a finished run is trained further by that amount, with a
new learning rate schedule.

With --minutes and nothing else, sizes and steps are chosen to suit the text and the time.
"""


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter(
            "text", list[str] | None, typer.Argument(None, help="Files, folders, globs, or -.")
        ),
        parameter(
            "out", Path | None, typer.Option(None, "--out", help="The run directory to make.")
        ),
        parameter("resume", Path | None, typer.Option(None, "--resume", help=RESUME_HELP)),
        parameter(
            "from_run", Path | None, typer.Option(None, "--from", help="A run to begin from.")
        ),
        parameter(
            "embedding_from",
            Path | None,
            typer.Option(None, "--embedding-from", help="Vectors for the embedding to begin with."),
        ),
        parameter(
            "tensorboard",
            Path | None,
            typer.Option(None, "--tensorboard", help="A folder of events for TensorBoard."),
        ),
        parameter("config", Path | None, CONFIG_OPTION),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
        parameter("quiet", bool, typer.Option(False, "--quiet", "-q", help=QUIET_HELP)),
    ]
    add_command(app, "train", _run, _HELP, own + config_parameters())


def _run(
    *,
    context: typer.Context,
    text: list[str] | None,
    out: Path | None,
    resume: Path | None,
    from_run: Path | None,
    embedding_from: Path | None,
    tensorboard: Path | None,
    config: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,  # noqa: ANN401
) -> None:
    named = {"--out": out, "--from": from_run, "--embedding-from": embedding_from}
    own = given(context, values)
    more = {} if resume is None else taken_by_resume(own)
    _check(text, resume, {**named, "--config": config}, own)
    options = chosen(context, values, config)
    from nextchar.cli.progress import training_listeners
    from nextchar.runs.registry import LANGUAGE_MODEL
    from nextchar.runs.training import resume as resume_run
    from nextchar.runs.training import train as train_run

    resumes = resume is not None or restarts() > 0
    with training_listeners(tensorboard, resumes=resumes, quiet=quiet) as listeners:
        if resume is not None:
            result = resume_run(resume, task=LANGUAGE_MODEL, listeners=listeners, **more)
        elif text is not None and out is not None:
            result = train_run(
                LANGUAGE_MODEL,
                text,
                out,
                from_run=from_run,
                embedding_from=embedding_from,
                listeners=listeners,
                **options,
            )
    if not is_first_process():
        return
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)


def _check(
    text: list[str] | None,
    resume: Path | None,
    named: Mapping[str, Path | None],
    options: dict[str, Any],
) -> None:
    if resume is not None:
        extra = [f"--{name.replace('_', '-')}" for name in options]
        extra += [name for name, path in named.items() if path is not None]
        extra += ["text"] if text else []
        if extra:
            raise agreed(resume_refuses(extra))
    elif not text:
        problem = "no text was given: name a file, a folder or -, or --resume a run"
        raise agreed(ConfigError(problem))
    elif named["--out"] is None:
        problem = "no run directory was given: name the one to make with --out"
        raise agreed(ConfigError(problem))


def _print(result: TrainingResult) -> None:
    figures = result.to_dict()
    time = duration(result.seconds)
    print_rows(
        [
            ("run", figures["run"]),
            ("parameters", f"{result.parameters:,}"),
            ("steps", f"{_steps(result)} in {time}, best at {result.best_step:,}"),
            ("speed", f"{result.chars_per_second:,.0f} chars/s"),
            ("train", _loss(result.train_nats_per_char)),
            ("best", f"{_loss(result.nats_per_char)}, perplexity {figures['perplexity']:.3f}"),
        ]
    )
    sys.stdout.write(f"\nnextchar generate {result.run}\n")


def _steps(result: TrainingResult) -> str:
    if result.steps == result.steps_planned:
        return f"{result.steps:,}"
    return f"{result.steps:,} of {result.steps_planned:,} (stopped early)"


def _loss(nats: float) -> str:
    return f"{nats:.4f} nats/char, {nats / math.log(2):.4f} bits/char"
