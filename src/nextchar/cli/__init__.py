"""The command line: one thin file a command. Nothing here imports torch before a command runs."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from nextchar.cli import data, evaluate, generate, info, train
from nextchar.errors import Interrupted, NextcharError

app = typer.Typer(
    name="nextchar",
    help="Character-level recurrent language models: train on any text, generate, measure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train.add_to(app)
generate.add_to(app)
evaluate.add_to(app)
info.add_to(app)
app.add_typer(data.app, name="data")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Show the version."),
) -> None:
    if version:
        import nextchar

        typer.echo(nextchar.__version__)
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; a foreseen problem is one line on stderr and its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except NextcharError as error:
        sys.stderr.write(f"nextchar: {_one_line(error)}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("nextchar: interrupted\n")
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`: nothing is left to say. stdout is
        # replaced so that Python's own flush at exit does not fail on it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    sys.exit(0)


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Interrupted("terminated", number)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
