"""The worker process of a search: it runs trials, and keeps the best one."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextchar.config import Config, TextConfig
from nextchar.config.toml import write_options
from nextchar.errors import (
    ConfigError,
    Interrupted,
    NonFiniteLossError,
    TextError,
    is_memory_shortage,
)
from nextchar.experiments.spaces import Space
from nextchar.experiments.trials import (
    SearchEvent,
    Trial,
    TrialBegun,
    TrialEnded,
    TrialState,
    best_of,
    run_folder,
)
from nextchar.language_model.result import TrainingResult
from nextchar.run_files.model_files import load_config
from nextchar.runs import train
from nextchar.runs.registry import LANGUAGE_MODEL
from nextchar.runs.training import history, resume
from nextchar.tasks.language_modeling.data import CORPUS_FOLDER
from nextchar.text.folds import learn_vocabulary
from nextchar.text.reading import open_text
from nextchar.training.checkpoint import LAST_FILE
from nextchar.training.events import Event, Listener, Validated

if TYPE_CHECKING:
    from nextchar.experiments.study import Claim, Search

BEST_FILE = "best.toml"
# Options that follow from the time budget, not from the search.
_FROM_BUDGET = ("steps", "validate_every", "precision")
# Options that determine the minimum length of a text.
_FOR_LENGTH = ("batch_size", "sequence_length", "vocabulary")


@dataclass(frozen=True, kw_only=True)
class SearchJob:
    """The text, the search space and the shared options of a search.

    Attributes
    ----------
    shared
        Options of all trials.
    """

    paths: tuple[str | os.PathLike[str], ...]
    space: Space
    shared: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The seed of the search, and of each training."""
        return Config.from_options(self.shared).training.seed

    def first(self, start: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the first trial: initial values, or else the defaults.

        Values outside their range are omitted.
        """
        values = _flat(Config.from_options(self.shared)) | dict(start)
        return {
            name: values[name] for name, each in self.space.items() if each.contains(values[name])
        }


class Worker:
    """Runs trials until there are enough, or the time is up.

    Parameters
    ----------
    trials
        Total number of trials in the folder.
    ends
        End of the available time, on the monotonic clock.
    """

    def __init__(
        self,
        folder: Path,
        task: SearchJob,
        search: Search,
        trials: int,
        ends: float,
        listeners: Sequence[Listener],
        announce: Callable[[SearchEvent], None],
    ) -> None:
        self._folder = folder
        self._task = task
        self._search = search
        self._most = trials
        self._ends = ends
        self._listeners = listeners
        self._announce = announce

    def work(self) -> None:
        """Run trials."""
        began, before = time.monotonic(), _ended(self._search.trials())
        while time.monotonic() < self._ends:
            claim = self._search.claim(self._most)
            if claim is None:
                return
            try:
                trials = self._make(claim)
            except _TimeIsUp:
                return
            finally:
                claim.release()
            done = _ended(trials)
            pace = (time.monotonic() - began) / max(1, done - before)
            left = min(pace * (self._most - done), self._ends - time.monotonic())
            self._announce(
                TrialEnded(
                    trial=trials[claim.number - 1],
                    trials=self._most,
                    best=best_of(trials),
                    seconds_left=max(0.0, left),
                )
            )

    def _make(self, claim: Claim) -> tuple[Trial, ...]:
        """Run a trial, and return all started trials."""
        self._announce(TrialBegun(number=claim.number, trials=self._most, options=claim.options))
        try:
            outcome = self._outcome(claim)
        except (_TimeIsUp, KeyboardInterrupt):
            claim.reset_attempts()
            raise
        except Interrupted as stop:
            claim.reset_attempts()
            message = (
                f"stopped in trial {claim.number} of {self._most}; saved. Run the same command to "
                "continue"
            )
            raise Interrupted(message, stop.signal_number) from stop
        with self._search.locked():
            self._search.end(claim, outcome.state, outcome.nats_per_char, outcome.reason)
            trials = self._search.trials()
            keep_best(self._folder, self._task, trials)
        return trials

    def _outcome(self, claim: Claim) -> _Outcome:
        """Train, and return the outcome."""
        watch = _Watch(claim, self._ends)
        try:
            result = self._train(claim, watch)
        except _Pruned:
            return _Outcome("pruned")
        except (ConfigError, NonFiniteLossError) as error:
            return _Outcome("failed", reason=error.in_both_terms.partition(";")[0])
        except TextError as error:
            config = Config.from_options({**self._task.shared, **claim.options})
            # An invalid text ends the search, and so does a text too short for every trial.
            require_text(self._task.paths, config.text)
            if not any(name in self._task.space for name in _FOR_LENGTH):
                raise
            return _Outcome("failed", reason=error.in_both_terms)
        except (MemoryError, RuntimeError) as error:
            if not is_memory_shortage(error):
                raise
            return _Outcome("failed", reason="not enough memory")
        if "validation_nats_per_char" not in history(result.run)[-1]:
            return _Outcome("failed", reason="the validation text is too short to evaluate")
        claim.note("seconds", result.seconds)
        return _Outcome("complete", nats_per_char=result.nats_per_char)

    def _train(self, claim: Claim, watch: Listener) -> TrainingResult:
        run = run_folder(self._folder, claim.number)
        listeners = [*self._listeners, watch]
        if run.exists():
            resumed: TrainingResult = resume(run, listeners=listeners)
            return resumed
        result: TrainingResult = train(
            LANGUAGE_MODEL,
            self._task.paths,
            run,
            listeners=listeners,
            **{"experts": "none", **self._task.shared, **claim.options},
        )
        return result


def require_text(paths: Sequence[str | os.PathLike[str]], config: TextConfig) -> None:
    """Raise ``TextError`` if a text cannot be read or has no symbols."""
    with open_text(paths, config) as source:
        learn_vocabulary(source, config)


def keep_best(folder: Path, task: SearchJob, trials: Sequence[Trial]) -> Trial | None:
    """Write the options of the best trial, delete unneeded files, and return the best trial.

    Call this only while no other process can end a trial.
    """
    best = best_of(trials)
    for trial in trials:
        if trial.run is None or trial.state == "running":
            continue
        if trial.state != "complete":
            shutil.rmtree(trial.run, ignore_errors=True)
        elif trial != best:
            for part in (CORPUS_FOLDER, Path(LAST_FILE).parent):
                shutil.rmtree(trial.run / part, ignore_errors=True)
    if best is not None and best.run is not None:
        asked = {**task.shared, **best.options}
        usual, decided = _flat(Config.from_options(asked)), _flat(load_config(best.run))
        planned = {
            name: value
            for name, value in decided.items()
            if value != usual[name] and name not in _FROM_BUDGET
        }
        nats = best.nats_per_char or math.nan
        write_options(
            folder / BEST_FILE,
            asked | planned,
            heading=f"trial {best.number}: {nats:.4f} nats/char, {nats / math.log(2):.4f} bits\n"
            f"use it with: nextchar train TEXT --config {folder / BEST_FILE} --out RUN",
        )
    return best


@dataclass(frozen=True)
class _Outcome:
    """The outcome of a trial."""

    state: TrialState
    nats_per_char: float | None = None
    reason: str | None = None


class _Pruned(Exception):  # noqa: N818  (not an error)
    """The trial is pruned."""


class _TimeIsUp(Exception):  # noqa: N818
    """The time of the search is up."""


class _Watch:
    """A listener that stops training if the trial is pruned or the time is up."""

    def __init__(self, claim: Claim, ends: float) -> None:
        self._claim = claim
        self._ends = ends

    def __call__(self, event: Event) -> None:
        """Handle an event; an exception stops the training."""
        is_last = False
        if isinstance(event, Validated) and event.validation_nats is not None:
            is_last = event.step == event.steps
            percent = round(100 * event.step / event.steps)
            is_behind = self._claim.report(percent, event.validation_nats, event.seconds)
            if is_behind and not is_last:
                raise _Pruned
        if time.monotonic() >= self._ends and not is_last:
            raise _TimeIsUp


def _ended(trials: Sequence[Trial]) -> int:
    return sum(trial.state != "running" for trial in trials)


def _flat(config: Config) -> dict[str, Any]:
    return {name: value for part in config.to_dict().values() for name, value in part.items()}
