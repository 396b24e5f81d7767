"""``nextchar generate``: text from a run, sampled or searched for."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer

from nextchar.cli.loading import load_model
from nextchar.cli.options import add_command, parameter
from nextchar.cli.output import EXPERTS_HELP
from nextchar.cli.writing import Writer, write
from nextchar.cli.writing_options import SAMPLING, writing_parameters
from nextchar.config import ExpertUse, TextConfig
from nextchar.errors import ConfigError

_HELP = """Generate text, or search for the most probable text.

Text appears as it is sampled. With --beam, the most probable text is searched for instead.
"""

_FIX: Any = typer.Option(
    None,
    help="layer.unit=VALUE holds a unit at a value, layer.c.unit=VALUE the memory of an LSTM's "
    "unit; counted from 1. Can be repeated. Slower, because the engine is plain.",
    rich_help_panel=SAMPLING,
)


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("run", Path, typer.Argument(help="A run directory.")),
    ]
    experts = typer.Option(None, help=EXPERTS_HELP, show_default="fixed if the run has experts")
    parameters = [
        *own,
        *writing_parameters(),
        parameter("experts", ExpertUse | None, experts),
        parameter("fix", list[str] | None, _FIX),
    ]
    add_command(app, "generate", _generate, _HELP, parameters)


def _generate(
    *,
    context: typer.Context,
    run: Path,
    device: str,
    checkpoint: str,
    fix: list[str] | None,
    **values: Any,  # noqa: ANN401
) -> None:
    def reading() -> TextConfig:
        from nextchar.run_files.model_files import load_config

        return load_config(run).text

    writer = Writer(
        load=lambda: load_model(run, device=device, checkpoint=checkpoint), reading=reading
    )
    write(context, writer, fix=dict(map(_held, fix)) if fix else None, **values)


def _held(given: str) -> tuple[str, float]:
    """Return the name and the value of a unit."""
    name, _, value = given.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise ConfigError(
            f"--fix must be layer.unit=VALUE, such as 1.57=0.9; got {given!r:.80}"
        ) from None
