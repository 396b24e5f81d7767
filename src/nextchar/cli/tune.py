"""``nextchar tune``: a search for the best options."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.options import (
    CONFIG_OPTION,
    add_command,
    config_parameters,
    given,
    parameter,
    picture_format,
)
from nextchar.cli.output import (
    JSON_HELP,
    QUIET_HELP,
    print_json,
    write_progress,
)
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows
from nextchar.config import Pruning, SearchMethod
from nextchar.errors import ConfigError
from nextchar.rendering.training_words import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextchar.cli.progress import ProgressDisplay
    from nextchar.experiments import Trial, Tuning
    from nextchar.experiments.trials import SearchEvent
    from nextchar.training.events import Event

_HELP = """Search for the best options for a text.

Each --search names an option and its values: LOW..HIGH, LOW..HIGH:log, LOW..HIGH:step=N or A,B,C.
Without --search, the most important options are searched. All other options are the same in every
trial.

The budget of a trial is --steps, --trial-minutes, or its share of --minutes. Repeat the command to
continue an interrupted search. Several processes with the same command share the trials.
"""


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("text", list[str], typer.Argument(help="Files, folders or globs.")),
        parameter("out", Path, typer.Option(..., "--out", help="The folder of the search.")),
        parameter(
            "search",
            list[str] | None,
            typer.Option(
                None, "--search", help="Option to search, such as dropout=0..0.5. Can be repeated."
            ),
        ),
        parameter(
            "space",
            Path | None,
            typer.Option(None, "--space", help="Options to search, from a TOML file."),
        ),
        parameter(
            "method",
            SearchMethod,
            typer.Option("tpe", "--method", help="Method that chooses the trials."),
        ),
        parameter(
            "pruning",
            Pruning,
            typer.Option("median", "--pruning", help="Rule that stops trials early."),
        ),
        parameter(
            "trials",
            int | None,
            typer.Option(
                None, "--trials", help="Total number of trials; 40 if not set, or the whole grid."
            ),
        ),
        parameter(
            "minutes",
            float | None,
            typer.Option(None, "--minutes", help="Time limit of the search in minutes."),
        ),
        parameter(
            "trial_minutes",
            float | None,
            typer.Option(None, "--trial-minutes", help="Time budget of each trial in minutes."),
        ),
        parameter("config", Path | None, CONFIG_OPTION),
        parameter(
            "picture",
            Path | None,
            typer.Option(
                None,
                "--picture",
                help="Draw the trials and the importance of options: a .png, .svg or .pdf file.",
            ),
        ),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
        parameter("quiet", bool, typer.Option(False, "--quiet", "-q", help=QUIET_HELP)),
    ]
    shared = [p for p in config_parameters() if p.name != "minutes"]
    add_command(app, "tune", _run, _HELP, own + shared)


def _run(
    *,
    context: typer.Context,
    text: list[str],
    out: Path,
    search: list[str] | None,
    space: Path | None,
    method: SearchMethod,
    pruning: Pruning,
    trials: int | None,
    minutes: float | None,
    trial_minutes: float | None,
    config: Path | None,
    picture: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,  # noqa: ANN401
) -> None:
    drawn_as = picture_format(picture)
    from nextchar.cli.progress import ProgressDisplay
    from nextchar.config.toml import read_options
    from nextchar.experiments import tune
    from nextchar.experiments.plots import search_picture
    from nextchar.rendering.figures import require_drawing
    from nextchar.storage import write_bytes

    if picture is not None:
        require_drawing()  # not after an hour of training
    display = ProgressDisplay()
    try:
        tuning = tune(
            text,
            out,
            search=_searched(search or [], space),
            method=method,
            pruning=pruning,
            trials=trials,
            minutes=minutes,
            trial_minutes=trial_minutes,
            start=None if config is None else read_options(config),
            listeners=[] if quiet else [_moving(display)],
            announce=(lambda _event: None) if quiet else _announcing(display),
            **given(context, values),
        )
    finally:
        display.close()
    if as_json:
        print_json(tuning.to_dict())
    else:
        _print(tuning)
    if picture is not None:
        write_bytes(picture, search_picture(tuning, drawn_as))


def _searched(search: list[str], space: Path | None) -> dict[str, object] | None:
    """Return the options to search; those of the command line replace those of the file."""
    from nextchar.experiments.spaces import read_space

    searched: dict[str, object] = {} if space is None else dict(read_space(space))
    named: dict[str, object] = {}
    for each in search:
        name, equals, values = each.partition("=")
        if not equals:
            raise ConfigError(f"--search needs NAME=LOW..HIGH or NAME=VALUE,VALUE; got {each!r}")
        name = name.strip().replace("-", "_")
        if name in named:
            raise ConfigError(f"{name} is given twice: name all its values in one --search")
        named[name] = values
    searched |= named
    return searched if search or space is not None else None


def _moving(display: ProgressDisplay) -> Callable[[Event], None]:
    """Show the moving line, but no validations."""
    from nextchar.training.events import Preparing, StepDone

    def show(event: Event) -> None:
        if isinstance(event, Preparing | StepDone):
            display(event)

    return show


def _announcing(display: ProgressDisplay) -> Callable[[SearchEvent], None]:
    """Show a line for each trial."""
    from nextchar.experiments import TrialBegun
    from nextchar.experiments.trials import shown

    def announce(event: SearchEvent) -> None:
        if isinstance(event, TrialBegun):
            display.label = f"trial {event.number}/{event.trials}"
            return
        display.close()
        options = " ".join(f"{name}={shown(v)}" for name, v in event.trial.options.items())
        line = f"{display.label}  {_outcome(event.trial)}  {options}"
        if event.best is not None:
            line += f" · best {_loss(event.best)}"
        write_progress(f"{line} · ETA {duration(event.seconds_left)}\n")

    return announce


def _outcome(trial: Trial) -> str:
    if trial.state == "pruned":
        return f"pruned at {trial.progress:.0%}: {_loss(trial)}"
    return _loss(trial) if trial.state == "complete" else f"failed: {trial.reason_for_command_line}"


def _loss(trial: Trial) -> str:
    return f"{trial.nats_per_char:.4f} nats"


def _print(tuning: Tuning) -> None:
    """Print the best trials, the importance of options, and the next commands."""
    write_view(tuning.markdown())
    counts = ", ".join(f"{count} {state}" for state, count in tuning.counts().items() if count)
    sys.stdout.write(f"\ntrials: {counts}\n")
    if tuning.counts()["running"]:
        sys.stdout.write(
            "the time is over, or another process runs trials: repeat the command to continue\n"
        )
    if tuning.importance:
        sys.stdout.write("\nimportance\n")
        print_rows([(name, f"{share:.0%}") for name, share in tuning.importance.items()])
    sys.stdout.write(
        f"\nnextchar generate {tuning.best.run}\n"
        f"nextchar train TEXT --config {tuning.config} --out RUN\n"
    )
