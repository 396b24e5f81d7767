"""Where a run's time goes."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

from nextchar.compilation.cache import compilation_seconds


class Clock:
    """The breakdown of a run's time, for speeds, the ETA and the next save.

    Compilation, once per installation, is excluded from all of them.
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
        """Start counting, after so many seconds in earlier sittings."""
        self._started = self._saved_at = time.monotonic()
        self._before = earlier
        self._compiled_before = compilation_seconds()

    def count(self, symbols: int) -> None:
        """Count one step of so many symbols."""
        self._steps += 1
        self._symbols += symbols

    @contextlib.contextmanager
    def validating(self) -> Iterator[None]:
        """Count the block as validation, not training."""
        begin, compiled = time.monotonic(), compilation_seconds()
        yield
        # Compilation in the meantime is not part of the training.
        self._validating += time.monotonic() - begin - (compilation_seconds() - compiled)
        self._validations += 1

    def seconds(self) -> float:
        """Give the run's time so far, over all sittings."""
        return self._before + time.monotonic() - self._started

    def symbols_per_second(self) -> float:
        """Give the training speed of this sitting, validation left out."""
        return self._symbols / max(self._training_seconds(), 1e-9)

    def seconds_left(self, step: int, validate_every: int) -> float:
        """Estimate the time to the end of the run."""
        steps = self._all_steps - step
        each = self._training_seconds() / max(1, self._steps)
        validation = self._validating / max(1, self._validations)
        return steps * each + math.ceil(steps / validate_every) * validation

    def save_is_due(self) -> bool:
        """Say whether the last save is ``checkpoint_seconds`` ago."""
        return time.monotonic() - self._saved_at >= self._checkpoint_seconds

    def saved(self) -> None:
        """Note that a save was just made."""
        self._saved_at = time.monotonic()

    def _training_seconds(self) -> float:
        compiling = compilation_seconds() - self._compiled_before
        return time.monotonic() - self._started - self._validating - compiling
