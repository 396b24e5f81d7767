"""Tuning: a search for the options with the lowest validation loss.

A search has a folder, which several processes may share::

    tuning.json         the specification; another call with the same one continues the search
    journal.jsonl       the trials (Optuna's journal)
    trials/NNN/         the run directories of complete trials; only the best keeps its corpus
                        and the files for resuming
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
from nextchar.experiments.texts import described_text, differing_names
from nextchar.experiments.trials import TRIALS_FOLDER, SearchEvent, Trial, Tuning
from nextchar.experiments.worker import BEST_FILE, SearchJob, Worker, keep_best, require_text
from nextchar.storage import locked_folder, make_folder, read_json, storage_errors, write_json
from nextchar.training.events import Listener

FORMAT_VERSION = 1
SPEC_FILE = "tuning.json"
DEFAULT_TRIALS = 40
TRIALS_SHARE = 0.95  # of the search's minutes, divided among the trials; the rest is overhead


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
    """Search for the options with the lowest validation loss on a text.

    The budget of a trial is ``steps`` (an option) or ``trial_minutes``; without either, ``minutes``
    is divided among the trials.

    Parameters
    ----------
    inputs
        Text, as for ``train``, but not standard input.
    out
        The folder of the search. If it holds the same search, that is continued: ended trials
        are kept, and an interrupted trial is resumed. Processes with the same folder share the
        trials.
    search
        The search space: for each option a text, such as ``"1e-4..3e-2:log"`` or ``"lstm,gru"``,
        or a list of values; by default, the most important options.
    method
        ``tpe`` learns from earlier trials, ``random`` does not, ``grid`` tries all combinations.
    pruning
        Rule for stopping trials early; see ``study.Search``.
    trials
        Total number of trials in the folder; by default 40, and the whole grid for ``grid``.
    minutes
        Time limit of this call; the next call resumes a trial interrupted by it.
    trial_minutes
        Time budget of each trial; as in ``train``, sizes that are neither searched nor set are
        chosen to suit it.
    start
        Initial options. The first trial uses those that are searched and in their ranges; all
        trials share the others.
    listeners
        Receive the events of every training.
    announce
        Called when a trial starts and when it ends.
    **options
        Options of all trials.

    Raises
    ------
    ConfigError, TextError
        An option or the text is invalid; nothing was written.
    RunError
        ``out`` holds other files or another search.
    StorageError
        The disk is full; all ended trials are kept.
    Interrupted
        The process received SIGINT or SIGTERM; repeat the call to continue.
    NextcharError
        No trial was completed, or Optuna is not installed.
    """
    ends = math.inf if minutes is None else time.monotonic() + minutes * 60
    engine = require_search()
    folder = Path(out)
    _require_sensible(method, pruning, trials=trials, minutes=minutes, trial_minutes=trial_minutes)
    by_time = "steps" not in options and "steps" not in (start or {})
    if method == "grid" and search is None:
        raise ConfigError(f"method 'grid' needs values: set {as_option('search')}")
    space = default_space(options, by_time=by_time) if search is None else parse_space(search)
    require_unset(space, options)
    if method == "grid":
        size = len(grid_of(space))
        trials = size if trials is None else min(trials, size)
    trials = DEFAULT_TRIALS if trials is None else trials
    shared = overridden({k: v for k, v in (start or {}).items() if k not in space}, options)
    if "steps" not in space or trial_minutes is not None:
        shared = _with_budget(shared, space, folder, trials, minutes, trial_minutes)
    task = SearchJob(
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
    with found.locked():
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
    """Return the module of the search; ``NextcharError`` if Optuna is not installed."""
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
    """Return the options with the budget of a trial; a continued search keeps its budget."""
    if trial_minutes is not None:
        if "steps" in shared or "steps" in space:
            raise ConfigError(
                f"the budget of a trial is steps or trial_minutes, not both; got {trial_minutes:g} "
                "minutes and steps"
            )
        return {**shared, "minutes": float(trial_minutes)}
    if "steps" in shared or "minutes" in shared:
        return dict(shared)
    if minutes is None:
        raise ConfigError("a search needs a budget: minutes in total, or steps per trial")
    if (folder / SPEC_FILE).exists():
        before = read_json(folder / SPEC_FILE, RunError).get("options", {})
        if isinstance(before, dict) and "minutes" in before:
            return {**shared, "minutes": before["minutes"]}
    return {**shared, "minutes": float(f"{TRIALS_SHARE * minutes / trials:.3g}")}


def _require_usable(task: SearchJob) -> None:
    """Raise an error if the options or the text are unusable for every trial."""
    config = Config.from_options(task.shared)
    if not config.text.holds_out:
        raise ConfigError(
            "a search needs a validation loss: validation_fraction must be above 0, got 0"
        )
    require_text(task.paths, config.text)


def _begin(folder: Path, task: SearchJob, how: Mapping[str, Any]) -> None:
    """Create the folder, or verify that it holds this search."""
    spec = {
        "format_version": FORMAT_VERSION,
        "text": described_text(task.paths),
        "search": {name: str(dimension) for name, dimension in task.space.items()},
        **how,
        "options": dict(task.shared),
    }
    spec = json.loads(json.dumps(spec))
    with storage_errors(folder):
        make_folder(folder)
    with locked_folder(folder):
        if (folder / SPEC_FILE).exists():
            known = read_json(folder / SPEC_FILE, RunError)
            differing = differing_names(known, spec, task.paths)
            if differing:
                raise RunError(
                    f"{folder} holds another search, with other {', '.join(differing)}: choose "
                    f"another {as_option('out')}"
                )
        elif any(folder.iterdir()):
            raise RunError(
                f"{folder} exists already and is not a search: choose another {as_option('out')}"
            )
        else:
            write_json(folder / SPEC_FILE, spec, sealed=True)
        with storage_errors(folder):
            make_folder(folder / TRIALS_FOLDER)


def _nothing_found(trials: Sequence[Trial], minutes: float | None) -> str:
    failed = [trial for trial in trials if trial.state == "failed"]
    if failed:
        first = failed[0]
        reason = in_terms(first.reason or "", first.reason_for_command_line or "")
        return f"no trial was completed; trial {first.number} failed: {reason}"
    return (
        f"no trial was completed in {minutes:g} minutes: set more minutes, or fewer "
        f"{as_option('steps')} per trial"
    )
