"""The command line: one thin file per command.

Nothing but the front page is imported before a command is named, and no torch before it runs.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import typer

from nextchar.cli.groups import ROOT, RootGroup, usage_problem
from nextchar.cli.streams import Output, end_streams, prepare_streams
from nextchar.errors import (
    InputError,
    Interrupted,
    NextcharError,
    OtherProcessError,
    is_memory_shortage,
)
from nextchar.training.torchrun import is_first_process
from nextchar.visible import one_line

# typer exports only some of its usage errors; this is their base class.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    cls=RootGroup,
    help="Character-level recurrent language models: train on any text, generate, measure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        import nextchar

        sys.stdout.write(f"{nextchar.__version__}\n")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; an anticipated failure is one line on stderr and its exit code."""
    prepare_streams()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _run()
    finally:
        end_streams()
    sys.exit(code)


def _run() -> int:
    try:
        code = app(prog_name=ROOT, standalone_mode=False)
        sys.stdout.flush()
        _tell_escapes()
    except _UsageError as error:
        if not is_first_process():  # All have the same command line.
            return InputError.exit_code
        return _fail(usage_problem(error), InputError.exit_code)
    except OtherProcessError as error:
        return error.exit_code
    except NextcharError as error:
        return _fail(error.for_command_line, error.exit_code)
    except BrokenPipeError:
        return _nobody_reads_on()
    except SystemExit as end:
        # With 1 typer ends a command that was writing into a closed pipe.
        if isinstance(end.__context__, BrokenPipeError):
            return _nobody_reads_on()
        raise
    except OSError as error:
        name = "" if error.filename is None else f"{error.filename}: "
        return _fail(f"{name}{error.strerror or error}", NextcharError.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not is_memory_shortage(error):
            raise
        advice = "try a smaller --hidden-size, --batch-size or --sequence-length"
        return _fail(f"not enough memory: {advice}", NextcharError.exit_code)
    if code == 128 + signal.SIGINT:
        return _fail("interrupted", code)
    return code if isinstance(code, int) else 0


def _nobody_reads_on() -> int:
    """Return the exit code of a command whose reader closed the pipe, as a shell reports it."""
    return 128 + signal.SIGPIPE


def _fail(message: str, code: int) -> int:
    if not message.strip():  # The help was shown in place of a message.
        return code
    with contextlib.suppress(OSError):
        sys.stderr.write(f"nextchar: {one_line(message)}\n")
    return code


def _tell_escapes() -> None:
    """Note that stdout has escapes in place of characters that its encoding lacks."""
    stream = sys.stdout
    if isinstance(stream, Output) and stream.escaped:
        from nextchar.cli.output import write_note

        write_note(
            f"{stream.escaped:,} characters that {stream.encoding} does not have were written to "
            "standard output as escapes; set PYTHONIOENCODING=utf-8"
        )


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise Interrupted("terminated", number)
