"""What a search came to: its trials, the best of them, and what mattered."""

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
        Its place in the search, from 1.
    state
        ``complete``; ``pruned``, as it was behind; ``failed``, for a ``reason``; ``running``, here
        or in another process, or interrupted: then the next call goes on with it.
    options
        The searched options' values.
    nats_per_char
        The lowest loss on the validation part so far, or ``None`` before the first validation.
    progress
        Share of its steps that were made, 0 to 1, at the last validation.
    seconds
        Time in training until then.
    reason
        Why it has failed, in Python's terms; ``reason_for_command_line`` is the same in those of
        the command line.
    run
        The run directory, where it is kept.
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
        """Give the figures by name, each name with its unit."""
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
    """A trial begins, or is gone on with: number ``number`` of ``trials``."""

    number: int
    trials: int
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class TrialEnded:
    """A trial has ended.

    Attributes
    ----------
    best
        The best trial so far, by any process.
    seconds_left
        Estimated time to the end of the search.
    """

    trial: Trial
    trials: int
    best: Trial | None
    seconds_left: float


SearchEvent = TrialBegun | TrialEnded


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """A search.

    Attributes
    ----------
    trials
        In the order in which they began.
    best
        The complete trial with the lowest loss.
    config
        Its options as a file, for ``nextchar train --config``.
    importance
        Share of each searched option in what sets the best trials apart, 0 to 1, the largest
        first; empty where the trials are too few to tell.
    """

    trials: tuple[Trial, ...]
    best: Trial
    config: Path
    importance: Mapping[str, float]

    def history(self) -> list[float | None]:
        """Give the lowest nats per character of the complete trials up to each trial."""
        lowest: list[float | None] = []
        for trial in self.trials:
            before = lowest[-1] if lowest else None
            nats = trial.nats_per_char if trial.state == "complete" else None
            lowest.append(min((each for each in (before, nats) if each is not None), default=None))
        return lowest

    def counts(self) -> dict[str, int]:
        """Count the trials in each state."""
        states = [trial.state for trial in self.trials]
        return {state: states.count(state) for state in ("complete", "pruned", "failed", "running")}

    def to_dict(self) -> dict[str, Any]:
        """Give all trials as JSON can hold them."""
        return {
            "best": self.best.to_dict(),
            "config": str(self.config),
            "counts": self.counts(),
            "importance": dict(self.importance),
            "trials": [trial.to_dict() for trial in self.trials],
        }

    def markdown(self) -> str:
        """Give a table of the best trials."""
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
    """Give an option's value as people read it: numbers in three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """Give the complete trial with the lowest loss, the earliest of equals."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return min(complete, key=lambda trial: trial.nats_per_char or math.inf, default=None)


def run_folder(folder: Path, number: int) -> Path:
    """Give the run directory of a trial in a search's folder."""
    return folder / TRIALS_FOLDER / f"{number:03d}"
