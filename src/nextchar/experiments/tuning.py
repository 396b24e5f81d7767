"""Tuning: a search for the options with the lowest loss on the validation part.

A search is a folder, which several processes may share::

    tuning.json         what is searched; a call with the same goes on with it
    journal.jsonl       the trials (Optuna's journal)
    trials/NNN/         the run directory of each that was completed; only the best keeps its
                        corpus and what resuming needs
    best.toml           the options of the best trial so far
"""

from __future__ import annotations

import importlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Unpack, get_args

from nextchar.config import Config, Pruning, SearchMethod
from nextchar.config.arguments import checked
from nextchar.config.options import TrialOptions
from nextchar.config.toml import overridden
from nextchar.errors import ConfigError, NextcharError, RunError, as_option, in_terms
from nextchar.experiments.folder import files_of
from nextchar.experiments.spaces import Space, default_space, grid_of, parse_space, require_unset
from nextchar.experiments.trials import TRIALS_FOLDER, SearchEvent, Trial, Tuning
from nextchar.experiments.worker import BEST_FILE, Task, Worker, keep_best, require_text
from nextchar.storage import locked_folder, read_json, storage_errors, write_json
from nextchar.training.events import Listener

FORMAT_VERSION = 1
SPEC_FILE = "tuning.json"
USUAL_TRIALS = 40
SHARED_OUT = 0.95  # of the search's minutes among its trials; the rest is for all around them


@checked
def tune(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    search: Mapping[str, object] | None = None,
    method: SearchMethod = "tpe",
    pruning: Pruning = "median",
    trials: int | None = None,
    minutes: float | None = None,
    trial_minutes: float | None = None,
    start: Mapping[str, Any] | None = None,
    listeners: Sequence[Listener] = (),
    announce: Callable[[SearchEvent], None] = lambda _event: None,
    **options: Unpack[TrialOptions],
) -> Tuning:
    """Search for the options with the lowest loss on the validation part of a text.

    The budget of a trial is ``steps`` (an option) or ``trial_minutes``; with neither it is
    ``minutes`` shared out among the trials.

    Parameters
    ----------
    inputs
        Text, as for ``train``, but not standard input.
    out
        The folder of the search. If it holds the same search, that goes on: trials that have
        ended stay as they are, one that was interrupted is resumed. Processes that are given
        the same folder at the same time share the trials.
    search
        For each option that is searched a text, ``"1e-4..3e-2:log"`` or ``"lstm,gru"``, or a list
        of values; if not given, the few that matter most.
    method
        ``tpe`` learns from the trials before, ``random`` does not, ``grid`` tries all values.
    pruning
        Which trials are given up early; see ``study.Search``.
    trials
        How many trials the folder is to have, 40 if not given, and all of a grid.
    minutes
        Ends this call at the latest after so long; the trial that is under way then waits for
        the next.
    trial_minutes
        The budget of each trial, which is planned as ``train`` plans it: sizes that are neither
        searched nor set are chosen to suit.
    start
        Options to start from: those that are searched are the values of the first trial, as far
        as they are in their ranges, and the others are shared by all.
    listeners
        Told the events of every training.
    announce
        Told when a trial begins and when it ends.
    **options
        What all trials share.

    Raises
    ------
    ConfigError, TextError
        The search cannot be; nothing was written.
    RunError
        ``out`` is in the way, or holds another search.
    StorageError
        The disk is full; all that has ended is kept.
    Interrupted
        SIGINT or SIGTERM came; the same call goes on.
    NextcharError
        No trial was completed, or Optuna is not installed.
    """
    ends = math.inf if minutes is None else time.monotonic() + minutes * 60
    engine = require_search()
    folder = Path(out)
    _require_sensible(method, pruning, trials=trials, minutes=minutes, trial_minutes=trial_minutes)
    by_time = "steps" not in options and "steps" not in (start or {})
    if method == "grid" and search is None:
        raise ConfigError("a grid is of the values that are named: say what is searched")
    space = default_space(options, by_time=by_time) if search is None else parse_space(search)
    require_unset(space, options)
    if method == "grid":
        size = len(grid_of(space))
        trials = size if trials is None else min(trials, size)
    trials = USUAL_TRIALS if trials is None else trials
    shared = overridden({k: v for k, v in (start or {}).items() if k not in space}, options)
    if "steps" not in space or trial_minutes is not None:
        shared = _with_budget(shared, space, folder, trials, minutes, trial_minutes)
    task = Task(
        paths=tuple(files_of(inputs, "search")),
        space=space,
        shared=shared,
    )
    first = task.first({k: v for k, v in (start or {}).items() if k in space})
    _require_usable(task)
    _begin(folder, task, {"method": method, "pruning": pruning, "start": first})
    found = engine.Search(
        folder, space, method=method, pruning=pruning, seed=task.seed, start=first
    )
    Worker(folder, task, found, trials, ends, listeners, announce).work()
    with found.alone():
        made = found.trials()
        best = keep_best(folder, task, made)
    if best is None:
        raise NextcharError(_nothing_found(made, minutes))
    return Tuning(
        trials=made,
        best=best,
        config=folder / BEST_FILE,
        importance=engine.importance_of(made, space),
    )


def require_search() -> ModuleType:
    """Give the module that searches, or raise ``NextcharError`` where Optuna is not installed."""
    try:
        return importlib.import_module("nextchar.experiments.study")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise NextcharError(
            "a search needs the package optuna, which is not installed: "
            "pip install 'nextchar[tune]'"
        ) from None


def _require_sensible(method: str, pruning: str, **numbers: float | None) -> None:
    for name, value, allowed in (("method", method, SearchMethod), ("pruning", pruning, Pruning)):
        if value not in get_args(allowed):
            raise ConfigError(
                f"{name} must be one of {', '.join(get_args(allowed))}; got {value!r}"
            )
    for name, number in numbers.items():
        if number is not None and not 0 < number < math.inf:
            raise ConfigError(f"{name} must be above 0; got {number}")


def _with_budget(
    shared: Mapping[str, Any],
    space: Space,
    folder: Path,
    trials: int,
    minutes: float | None,
    trial_minutes: float | None,
) -> dict[str, Any]:
    """Say how long a trial takes, in steps or in minutes; in a search that goes on, as before."""
    if trial_minutes is not None:
        if "steps" in shared or "steps" in space:
            raise ConfigError(
                f"the budget of a trial is steps or trial_minutes; got {trial_minutes:g} minutes "
                "and steps as well"
            )
        return {**shared, "minutes": float(trial_minutes)}
    if "steps" in shared or "minutes" in shared:
        return dict(shared)
    if minutes is None:
        raise ConfigError("a search needs a budget: minutes for all of it, or steps of a trial")
    if (folder / SPEC_FILE).exists():
        before = read_json(folder / SPEC_FILE, RunError).get("options", {})
        if "minutes" in before:
            return {**shared, "minutes": before["minutes"]}
    return {**shared, "minutes": float(f"{SHARED_OUT * minutes / trials:.3g}")}


def _require_usable(task: Task) -> None:
    """Find before anything is written what no trial could use."""
    config = Config.from_options(task.shared)
    if not config.text.holds_out:
        raise ConfigError(
            "a search follows the loss on the validation part, and validation_fraction is 0"
        )
    require_text(task.paths, config.text)


def _begin(folder: Path, task: Task, how: Mapping[str, Any]) -> None:
    """Make the folder, or see that it holds this search."""
    spec = {
        "format_version": FORMAT_VERSION,
        "text": [os.fspath(path) for path in task.paths],
        "search": {name: str(dimension) for name, dimension in task.space.items()},
        **how,
        "options": dict(task.shared),
    }
    spec = json.loads(json.dumps(spec))
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder):
        if (folder / SPEC_FILE).exists():
            known = read_json(folder / SPEC_FILE, RunError)
            differing = [name for name in spec if known.get(name) != spec[name]]
            if differing:
                raise RunError(
                    f"{folder} holds another search, of other {', '.join(differing)}: choose "
                    f"another {as_option('out')}"
                )
        elif any(folder.iterdir()):
            raise RunError(
                f"{folder} exists already and is not a search: choose another {as_option('out')}"
            )
        else:
            write_json(folder / SPEC_FILE, spec)
        with storage_errors(folder):
            (folder / TRIALS_FOLDER).mkdir(exist_ok=True)


def _nothing_found(trials: Sequence[Trial], minutes: float | None) -> str:
    failed = [trial for trial in trials if trial.state == "failed"]
    if failed:
        first = failed[0]
        reason = in_terms(first.reason or "", first.reason_for_command_line or "")
        return f"no trial was completed; trial {first.number} failed: {reason}"
    return (
        f"no trial was completed in {minutes:g} minutes: give more, or fewer "
        f"{as_option('steps')} to a trial"
    )
