"""``nextchar compare``: variants of a network side by side."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.options import (
    CONFIG_OPTION,
    add_command,
    chosen,
    config_parameters,
    parameter,
    picture_format,
)
from nextchar.cli.output import JSON_HELP, QUIET_HELP, print_json, write_progress
from nextchar.cli.streams import write_view
from nextchar.errors import ConfigError

if TYPE_CHECKING:
    from nextchar.experiments import Comparison, Group

_HELP = """Train variants of a network with the same budget and compare them.

Every combination of --cells, --inputs and --vary is trained with every seed, each for --minutes or
--steps. Repeat the command to continue an interrupted comparison.
"""

_SPARKS = "▁▂▃▄▅▆▇█"


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("text", list[str], typer.Argument(help="Files, folders or globs.")),
        parameter("out", Path, typer.Option(..., "--out", help="The folder of the comparison.")),
        parameter(
            "cells", str | None, typer.Option(None, "--cells", help="Cells, such as rnn,lstm,gru.")
        ),
        parameter(
            "inputs",
            str | None,
            typer.Option(None, "--inputs", help="Inputs, such as onehot,embedding."),
        ),
        parameter(
            "vary",
            list[str] | None,
            typer.Option(
                None, "--vary", help="Any option, such as hidden-size=128,256. Can be repeated."
            ),
        ),
        parameter(
            "seeds",
            int,
            typer.Option(
                1, "--seeds", help="Number of runs of each variant, with different seeds."
            ),
        ),
        parameter(
            "parameters",
            int | None,
            typer.Option(
                None, "--parameters", help="Size each variant to about this number of weights."
            ),
        ),
        parameter(
            "picture",
            Path | None,
            typer.Option(
                None, "--picture", help="Draw the learning curves: a .png, .svg or .pdf file."
            ),
        ),
        parameter("config", Path | None, CONFIG_OPTION),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
        parameter("quiet", bool, typer.Option(False, "--quiet", "-q", help=QUIET_HELP)),
    ]
    varied = [p for p in config_parameters() if p.name != "seed"]
    add_command(app, "compare", _run, _HELP, own + varied)


def _run(
    *,
    context: typer.Context,
    text: list[str],
    out: Path,
    cells: str | None,
    inputs: str | None,
    vary: list[str] | None,
    seeds: int,
    parameters: int | None,
    picture: Path | None,
    config: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,  # noqa: ANN401
) -> None:
    varied = _varied(cells, inputs, vary or [])
    drawn_as = picture_format(picture)
    from nextchar.cli.progress import ProgressDisplay
    from nextchar.experiments import compare
    from nextchar.experiments.plots import learning_curves
    from nextchar.rendering.figures import require_drawing
    from nextchar.storage import write_bytes

    if picture is not None:
        require_drawing()  # not after an hour of training
    display = ProgressDisplay()
    try:
        comparison = compare(
            text,
            out,
            vary=varied,
            seeds=seeds,
            parameters=parameters,
            listeners=[] if quiet else [display],
            announce=(lambda _line: None) if quiet else (lambda s: write_progress(f"{s}\n")),
            **chosen(context, values, config),
        )
    finally:
        display.close()
    if as_json:
        print_json(comparison.to_dict())
    else:
        _print(comparison)
    if picture is not None:
        write_bytes(picture, learning_curves(comparison, drawn_as))


def _varied(cells: str | None, inputs: str | None, vary: list[str]) -> dict[str, list[Any]]:
    """Read the options that vary and their values."""
    from nextchar.experiments.variants import parse_values

    short = {"cell": cells, "input": inputs}
    texts = {name: values for name, values in short.items() if values is not None}
    for each in vary:
        name, equals, values = each.partition("=")
        if not equals:
            raise ConfigError(f"--vary needs NAME=VALUE,VALUE; got {each!r}")
        name = name.strip().replace("-", "_")
        if name in texts:
            raise ConfigError(
                f"{name} is given twice: name all its values at once, such as --vary a,b"
            )
        texts[name] = values
    if not texts:
        raise ConfigError("nothing is compared: give --cells, --inputs or --vary")
    return {name: parse_values(name, values) for name, values in texts.items()}


def _print(comparison: Comparison) -> None:
    """Print the table, the curves as lines of blocks, and a sample of each."""
    write_view(comparison.markdown())
    sys.stdout.write("\nvalidation bits/char, from the first validation to the last\n")
    curves = [[nats for _, nats in group.runs[0].curve] for group in comparison.groups]
    low, high = min(map(min, curves)), max(map(max, curves))
    width = max(len(group.variant) for group in comparison.groups)
    for group, curve in zip(comparison.groups, curves, strict=True):
        write_view(f"{group.variant:<{width}}  {_sparkline(curve, low, high)}\n")
    for group in comparison.groups:
        sys.stdout.write(f"\n--- {_titled(group)} ---\n{group.runs[0].sample}\n")


def _sparkline(values: list[float], low: float, high: float) -> str:
    scale = (len(_SPARKS) - 1) / max(high - low, 1e-9)
    return "".join(_SPARKS[round((value - low) * scale)] for value in values)


def _titled(group: Group) -> str:
    return f"{group.variant}, {group.mean_bits:.3f} bits/char"
