"""The hierarchy of exceptions, each with the exit code of the command line.

    NextcharError                     1  a failure
    ├── InputError                    2  invalid input
    │   ├── ConfigError                  an invalid option or key of config.json
    │   ├── TextError                    an unreadable text, or one that is too small
    │   │   └── CharacterError           an invalid character of a text, with its position
    │   │       └── UnknownSymbolsError  symbols missing from the vocabulary
    │   ├── CorpusError                  an encoded corpus that is damaged or was modified
    │   └── RunError                     a run that is missing, damaged, newer or in the way
    ├── DatasetError                  1  a named corpus that is not available
    ├── StorageError                  1  a failed write: disk full, no permission
    ├── NonFiniteLossError            1  the loss became infinite or not a number
    ├── OtherProcessError                another training process failed first: its exit code
    └── Interrupted             130/143  SIGINT or SIGTERM, after the state was saved

Every message is one line with the problem, the value received and the values allowed; a long one
is cut in the middle, and characters that are not printable are shown by others. Options are named
with ``as_option``, and appear in the terms of the interface in use, Python or the command line.
"""

from __future__ import annotations

import re
import signal
from typing import Self

from nextchar.visible import one_line

# Markers in messages: for a position, and around the terms of Python and of the command line. A
# quoted name or text may contain any character, but hardly one of these sequences of noncharacters.
PLACE = "\ufdd3\ufdd0\ufdd2\ufdd1\ufdd3"
_BEGIN, _BETWEEN, _END = (
    f"{first}\ufdd2\ufdd3\ufdd0\ufdd1{first}" for first in "\ufdd0\ufdd1\ufdd2"
)
_TERMS = re.compile(f"{_BEGIN}(.*?){_BETWEEN}(.*?){_END}", re.DOTALL)


def in_terms(python: str, command_line: str) -> str:
    """Return a part of a message in two versions, for Python and for the command line."""
    return f"{_BEGIN}{python}{_BETWEEN}{command_line}{_END}"


def as_option(name: str, value: object = None, *, flag: str | None = None) -> str:
    """Return the name of an option for a message, optionally with a value.

    The result is ``batch_size=32`` in Python and ``--batch-size 32`` on the command line, or
    ``cut=True`` and ``--cut`` for a boolean. ``flag`` is the name on the command line if that
    differs.
    """
    flag = flag or name.replace("_", "-")
    if value is None:
        return in_terms(name, f"--{flag}")
    if isinstance(value, bool):
        return in_terms(f"{name}={value}", f"--{flag}" if value else f"--no-{flag}")
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return in_terms(f"{name}={shown}", f"--{flag} {value}")


def in_python_terms(message: str) -> str:
    """Return a message as one line in the terms of Python."""
    return one_line(_TERMS.sub(r"\1", message))


def in_command_line_terms(message: str) -> str:
    """Return a message as one line in the terms of the command line."""
    return one_line(_TERMS.sub(r"\2", message))


class NextcharError(Exception):
    """An expected failure; the command line prints its message without a traceback.

    Parameters
    ----------
    message
        One line, with options named by ``as_option``.

    Attributes
    ----------
    for_command_line
        The message in the terms of the command line; ``str`` returns the one in the terms of
        Python.
    in_both_terms
        The message with both terms, to be quoted in another error or note.
    """

    exit_code: int = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(in_python_terms(message))
        self.for_command_line = in_command_line_terms(message)
        self.in_both_terms = message


class InputError(NextcharError):
    """The input is invalid."""

    exit_code = 2


class ConfigError(InputError):
    """An option or a key of a configuration file is unknown or out of range."""


class TextError(InputError):
    """A text cannot be read or decoded, or is too small."""


class CharacterError(TextError):
    """A character of a text is invalid.

    Parameters
    ----------
    message
        The message, with ``PLACE`` for the position of the first invalid character.
    character
        The character in the text; empty if there is no text.
    place
        The position, as ``line 2, column 7`` or ``plays.txt, line 2, column 7``.
    """

    def __init__(self, message: str, *, character: str = "", place: str = "") -> None:
        super().__init__(message.replace(PLACE, place))
        self.character = character
        self.place = place
        self._message = message

    def at(self, place: str) -> Self:
        """Return the same error with another position."""
        return type(self)(self._message, character=self.character, place=place)


class UnknownSymbolsError(CharacterError):
    """A text has symbols outside the vocabulary; ``character`` is the first of them."""


class CorpusError(InputError):
    """An encoded corpus on disk is damaged, or was modified while in use."""


class RunError(InputError):
    """A run directory is missing, damaged, of a newer format, or already exists."""


class DatasetError(NextcharError):
    """A named corpus is not available: no network, a wrong checksum, or a refused download."""


class StorageError(NextcharError):
    """A file could not be written: the disk is full, or permission was denied."""


class NonFiniteLossError(NextcharError):
    """The loss became infinite or not a number; the last good checkpoint is kept."""


class OtherProcessError(NextcharError):
    """Another training process failed first and reported the error; this one exits silently.

    Parameters
    ----------
    message
        Description of the failure in this process.
    exit_code
        Exit code of the first failed process.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Interrupted(NextcharError):  # noqa: N818  (an interruption is not an error)
    """A signal stopped the work, after the state was saved.

    Parameters
    ----------
    message
        The saved state, and the way to continue.
    signal_number
        ``signal.SIGINT`` (exit code 130) or ``signal.SIGTERM`` (exit code 143).
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal.Signals(signal_number)
        self.exit_code = 128 + signal_number


def is_memory_shortage(error: Exception) -> bool:
    """Return whether an error means that memory is exhausted, without importing torch."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )
