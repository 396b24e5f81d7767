"""What can go wrong: one small tree of exceptions, each with the exit code of the command line.

    NextcharError                     1  a failure
    ├── InputError                    2  what was given cannot be used
    │   ├── ConfigError                  an option or a key of config.json
    │   ├── TextError                    a text that cannot be read or is too small
    │   │   └── CharacterError           a character of a text that cannot be used, and its place
    │   │       └── UnknownSymbolsError  symbols that a vocabulary does not have
    │   ├── CorpusError                  an encoded corpus that is damaged or has changed
    │   └── RunError                     a run that is missing, damaged, in the way or newer
    ├── DatasetError                  1  a named corpus that could not be had
    ├── StorageError                  1  a write that failed: disk full, no permission
    ├── NonFiniteLossError            1  the loss became infinite or not a number
    ├── OtherProcessError                another process of the training failed first: its code
    └── Interrupted             130/143  SIGINT or SIGTERM, after the state was saved

Every message is one line that says what is wrong, what was received and what is allowed. It names
options by ``as_option``, so that each reader finds them in the terms of the interface in use.
This file imports nothing of nextchar.
"""

from __future__ import annotations

import re
import signal
from typing import Self

# Markers in messages, which are not characters of any text: for a place, and around the terms of
# Python and of the command line.
PLACE = "\ufdd3"
_BEGIN, _BETWEEN, _END = "\ufdd0", "\ufdd1", "\ufdd2"
_TERMS = re.compile(f"{_BEGIN}([^{_BETWEEN}]*){_BETWEEN}([^{_END}]*){_END}")


def in_terms(python: str, command_line: str) -> str:
    """Word a part of a message both for Python and for the command line."""
    return f"{_BEGIN}{python}{_BETWEEN}{command_line}{_END}"


def as_option(name: str, value: object = None, *, flag: str | None = None) -> str:
    """Name an option in a message, with a value or without.

    It reads ``batch_size=32`` in Python and ``--batch-size 32`` on the command line; a flag
    ``cut=True`` and ``--cut``. ``flag`` is its name on the command line if that differs.
    """
    flag = flag or name.replace("_", "-")
    if value is None:
        return in_terms(name, f"--{flag}")
    if isinstance(value, bool):
        return in_terms(f"{name}={value}", f"--{flag}" if value else f"--no-{flag}")
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return in_terms(f"{name}={shown}", f"--{flag} {value}")


def in_python_terms(message: str) -> str:
    """Return a message in the terms of Python."""
    return _TERMS.sub(r"\1", message)


def in_command_line_terms(message: str) -> str:
    """Return a message in the terms of the command line."""
    return _TERMS.sub(r"\2", message)


class NextcharError(Exception):
    """An anticipated failure; the command line prints its message, not a traceback.

    Parameters
    ----------
    message
        One line, with options named by ``as_option``.

    Attributes
    ----------
    for_command_line
        The message in the terms of the command line; ``str`` returns it in those of Python.
    in_both_terms
        The message for another error or note that quotes it.
    """

    exit_code: int = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(in_python_terms(message))
        self.for_command_line = in_command_line_terms(message)
        self.in_both_terms = message


class InputError(NextcharError):
    """What was given cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """An option, or a key of a configuration file, that is unknown or out of its range."""


class TextError(InputError):
    """A text that cannot be read, decoded, or used because it is too small."""


class CharacterError(TextError):
    """A character of a text cannot be used.

    Parameters
    ----------
    message
        Names the place of the character, or of the first of several, as ``PLACE``.
    character
        The character in the text; empty if there is no text.
    place
        As ``line 2, column 7``, or ``plays.txt, line 2, column 7``.
    """

    def __init__(self, message: str, *, character: str = "", place: str = "") -> None:
        super().__init__(message.replace(PLACE, place))
        self.character = character
        self.place = place
        self._message = message

    def at(self, place: str) -> Self:
        """Return the same error for a character at another place."""
        return type(self)(self._message, character=self.character, place=place)


class UnknownSymbolsError(CharacterError):
    """A text holds symbols outside the vocabulary; ``character`` belongs to the first."""


class CorpusError(InputError):
    """An encoded corpus on disk is damaged, or has changed while it was in use."""


class RunError(InputError):
    """A run directory is missing, damaged, in the way, or of a newer format."""


class DatasetError(NextcharError):
    """A named corpus could not be had: no network, a wrong checksum, a refusal."""


class StorageError(NextcharError):
    """A file could not be written: the disk is full, or permission is missing."""


class NonFiniteLossError(NextcharError):
    """The loss became infinite or not a number; the last good checkpoint is kept."""


class OtherProcessError(NextcharError):
    """Another process of the same training failed first, and says why; this one ends silently.

    Parameters
    ----------
    message
        What happened to this process.
    exit_code
        That of the first failure.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Interrupted(NextcharError):  # noqa: N818  (an interruption is not an error)
    """A signal asked the work to stop, and the state was saved first.

    Parameters
    ----------
    message
        What was saved, and how to go on.
    signal_number
        ``signal.SIGINT`` (exit code 130) or ``signal.SIGTERM`` (exit code 143).
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal.Signals(signal_number)
        self.exit_code = 128 + signal_number


def is_memory_shortage(error: Exception) -> bool:
    """Tell torch's own signs of a full memory, without importing torch for it."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )
