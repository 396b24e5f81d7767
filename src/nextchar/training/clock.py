"""Timing of a run: training, validation and saves."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

from nextchar.compilation.cache import compilation_seconds


class Clock:
    """Measures a run's time for the reported speed, the remaining time and the next save.

    The speed and the remaining time exclude compilation, which happens once per installation.

    Parameters
    ----------
    steps
        Steps of the whole run.
    checkpoint_seconds
        Seconds between two saves.
    """

    def __init__(self, steps: int, checkpoint_seconds: float) -> None:
        self._all_steps = steps
        self._checkpoint_seconds = checkpoint_seconds
        self._started = self._saved_at = time.monotonic()
        self._before = 0.0
        self._symbols = 0
        self._steps = 0
        self._validating = 0.0
        self._validations = 0
        self._compiled_before = compilation_seconds()

    def start(self, earlier: float) -> None:
        """Start the clock.

        Parameters
        ----------
        earlier
            Seconds spent before this process resumed the run.
        """
        self._started = self._saved_at = time.monotonic()
        self._before = earlier
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
        return self._before + time.monotonic() - self._started

    def symbols_per_second(self) -> float:
        """Return the training speed of this process, excluding validation."""
        return self._symbols / max(self._training_seconds(), 1e-9)

    def seconds_left(self, step: int, validate_every: int) -> float:
        """Estimate the time to the end of the run, in seconds."""
        steps = self._all_steps - step
        each = self._training_seconds() / max(1, self._steps)
        validation = self._validating / max(1, self._validations)
        return steps * each + math.ceil(steps / validate_every) * validation

    def save_is_due(self) -> bool:
        """Return whether ``checkpoint_seconds`` have passed since the last save."""
        return time.monotonic() - self._saved_at >= self._checkpoint_seconds

    def saved(self) -> None:
        """Record the time of a save."""
        self._saved_at = time.monotonic()

    def _training_seconds(self) -> float:
        compiling = compilation_seconds() - self._compiled_before
        return time.monotonic() - self._started - self._validating - compiling
