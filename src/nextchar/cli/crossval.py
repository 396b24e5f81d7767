"""``nextchar crossval``: each fold of a text held out once."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer

from nextchar.cli.options import (
    CONFIG_OPTION,
    add_command,
    chosen,
    config_parameters,
    parameter,
)
from nextchar.cli.output import JSON_HELP, QUIET_HELP, print_json, write_progress
from nextchar.cli.streams import write_view

_HELP = """Cross-validate a language model on a text.

The text is split into folds; each fold is measured by a model trained on the others. Repeat the
command to continue an interrupted cross-validation.
"""

# The folds decide the split.
_LEFT_OUT = ("folds", "fold", "validation_fraction", "test_fraction")


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("text", list[str], typer.Argument(help="Files, folders or globs.")),
        parameter(
            "out", Path, typer.Option(..., "--out", help="The folder of the cross-validation.")
        ),
        parameter("folds", int, typer.Option(5, "--folds", help="Number of folds, at least 2.")),
        parameter("config", Path | None, CONFIG_OPTION),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
        parameter("quiet", bool, typer.Option(False, "--quiet", "-q", help=QUIET_HELP)),
    ]
    shared = [p for p in config_parameters() if p.name not in _LEFT_OUT]
    add_command(app, "crossval", _run, _HELP, own + shared)


def _run(
    *,
    context: typer.Context,
    text: list[str],
    out: Path,
    folds: int,
    config: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,  # noqa: ANN401
) -> None:
    from nextchar.cli.progress import ProgressDisplay
    from nextchar.experiments import crossval

    display = ProgressDisplay()
    try:
        result = crossval(
            text,
            out,
            folds=folds,
            listeners=[] if quiet else [display],
            announce=(lambda _line: None) if quiet else (lambda s: write_progress(f"{s}\n")),
            **chosen(context, values, config),
        )
    finally:
        display.close()
    if as_json:
        print_json(result.to_dict())
    else:
        write_view(result.markdown())
