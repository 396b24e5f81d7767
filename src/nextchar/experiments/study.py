"""The search with Optuna, in a journal file shared by processes on one machine.

This is the only module that imports Optuna, an optional dependency. Optuna's journal has one line
for each event of a trial. This module makes it safe against killed processes:

- A process locks the journal while it writes. The kernel releases the lock of a killed process. The
  next writer removes an incomplete last line, for example after the disk was full.
- A process locks each of its trials. If a trial is marked as running and its lock is free, its
  process is dead, and another process takes over the trial at once, without a timeout.
- The next trial depends only on the seed, its number and the earlier trials, not on the process. A
  killed search therefore continues with the same trials.
"""

from __future__ import annotations

import contextlib
import fcntl
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from nextchar.config import Pruning, SearchMethod
from nextchar.errors import RunError
from nextchar.experiments.journal import running_trials
from nextchar.experiments.spaces import Dimension, Range, Space, grid_of
from nextchar.experiments.trials import TRIALS_FOLDER, Trial, TrialState, run_folder
from nextchar.storage import appending, locked_folder, refuse_links, storage_errors
from nextchar.tasks.language_modeling.data import CORPUS_FOLDER
from nextchar.training.seeds import seed_of

STUDY_NAME, JOURNAL_FILE = "nextchar", "journal.jsonl"
MAX_ATTEMPTS = 3  # in a row without a validation
NO_ATTEMPTS = (0, 0)  # number of attempts, and of validations before the first of them
SEED_LIMIT = 1 << 32
TOP_SHARE = 0.25  # share of the trials that count as the best for the importance of options
STARTUP_TRIALS = 5  # complete trials before pruning starts
WARM_UP_PERCENT = 30  # of the steps of a trial, before it can be pruned

# Progress is measured in percent of the steps: trials of different lengths are comparable.
_PRUNERS: Mapping[Pruning, Callable[[], BasePruner]] = {
    "median": lambda: MedianPruner(STARTUP_TRIALS, n_warmup_steps=WARM_UP_PERCENT),
    "halving": lambda: SuccessiveHalvingPruner(min_resource=20, reduction_factor=3),
    "none": NopPruner,
}
_SAMPLERS: Mapping[SearchMethod, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
    "grid": lambda seed: RandomSampler(seed=seed),  # not used: the grid sets every value
}


class Claim:
    """A trial claimed by this process.

    Attributes
    ----------
    number
        Number of the trial, from 1 (Optuna counts from 0).
    options
        Values of the searched options.
    """

    def __init__(
        self,
        trial: optuna.Trial,
        options: Mapping[str, Any],
        lock: contextlib.ExitStack,
        journal: Path,
    ) -> None:
        self.number = trial.number + 1
        self.options = options
        self._trial = trial
        self._lock = lock
        self._journal = journal

    def report(self, percent: int, nats_per_char: float, seconds: float) -> bool:
        """Record a validation at a percentage of the steps; return whether to prune the trial."""
        known = self._trial.study.get_trials(deepcopy=False)[self.number - 1].intermediate_values
        with storage_errors(self._journal):
            if percent not in known:  # A resumed trial repeats some validations.
                self._trial.report(nats_per_char, percent)
                self._trial.set_user_attr("seconds", seconds)
            return self._trial.should_prune()

    def note(self, name: str, value: float | str | tuple[int, int]) -> None:
        """Store an attribute of the trial."""
        with storage_errors(self._journal):
            self._trial.set_user_attr(name, value)

    def reset_attempts(self) -> None:
        """Reset the number of attempts after a stop that the trial did not cause."""
        self.note("attempts", NO_ATTEMPTS)

    def release(self) -> None:
        """Release the lock of the trial; another process can then take over an unfinished trial."""
        self._lock.close()


class Search:
    """The trials in a folder, which several processes may share.

    Parameters
    ----------
    folder
        The folder of the journal and the locks.
    space
        The search space.
    method
        Tree-structured Parzen estimators (Bergstra et al. 2011, multivariate), random search, or
        grid search.
    pruning
        Rule for stopping trials early: ``median`` stops a trial worse than the median of the
        others at the same share of the steps; ``halving`` keeps the best third at one fifth and
        at three fifths of the steps (asynchronous successive halving, Li et al. 2020); ``none``
        stops no trials.
    seed
        Seed of the search; with the earlier trials, it determines each trial.
    start
        Initial values of some options for the first trial; ignored for a grid.

    Raises
    ------
    StorageError
        The journal cannot be written.
    RunError
        The journal is damaged.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        method: SearchMethod,
        pruning: Pruning,
        seed: int,
        start: Mapping[str, Any],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._folder = folder
        self._space = space
        self._method = method
        self._seed = seed
        self._first = _grid(space, seed) if method == "grid" else [dict(start)]
        self._journal = folder / JOURNAL_FILE
        refuse_links(folder, [Path(JOURNAL_FILE), Path(TRIALS_FOLDER)])
        trials = (folder / TRIALS_FOLDER).glob("*")
        refuse_links(folder, [path.relative_to(folder) for path in trials])
        with self.locked():
            if self._journal.exists():
                self._require_resumable(
                    running_trials(self._journal, STUDY_NAME, space, self._is_chosen)
                )
            backend = JournalFileBackend(str(self._journal), _JournalLock(self._journal))  # type: ignore[arg-type]
            try:
                self._storage = JournalStorage(backend)
                self._study = optuna.create_study(
                    storage=self._storage,
                    study_name=STUDY_NAME,
                    pruner=_PRUNERS[pruning](),
                    load_if_exists=True,
                )
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise RunError(f"{self._journal} is damaged: {error}") from error

    def _require_resumable(self, running: Sequence[int]) -> None:
        """Raise ``RunError`` if a trial runs, by the journal, whose run is no longer complete.

        Only the runs of ended trials lose their corpus, so the journal has lost the end of it.
        """
        for number in running:
            run = run_folder(self._folder, number + 1)
            if run.exists() and not (run / CORPUS_FOLDER).exists():
                raise RunError(
                    f"{self._journal} is damaged: trial {number + 1} has ended, but the line that "
                    "says so is missing"
                )

    def claim(self, limit: int) -> Claim | None:
        """Claim a trial of a dead process, or a new one if there are fewer than ``limit``."""
        with self.locked():
            for number in self._numbers(OptunaState.RUNNING):
                claim = self._taken_over(number)
                if claim is not None:
                    return claim
            begun = len(self._study.get_trials(deepcopy=False)) - len(
                self._numbers(OptunaState.WAITING)
            )
            return self._new(begun) if begun < limit else None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Prevent other processes from starting or ending a trial during the block."""
        with storage_errors(self._journal), locked_folder(self._folder):
            yield

    def end(
        self, claim: Claim, state: TrialState, nats_per_char: float | None, reason: str | None
    ) -> None:
        """Record the outcome of a trial and release its lock; requires a ``locked`` block."""
        # To Optuna, a failed trial is a pruned one: the search then avoids similar options.
        if reason is not None:
            claim.note("reason", reason)
        if state == "complete":
            self._study.tell(claim.number - 1, nats_per_char)
        else:
            self._study.tell(claim.number - 1, state=OptunaState.PRUNED)
        self._lock_path(claim.number - 1).unlink(missing_ok=True)
        claim.release()

    def _is_chosen(self, name: str, distribution: str, value: float) -> bool:
        """Return whether the journal can have this value of an option."""
        own = _distribution(self._space[name])
        try:
            chosen = own.to_external_repr(value)
            return bool(
                json_to_distribution(distribution) == own
                and own.to_internal_repr(chosen) == value
                and self._space[name].contains(chosen)
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return False

    def _numbers(self, state: OptunaState) -> list[int]:
        return [t.number for t in self._study.get_trials(deepcopy=False, states=(state,))]

    def _taken_over(self, number: int) -> Claim | None:
        """Claim a running trial if its process is dead."""
        lock = self._locked(number)
        if lock is None:
            return None
        study_id = self._storage.get_study_id_from_name(STUDY_NAME)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        frozen = self._study.get_trials(deepcopy=False)[number]
        measured = len(frozen.intermediate_values)
        attempts, measured_before = frozen.user_attrs.get("attempts", NO_ATTEMPTS)
        if measured > measured_before:
            attempts = 0
        with _closed_on_error(lock):
            trial = optuna.Trial(self._study, trial_id)
            claim = Claim(trial, self._options(trial), lock, self._journal)
            if attempts >= MAX_ATTEMPTS:
                self.end(claim, "failed", None, f"its process was killed {attempts} times")
                return None
            claim.note("attempts", (attempts + 1, measured))
        return claim

    def _new(self, number: int) -> Claim:
        if not self._numbers(OptunaState.WAITING):
            self._study.enqueue_trial(self._chosen(number))  # one line of the journal: atomic
        lock = self._locked(number)
        if lock is None:
            raise RunError(f"{self._folder} has a lock on trial {number + 1}, which is not started")
        with _closed_on_error(lock):
            trial = self._study.ask()
            claim = Claim(trial, self._options(trial), lock, self._journal)
            claim.note("attempts", (1, 0))
        return claim

    def _chosen(self, number: int) -> dict[str, Any]:
        """Return the values of a trial; chosen in memory, to prevent partial trials."""
        seed = seed_of(self._seed, number) % SEED_LIMIT
        study = optuna.create_study(sampler=_SAMPLERS[self._method](seed))
        study.add_trials(self._study.get_trials())
        if number < len(self._first):
            study.enqueue_trial(self._first[number])
        return self._options(study.ask())

    def _options(self, trial: optuna.Trial) -> dict[str, Any]:
        return {name: _suggested(trial, name, each) for name, each in self._space.items()}

    def _locked(self, number: int) -> contextlib.ExitStack | None:
        """Lock a trial and return the lock; ``None`` if a process holds it."""
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(appending(self._lock_path(number)))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            return stack.pop_all()

    def _lock_path(self, number: int) -> Path:
        return run_folder(self._folder, number + 1).with_suffix(".lock")

    def trials(self) -> tuple[Trial, ...]:
        """Return the started trials, in order."""
        return tuple(
            self._trial(each)
            for each in self._study.get_trials(deepcopy=False)
            if each.state != OptunaState.WAITING
        )

    def _trial(self, frozen: FrozenTrial) -> Trial:
        state: TrialState = "running"
        if frozen.state.is_finished():
            pruned: TrialState = "failed" if "reason" in frozen.user_attrs else "pruned"
            state = "complete" if frozen.state == OptunaState.COMPLETE else pruned
        measured = frozen.intermediate_values
        nats = frozen.value if state == "complete" else min(measured.values(), default=None)
        run = run_folder(self._folder, frozen.number + 1)
        return Trial(
            number=frozen.number + 1,
            state=state,
            options={name: frozen.params[name] for name in self._space if name in frozen.params},
            nats_per_char=nats,
            progress=1.0 if state == "complete" else max(measured, default=0) / 100,
            seconds=frozen.user_attrs.get("seconds", 0.0),
            reason=frozen.user_attrs.get("reason"),
            run=run if run.exists() else None,
        )


def importance_of(trials: Sequence[Trial], space: Space) -> dict[str, float]:
    """Return the importance of each searched option in the best trials (PED-ANOVA).

    Pruned trials count with their loss when they were stopped, because they would not be among
    the best. Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
    Arbitrary Subspaces" (2023).

    Returns
    -------
    dict
        Shares that sum to 1, largest first; empty if there are too few trials.
    """
    measured = [t for t in trials if t.state in ("complete", "pruned") and t.nats_per_char]
    if len(measured) * TOP_SHARE < 2:
        return {}
    study = optuna.create_study()
    distributions = {name: _distribution(each) for name, each in space.items()}
    study.add_trials(
        optuna.trial.create_trial(
            params=dict(trial.options), distributions=distributions, value=trial.nats_per_char
        )
        for trial in measured
    )
    evaluator = PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE)
    return dict(get_param_importances(study, evaluator=evaluator))


def _grid(space: Space, seed: int) -> list[dict[str, Any]]:
    """Return the combinations of the grid, shuffled: any part of them samples the whole grid."""
    grid = grid_of(space)
    random.Random(seed).shuffle(grid)
    return grid


def _suggested(trial: optuna.Trial, name: str, dimension: Dimension) -> Any:  # noqa: ANN401
    if not isinstance(dimension, Range):
        return trial.suggest_categorical(name, dimension.values)
    low, high, log = dimension.low, dimension.high, dimension.log
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, step=int(dimension.step or 1), log=log)
    return trial.suggest_float(name, low, high, step=dimension.step, log=log)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if not isinstance(dimension, Range):
        return CategoricalDistribution(dimension.values)
    low, high, log = dimension.low, dimension.high, dimension.log
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log, int(dimension.step or 1))
    return FloatDistribution(low, high, log, dimension.step)


@contextlib.contextmanager
def _closed_on_error(file: contextlib.ExitStack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.close()
        raise


class _JournalLock:
    """A kernel lock on the journal for writing; removes an incomplete last line."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._file = self._journal.open("r+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        content = self._file.read()
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Release the lock."""
        self._file.close()
