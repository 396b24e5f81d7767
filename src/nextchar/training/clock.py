"""Timing of a run: training, validation and saves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from nextchar.compilation.cache import compilation_seconds


class Clock:
    """Measures a run's time for the reported speed, the remaining time and the next save.

    All times exclude compilation, which happens once per installation.

    Parameters
    ----------
    checkpoint_seconds
        Seconds between two saves.
    """

    def __init__(self, checkpoint_seconds: float) -> None:
        self._checkpoint_seconds = checkpoint_seconds
        self._started = self._saved_at = time.monotonic()
        self._before = 0.0
        self._symbols = 0
        self._steps = 0
        self._validating = 0.0
        self._validations = 0
        self._validation_before = 0.0
        self._compiled_before = compilation_seconds()

    def start(self, earlier: float, validation_seconds: float = 0.0) -> None:
        """Start the clock.

        Parameters
        ----------
        earlier
            Seconds spent before this process resumed the run.
        validation_seconds
            The expected time of a validation; 0 if unknown.
        """
        self._started = self._saved_at = time.monotonic()
        self._before = earlier
        self._validation_before = validation_seconds
        self._compiled_before = compilation_seconds()

    def count(self, symbols: int) -> None:
        """Count one step, over this number of symbols."""
        self._steps += 1
        self._symbols += symbols

    @contextlib.contextmanager
    def validating(self) -> Iterator[None]:
        """Count the time in the block as validation, not training."""
        begin, compiled = time.monotonic(), compilation_seconds()
        yield
        # Compilation is counted separately.
        self._validating += time.monotonic() - begin - (compilation_seconds() - compiled)
        self._validations += 1

    def seconds(self) -> float:
        """Return the run's time so far, including the time before it was resumed."""
        return self._before + self._training_seconds() + self._validating

    def symbols_per_second(self) -> float:
        """Return the training speed of this process, excluding validation."""
        return self._symbols / max(self._training_seconds(), 1e-9)

    def training(self) -> tuple[float, int]:
        """Return the seconds of this process without validation, and the steps done in them."""
        return self._training_seconds(), self._steps

    def seconds_per_validation(self) -> float:
        """Return the mean time of a validation, or the expected one before the first."""
        if self._validations == 0:
            return self._validation_before
        return self._validating / self._validations

    def seconds_left(self, steps: int, validations: int) -> float:
        """Estimate the time of the remaining steps and validations, in seconds."""
        each = self._training_seconds() / max(1, self._steps)
        return steps * each + validations * self.seconds_per_validation()

    def save_is_due(self) -> bool:
        """Return whether ``checkpoint_seconds`` have passed since the last save."""
        return time.monotonic() - self._saved_at >= self._checkpoint_seconds

    def saved(self) -> None:
        """Record the time of a save."""
        self._saved_at = time.monotonic()

    def _training_seconds(self) -> float:
        compiling = compilation_seconds() - self._compiled_before
        return time.monotonic() - self._started - self._validating - compiling
