"""The command line: one thin file a command. Nothing here imports torch before a command runs."""

from __future__ import annotations

import io
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run())


def _run() -> int:
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        return _flushed(code)
    except NextcharError as error:
        return _fail(str(error), error.exit_code)
    except OSError as error:
        name = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{name}{error.strerror or error}", NextcharError.exit_code)
    return 0


def _flushed(code: int) -> int:
    """Write out what stdout still holds while a failure can still be told."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None  # type: ignore[assignment]  # Nobody reads on: nothing to say at exit.
        return 128 + signal.SIGPIPE
    except OSError as error:
        sys.stdout = None  # type: ignore[assignment]
        return _fail(f"cannot write the output: {error.strerror}", NextcharError.exit_code)
    if code == 128 + signal.SIGINT:
        return _fail("interrupted", code)
    return code


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"nextchar: {' '.join(message.split())}\n")
    return code


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Interrupted("terminated", number)
