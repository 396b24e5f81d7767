"""What can go wrong: one small tree of exceptions, each with the exit code of the command line.

    NextcharError                     1  a failure
    ├── InputError                    2  what was given cannot be used
    │   ├── ConfigError                  an option or a key of config.json
    │   ├── TextError                    a text that cannot be read or is too small
    │   │   └── UnknownSymbolsError      symbols that a vocabulary does not have
    │   ├── CorpusError                  an encoded corpus that is damaged or has changed
    │   └── RunError                     a run that is missing, damaged, in the way or newer
    ├── DatasetError                  1  a named corpus that could not be had
    ├── StorageError                  1  a write that failed: disk full, no permission
    ├── NonFiniteLossError            1  the loss became infinite or not a number
    ├── OtherProcessError                another process of the training failed first: its code
    └── Interrupted             130/143  SIGINT or SIGTERM, after the state was saved

Every message is one line that says what is wrong, what was received and what is allowed.
This file imports nothing of nextchar.
"""

from __future__ import annotations

import signal


class NextcharError(Exception):
    """A failure that nextchar foresees; the command line prints its message, not a traceback."""

    exit_code: int = 1


class InputError(NextcharError):
    """What was given cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """An option, or a key of a configuration file, that is unknown or out of its range."""


class TextError(InputError):
    """A text that cannot be read, decoded, or used because it is too small."""


class UnknownSymbolsError(TextError):
    """A text holds symbols that the vocabulary does not have."""


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
