"""``extension.json``: further training of a finished run.

The optimiser state and the position in the text are kept, and steps continue to count. The best
weights are those with the best validation result of the whole run. The learning rate follows a new
schedule over the added steps, of the same kind and with warm-up.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextchar.config import TrainingConfig
from nextchar.config.records import bounded, record_of, versioned
from nextchar.errors import ConfigError, RunError, in_terms
from nextchar.storage import read_json, write_json
from nextchar.text.notes import counted
from nextchar.training.checkpoint import LAST_FILE, load_content
from nextchar.training.optimization import scheduled_rate
from nextchar.training.pacing import start_schedule, total_steps
from nextchar.training.plans import Plan
from nextchar.training.stopping import stops_early
from nextchar.training.trainer_state import LATER_FIELDS, TrainerState

_FALLING = ("linear", "cosine")  # schedules that decay to zero
FORMAT_VERSION = 1
EXTENSION_FILE = "extension.json"


@dataclass(frozen=True, kw_only=True)
class More:
    """A request for further training of a finished run.

    Attributes
    ----------
    steps, minutes
        Amount of further training; exactly one of the two.
    learning_rate
        The peak of its schedule; by default, see ``extend``.
    """

    steps: int | None = None
    minutes: float | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            given = "got neither" if self.steps is None else "got both"
            raise ConfigError(f"further training needs either steps or minutes; {given}")
        for name, value in dataclasses.asdict(self).items():
            if value is None:
                continue
            kind: Any = numbers.Integral if name == "steps" else numbers.Real
            if not isinstance(value, kind) or isinstance(value, bool):
                words = "an integer" if name == "steps" else "a number"
                raise ConfigError(f"{name} must be {words}; got {value!r}")
            if not 0 < value < math.inf:
                raise ConfigError(f"{name} must be above 0; got {value}")

    @classmethod
    def of(
        cls, steps: int | None, minutes: float | None, learning_rate: float | None
    ) -> More | None:
        """Return the request, or ``None`` if nothing is requested."""
        if steps is None and minutes is None and learning_rate is None:
            return None
        return cls(steps=steps, minutes=minutes, learning_rate=learning_rate)


@dataclass(frozen=True, kw_only=True)
class Extension:
    """The latest extension of a finished run.

    Attributes
    ----------
    first_step
        Steps done before it.
    steps
        Total number of steps, including the extension.
    learning_rate
        The peak of its schedule.
    validate_every
        Steps between two validations. 0 means the interval set for the run, or else a tenth of the
        added steps.
    minutes
        The time budget of the extension; ``None`` if it was requested in steps.
    """

    first_step: int = bounded(at_least=1)
    steps: int = bounded(at_least=1)
    learning_rate: float
    validate_every: int = 0
    minutes: float | None = bounded(default=None, above=0)

    def applied(self, config: TrainingConfig) -> TrainingConfig:
        """Return a run's configuration with the settings of the extension."""
        return dataclasses.replace(
            config,
            steps=self.steps,
            learning_rate=self.learning_rate,
            minutes=self.minutes,
            window_growth=0.0,  # for the first steps of a network
            validate_every=self.validate_every or _given_interval(config),
        )

    def description(self, config: TrainingConfig) -> str:
        """Return a one-line description of its length and learning rate."""
        count = self.steps - self.first_step
        many = counted(count, "step", "steps")
        text = f"training further: {many}, from {self.first_step:,} to {self.steps:,}"
        rising = round(config.warmup * count)
        rate = f"{self.learning_rate:.3g}"
        if self.learning_rate != config.learning_rate:
            rate += f" ({self.learning_rate / config.learning_rate:.3g} times the original peak)"
        if config.schedule in _FALLING:
            way = "linearly" if config.schedule == "linear" else "along half a cosine"
            warmup = f"rises in {counted(rising, 'step', 'steps')} to" if rising else "begins at"
            return f"{text}; the learning rate {warmup} {rate} and falls {way} to 0"
        return f"{text}; the learning rate is {rate}" + (
            ", less at each plateau" if config.schedule == "plateau" else ""
        )

    def save(self, folder: Path) -> None:
        """Write ``extension.json`` into a run directory."""
        values = dataclasses.asdict(self)
        content = {"format_version": FORMAT_VERSION, **values}
        write_json(folder / EXTENSION_FILE, content, sealed=True)


def load_extension(folder: Path) -> Extension | None:
    """Return the extension of a run, or ``None`` if it has none.

    Raises
    ------
    RunError
        ``extension.json`` is damaged, or was written by a newer nextchar.
    """
    path = folder / EXTENSION_FILE
    if not path.exists():
        return None
    values = versioned(read_json(path, RunError), FORMAT_VERSION, path, RunError)
    extension = record_of(Extension, values, path, RunError, later=("validate_every", "minutes"))
    if extension.first_step >= extension.steps:
        raise RunError(
            f"{path} is damaged: first_step must be below steps; got {extension.first_step} and "
            f"{extension.steps}"
        )
    return extension


def current(folder: Path, config: TrainingConfig) -> TrainingConfig:
    """Return the current configuration of a run, including its extension.

    Raises
    ------
    RunError
        ``extension.json`` is damaged, or was written by a newer nextchar.
    """
    extension = load_extension(folder)
    if extension is None:
        return config
    try:
        return extension.applied(config)
    except ConfigError as error:
        raise RunError(f"{folder / EXTENSION_FILE} is damaged: {error}") from error


def progress_of(folder: Path) -> TrainerState | None:
    """Return the saved progress of a run, or ``None`` before its first save.

    Raises
    ------
    RunError
        The checkpoint or ``extension.json`` is damaged.
    """
    if not (folder / LAST_FILE).exists():
        return None
    extension = load_extension(folder)
    first_step = 0 if extension is None else extension.first_step
    return progress_from(load_content(folder / LAST_FILE), folder, first_step)


def progress_from(content: dict[str, Any], folder: Path, first_step: int) -> TrainerState:
    """Return the progress stored in a checkpoint.

    Parameters
    ----------
    content
        The JSON object of the checkpoint.
    folder
        The run directory, for messages.
    first_step
        First step of the run's extension; 0 if there is none.

    Raises
    ------
    RunError
        The keys are not those of ``TrainerState``, or a value is out of range.
    """
    path = folder / LAST_FILE
    progress = record_of(TrainerState, content, path, RunError, later=LATER_FIELDS)
    if progress.contradiction is not None:
        raise RunError(f"{path} is damaged: {progress.contradiction}")
    if progress.step < first_step:
        raise RunError(
            f"{folder / EXTENSION_FILE} is damaged: first_step is {first_step}, but the run is at "
            f"step {progress.step}; if an earlier save was put back, remove this file, resume the "
            "run to its end, and train it further again"
        )
    if 0 < first_step == progress.step:
        # The extension sets the rate, and patience starts again.
        progress.rate_factor = 1.0
        progress.stale_validations = progress.validations_waited = 0
        start_schedule(progress)
    return progress


def complete_note(folder: Path) -> str:
    """Return the message for a complete run, with the options that train it further."""
    return (
        f"{folder} is complete: nothing is left to train; "
        f"{in_terms('pass steps or minutes', 'add --steps or --minutes')} to train it further"
    )


def is_finished(progress: TrainerState, config: TrainingConfig) -> bool:
    """Return whether all steps are done or training has stopped early."""
    return progress.step >= total_steps(progress, config) or stops_early(progress, config)


def usual_rate(config: TrainingConfig, steps: int) -> float:
    """Return the default peak learning rate of an extension of this many steps.

    It is the rate of the original schedule at this number of steps before its end, at most its
    peak. A higher rate improves the loss more, but needs more steps to decay (docs/benchmarks.md).
    """
    rising = round(config.warmup * config.steps)
    if rising >= config.steps:  # The schedule is warm-up only: there is no decay to compare with.
        return config.learning_rate
    return scheduled_rate(config, max(rising, config.steps - steps))


def extend(
    folder: Path,
    config: TrainingConfig,
    more: More,
    plan_in: Callable[[TrainingConfig, float], Plan],
) -> Extension:
    """Record a request for further training of a finished run.

    Parameters
    ----------
    folder
        The run directory.
    config
        Its original configuration.
    more
        The request. Its default learning rate is ``usual_rate`` if the schedule decays to zero,
        and otherwise the current rate.
    plan_in
        Plans the steps that fit into a number of seconds; also plans the validation interval if
        the configuration does not set it.

    Raises
    ------
    RunError
        The run is not finished, or lacks files needed to continue.
    ConfigError
        The time is too short for a step, or a value is out of range.
    """
    now = current(folder, config)
    progress = progress_of(folder)
    if progress is None:
        raise RunError(f"{folder} cannot be trained further: {LAST_FILE} is missing")
    if not is_finished(progress, now):
        raise RunError(
            f"{folder} is not finished, but at step {progress.step:,} of "
            f"{total_steps(progress, now):,}: resume it without more steps or minutes first; a "
            "finished run can be trained further"
        )
    if more.minutes is None:
        plan = Plan(steps=int(more.steps or 0), validate_every=0)
    else:
        training = dataclasses.replace(now, validate_every=_given_interval(config))
        plan = plan_in(training, 60 * float(more.minutes))
    usual = usual_rate(config, plan.steps)
    if now is config and progress.planned_steps is not None:
        # The schedule took more or fewer steps than ``config`` has.
        usual = usual_rate(config, round(plan.steps * config.steps / progress.planned_steps))
    if config.schedule not in _FALLING:
        usual = now.learning_rate * progress.rate_factor
    extension = Extension(
        first_step=progress.step,
        steps=progress.step + plan.steps,
        learning_rate=usual if more.learning_rate is None else float(more.learning_rate),
        validate_every=plan.validate_every,
        minutes=None if more.minutes is None else float(more.minutes),
    )
    extension.applied(config)  # Reports values out of range at once.
    extension.save(folder)
    return extension


def _given_interval(config: TrainingConfig) -> int:
    """Return the validation interval that the user set for a run, or 0 if none was set."""
    # For a run with a time budget, the interval was planned for its own number of steps.
    return 0 if config.minutes is not None else config.validate_every
