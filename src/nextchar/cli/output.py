"""Results on stdout, one JSON object where it is asked for; progress on stderr."""

from __future__ import annotations

import codecs
import contextlib
import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from nextchar.cli.streams import CLEAR_LINE, Output, show_view, write_bytes
from nextchar.errors import in_command_line_terms
from nextchar.following import followed_by
from nextchar.rendering.training_words import duration
from nextchar.visible import JOINERS, printable, printable_text

JSON_HELP = "Print the result as one JSON object."
COLUMN_HELP = "its name, or its number from 1 if the table has no header"
QUIET_HELP = "Print results only: no progress and no notes. Errors are still shown."
RESUME_HELP = "Continue this run; --steps or --minutes train a finished run further."
_SEPARATOR = " · "
_REFRESH_SECONDS = 0.2
_BAR_WIDTH, _SHORTEST_BAR = 30, 10
_FIRST_LINE_SECONDS, _LINE_GROWTH = 10.0, 1.5  # where there is no terminal
_PART_KNOWN, _SECONDS_KNOWN = 0.05, 2.0  # minimum for an estimate
_NOT_ASCII, _SURROGATE = re.compile("[^\0-\x7f]"), re.compile("[\ud800-\udfff]")
EXPERTS_HELP = (
    "Mix the network with counts of the training text: none, fixed, learning (the weights of the "
    "mixture learn from the text), adaptive (the counts too)."
)
UNKNOWN_HELP = "Handling of symbols that are not in the vocabulary."


def print_json(values: Mapping[str, Any]) -> None:
    """Print one object; a number that JSON cannot hold is null.

    A list is printed entry by entry, so a long one needs no memory for its text. The entries may
    come from an iterator.
    """
    for number, (name, value) in enumerate(values.items()):
        write_json(",\n  " if number else "{\n  ")
        write_json(f"{json.dumps(name, ensure_ascii=False)}: ")
        if isinstance(value, list | tuple | Iterator):
            _print_list(value)
        else:
            write_json(_indented(value, "  "))
    write_json("\n}\n" if values else "{}\n")


def _print_list(values: Iterable[Any]) -> None:
    is_empty = True
    for value in values:
        write_json("[\n    " if is_empty else ",\n    ")
        write_json(_indented(value, "    "))
        is_empty = False
    write_json("[]" if is_empty else "\n  ]")


def _indented(value: Any, margin: str) -> str:  # noqa: ANN401  (any JSON value)
    # There are no other line breaks: those in a text are escaped.
    text = json.dumps(_finite(value), ensure_ascii=False, indent=2)
    return text.replace("\n", f"\n{margin}")


def write_json(text: str) -> None:
    """Write JSON, or a part of it, so that a program can read it whatever the encoding of stdout.

    Characters that would not arrive are written as JSON escapes.
    """
    stream = sys.stdout
    encoding = codecs.lookup(stream.encoding or "utf-8").name
    if encoding != "utf-8":
        write_bytes(_NOT_ASCII.sub(_json_escape, text).encode())
    elif isinstance(stream, Output) and stream.is_terminal:
        stream.write("".join(c if c == "\n" or _is_shown(c) else json.dumps(c)[1:-1] for c in text))
    else:
        stream.write(_SURROGATE.sub(_json_escape, text))


def _json_escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def _is_shown(character: str) -> bool:
    """Return whether a terminal shows a character as it is, whatever is beside it."""
    return printable(character) == character and character not in JOINERS


def _finite(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def write_progress(text: str) -> None:
    """Write a text to stderr; a closed stderr does not stop the work."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _redraw(line: str = "") -> None:
    """Replace the current line of the terminal by a printable one."""
    with contextlib.suppress(OSError):
        show_view(f"{CLEAR_LINE}{line}")
        sys.stderr.flush()


class ProgressLine:
    """The progress of a task, in one line on stderr.

    On a terminal the line is redrawn in place, within its width. Elsewhere lines are printed at
    growing intervals: twenty in ten hours.
    """

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (0 if self._on_terminal else _FIRST_LINE_SECONDS)
        self._interval = _FIRST_LINE_SECONDS

    def is_due(self) -> bool:
        """Return whether the next line is due."""
        return time.monotonic() >= self._next

    def show(self, parts: Sequence[str], share: float) -> None:
        """Show the first of these parts, as many of the others as fit, and a bar if it fits.

        Nothing happens before the next line is due.

        Parameters
        ----------
        parts
            Pieces of the line, the most important first.
        share
            The completed share of the work, 0 to 1.
        """
        if not self.is_due():
            return
        parts = list(map(printable_text, parts))
        if self._on_terminal:
            self._next = time.monotonic() + _REFRESH_SECONDS
            _redraw(_fitted(parts, share, terminal_width() - 1))
        else:
            self._next = time.monotonic() + self._interval
            self._interval *= _LINE_GROWTH
            write_progress(f"{_SEPARATOR.join(parts)}\n")

    def clear(self) -> None:
        """Clear the line from a terminal; the next one is shown at once."""
        if self._on_terminal:
            self._next = 0.0
            _redraw()


def terminal_width() -> int:
    """Return the width of stderr's terminal, or ``COLUMNS`` if that is smaller.

    stdout may be a file.
    """
    widths = [shutil.get_terminal_size().columns]
    with contextlib.suppress(OSError, ValueError):
        widths.append(os.get_terminal_size(sys.stderr.fileno()).columns)
    if "COLUMNS" not in os.environ:
        widths = widths[-1:]
    return min([width for width in widths if width > 0], default=80)


def _fitted(parts: Sequence[str], share: float, width: int) -> str:
    """Join the parts that fit, and append a bar; a wrapped line could not be overwritten."""
    from rich.cells import cell_len, set_cell_size

    text = parts[0]
    for part in parts[1:]:
        longer = f"{text}{_SEPARATOR}{part}"
        if cell_len(longer) > width:
            break
        text = longer
    room = min(width - cell_len(text) - 2, _BAR_WIDTH)
    if room >= _SHORTEST_BAR:
        return f"{text}  {_bar(share, room)}"
    return text if cell_len(text) <= width else set_cell_size(text, max(width, 0))


def _bar(share: float, width: int) -> str:
    from rich.console import Console
    from rich.progress_bar import ProgressBar

    console = Console(file=sys.stderr, width=width)
    with console.capture() as rendered:
        console.print(ProgressBar(total=1, completed=share, width=width), end="")
    return rendered.get().rstrip("\n")


class PartDisplay:
    """Shows the completed share of a task, and the time left."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._line = ProgressLine()
        self._began = time.monotonic()
        self._part = 0.0

    def __call__(self, part: float) -> None:
        """Show a share, 0 to 1; a smaller share than the previous one restarts the estimate."""
        if part < self._part:
            self._began = time.monotonic()
        self._part = part
        if part >= 1:
            self._line.clear()
        elif self._line.is_due():
            spent = time.monotonic() - self._began
            is_known = part >= _PART_KNOWN or (part > 0 and spent >= _SECONDS_KNOWN)
            left = duration(spent * (1 - part) / part) if is_known else "…"
            self._line.show([f"ETA {left}", f"{part:.0%}", self.label], part)

    def clear(self) -> None:
        """Clear the line from a terminal."""
        self._line.clear()


@contextlib.contextmanager
def part_display(label: str, *, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """Yield a progress callback, a no-op if quiet; the line is cleared at the end."""
    if quiet:
        yield lambda _part: None
        return
    display = PartDisplay(label)
    try:
        display(0.0)
        yield display
    finally:
        display.clear()


@contextlib.contextmanager
def followed_display(label: str, *, quiet: bool = False, symbols: int = 0) -> Iterator[None]:
    """Show the progress reported by the loops in the block (``following``), unless quiet.

    Loops that count symbols will read about ``symbols``.
    """
    with part_display(label, quiet=quiet) as display, followed_by(display, symbols=symbols):
        yield


class FlowingText:
    """Text that appears on stdout piece by piece; keeps track of the unfinished line."""

    def __init__(self) -> None:
        self.line = ""

    def write(self, text: str) -> None:
        """Write a piece."""
        sys.stdout.write(text)
        self.line = (self.line + text).rpartition("\n")[2]
        sys.stdout.flush()


_FLOWING: ContextVar[FlowingText | None] = ContextVar("flowing", default=None)


@contextlib.contextmanager
def flowing_text() -> Iterator[FlowingText]:
    """Yield the writer of a text that appears piece by piece.

    Notes appear above the line being written, and an error that ends the block below it.
    """
    text = FlowingText()
    token = _FLOWING.set(text)
    try:
        yield text
    except BrokenPipeError:
        raise
    except BaseException:
        if text.line:
            text.write("\n")
        raise
    finally:
        _FLOWING.reset(token)


def write_note(note: str) -> None:
    """Write a note on a line of its own, whatever the terminal's current line holds.

    Its options are named in the terms of the command line.
    """
    on_terminal = sys.stderr.isatty()
    if on_terminal:
        _redraw()
    write_progress(f"note: {in_command_line_terms(note)}\n")
    text = _FLOWING.get()
    if on_terminal and text is not None and sys.stdout.isatty():
        sys.stdout.write(text.line)
        sys.stdout.flush()
