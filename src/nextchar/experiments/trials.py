"""Results of a search: the trials, the best trial, and the importance of the options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nextchar.errors import in_command_line_terms, in_python_terms
from nextchar.experiments.tables import markdown_table

TrialState = Literal["complete", "pruned", "failed", "running"]
TRIALS_FOLDER = "trials"
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a search.

    Attributes
    ----------
    number
        Number of the trial, from 1.
    state
        ``complete``; ``pruned``: stopped because of a high loss; ``failed``: see ``reason``;
        ``running``: active in this or another process, or interrupted until the next call.
    options
        Values of the searched options.
    nats_per_char
        The lowest validation loss so far; ``None`` before the first validation.
    progress
        Share of the steps completed at the last validation, 0 to 1.
    seconds
        Training time up to the last validation.
    reason
        Reason of the failure, in the terms of Python; ``reason_for_command_line`` uses the terms
        of the command line.
    run
        The run directory; ``None`` if it was deleted.
    """

    number: int
    state: TrialState
    options: Mapping[str, Any]
    nats_per_char: float | None
    progress: float
    seconds: float
    reason: str | None
    run: Path | None
    reason_for_command_line: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.reason is not None:
            shown = in_command_line_terms(self.reason)
            object.__setattr__(self, "reason_for_command_line", shown)
            object.__setattr__(self, "reason", in_python_terms(self.reason))

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics by name; the names include the units."""
        nats = self.nats_per_char
        return {
            "number": self.number,
            "state": self.state,
            "options": dict(self.options),
            "nats_per_char": nats,
            "bits_per_char": None if nats is None else nats / math.log(2),
            "progress": self.progress,
            "seconds": round(self.seconds, 3),
            "reason": self.reason,
            "run": None if self.run is None else str(self.run),
        }


@dataclass(frozen=True, kw_only=True)
class TrialBegun:
    """A trial is started or resumed: number ``number`` of ``trials``."""

    number: int
    trials: int
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TrialEnded:
    """A trial has ended.

    Attributes
    ----------
    best
        The best trial so far, of all processes.
    seconds_left
        Estimated time left in the search.
    """

    trial: Trial
    trials: int
    best: Trial | None
    seconds_left: float


SearchEvent = TrialBegun | TrialEnded


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """The results of a search.

    Attributes
    ----------
    trials
        The trials, in starting order.
    best
        The complete trial with the lowest loss.
    config
        A file with the options of the best trial, for ``nextchar train --config``.
    importance
        Importance of each searched option, as shares that sum to 1, largest first; empty if there
        are too few trials.
    """

    trials: tuple[Trial, ...]
    best: Trial
    config: Path
    importance: Mapping[str, float]

    def history(self) -> list[float | None]:
        """Return the lowest nats per character of the complete trials up to each trial."""
        lowest: list[float | None] = []
        for trial in self.trials:
            before = lowest[-1] if lowest else None
            nats = trial.nats_per_char if trial.state == "complete" else None
            lowest.append(min((each for each in (before, nats) if each is not None), default=None))
        return lowest

    def counts(self) -> dict[str, int]:
        """Return the number of trials in each state."""
        states = [trial.state for trial in self.trials]
        return {state: states.count(state) for state in ("complete", "pruned", "failed", "running")}

    def to_dict(self) -> dict[str, Any]:
        """Return all trials as JSON values."""
        return {
            "best": self.best.to_dict(),
            "config": str(self.config),
            "counts": self.counts(),
            "importance": dict(self.importance),
            "trials": [trial.to_dict() for trial in self.trials],
        }

    def markdown(self) -> str:
        """Return a Markdown table of the best trials."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        best = sorted(complete, key=lambda trial: trial.nats_per_char or math.inf)[:SHOWN]
        names = list(self.best.options)
        rows = []
        for trial in best:
            nats = trial.nats_per_char or math.nan
            figures = [str(trial.number), f"{nats:.4f}", f"{nats / math.log(2):.4f}"]
            values = [shown(trial.options[name]) for name in names]
            rows.append([*figures, f"{trial.seconds:.0f}", *values])
        return markdown_table(["trial", "nats/char", "bits/char", "s", *names], rows)


def shown(value: object) -> str:
    """Return the value of an option for display; floats have three significant digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """Return the complete trial with the lowest loss; ties go to the earliest."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return min(complete, key=lambda trial: trial.nats_per_char or math.inf, default=None)


def run_folder(folder: Path, number: int) -> Path:
    """Return the run directory of a trial in the folder of a search."""
    return folder / TRIALS_FOLDER / f"{number:03d}"
