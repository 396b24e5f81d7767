"""One process's work on a search: it makes trials, each a run directory, and keeps the best."""

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
# What a plan for some minutes decides that is no finding of the search.
_OF_THE_BUDGET = ("steps", "validate_every", "precision")
# What decides how much text is enough.
_LEAST_TEXT = ("batch_size", "sequence_length", "vocabulary")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is searched, on which text.

    Attributes
    ----------
    shared
        The options of all trials.
    """

    paths: tuple[str | os.PathLike[str], ...]
    space: Space
    shared: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The seed of the search, and of each training."""
        return Config.from_options(self.shared).training.seed

    def first(self, start: Mapping[str, Any]) -> dict[str, Any]:
        """Give the first trial's values: those to start from, and otherwise the usual ones.

        What lies outside its range is left out.
        """
        values = _flat(Config.from_options(self.shared)) | dict(start)
        return {name: values[name] for name, each in self.space.items() if each.holds(values[name])}


class Worker:
    """Makes trials until there are enough, or the time is up.

    Parameters
    ----------
    ends
        When the time is up, on the monotonic clock.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
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
        """Make trials."""
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
        """Make a trial, and give all that have begun."""
        self._announce(TrialBegun(number=claim.number, trials=self._most, options=claim.options))
        try:
            outcome = self._outcome(claim)
        except (_TimeIsUp, KeyboardInterrupt):
            claim.forgive()
            raise
        except Interrupted as stop:
            claim.forgive()
            message = (
                f"stopped in trial {claim.number} of {self._most}; saved. The same command goes on"
            )
            raise Interrupted(message, stop.signal_number) from stop
        with self._search.alone():
            self._search.end(claim, outcome.state, outcome.nats_per_char, outcome.reason)
            trials = self._search.trials()
            keep_best(self._folder, self._task, trials)
        return trials

    def _outcome(self, claim: Claim) -> _Outcome:
        """Train, and tell what came of it."""
        watch = _Watch(claim, self._ends)
        try:
            result = self._train(claim, watch)
        except _Pruned:
            return _Outcome("pruned")
        except (ConfigError, NonFiniteLossError) as error:
            return _Outcome("failed", reason=error.in_both_terms.partition(";")[0])
        except TextError as error:
            config = Config.from_options({**self._task.shared, **claim.options})
            require_text(self._task.paths, config.text)  # If it is at fault, the search ends;
            if not any(name in self._task.space for name in _LEAST_TEXT):
                raise  # so it does if no trial can use it.
            return _Outcome("failed", reason=error.in_both_terms)
        except (MemoryError, RuntimeError) as error:
            if not is_memory_shortage(error):
                raise
            return _Outcome("failed", reason="not enough memory")
        if "validation_nats_per_char" not in history(result.run)[-1]:
            return _Outcome("failed", reason="the validation part is too short to be measured")
        claim.note("seconds", result.seconds)
        return _Outcome("complete", nats_per_char=result.nats_per_char)

    def _train(self, claim: Claim, watch: Listener) -> TrainingResult:
        run = run_folder(self._folder, claim.number)
        for leftover in run.parent.glob(f".{run.name}.*.tmp"):  # of a process that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        listeners = [*self._listeners, watch]
        if run.exists():
            resumed: TrainingResult = resume(run, listeners=listeners)
            return resumed
        result: TrainingResult = train(
            LANGUAGE_MODEL,
            self._task.paths,
            run,
            listeners=listeners,
            **self._task.shared,
            **claim.options,
        )
        return result


def require_text(paths: Sequence[str | os.PathLike[str]], config: TextConfig) -> None:
    """Raise ``TextError`` where a text cannot be read or has no symbols."""
    with open_text(paths, config) as source:
        learn_vocabulary(source, config)


def keep_best(folder: Path, task: Task, trials: Sequence[Trial]) -> Trial | None:
    """Write the best trial's options, and remove what nobody needs; give the best trial.

    Only while no other process ends a trial.
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
            if value != usual[name] and name not in _OF_THE_BUDGET
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
    """How a trial ended."""

    state: TrialState
    nats_per_char: float | None = None
    reason: str | None = None


class _Pruned(Exception):  # noqa: N818  (no error)
    """The trial is behind."""


class _TimeIsUp(Exception):  # noqa: N818
    """The search has had its minutes."""


class _Watch:
    """A listener that ends a training which is behind, or for which there is no time left."""

    def __init__(self, claim: Claim, ends: float) -> None:
        self._claim = claim
        self._ends = ends

    def __call__(self, event: Event) -> None:
        """Look at an event; raises to end the training."""
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
