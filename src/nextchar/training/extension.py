"""``extension.json``: training beyond the planned end.

Steps keep counting, the optimiser state and the position in the text are kept, and the best weights
are the best of all validations. The learning rate begins a schedule of its own over the added
steps, of the same kind and with warm-up.
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
from nextchar.errors import ConfigError, RunError, in_terms
from nextchar.storage import read_json, write_json
from nextchar.text.notes import counted
from nextchar.training.checkpoint import LAST_FILE, load_content
from nextchar.training.optimization import scheduled_rate
from nextchar.training.plans import Plan
from nextchar.training.stopping import stops_early
from nextchar.training.trainer_state import TrainerState

_FALLING = ("linear", "cosine")  # schedules that bring the rate to zero
FORMAT_VERSION = 1
EXTENSION_FILE = "extension.json"


@dataclass(frozen=True, kw_only=True)
class More:
    """A request for further training of a finished run.

    Attributes
    ----------
    steps, minutes
        Amount of further training; one of the two.
    learning_rate
        The peak of its schedule; unless set, see ``usual_rate``.
    """

    steps: int | None = None
    minutes: float | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            given = "got neither" if self.steps is None else "got both"
            raise ConfigError(f"a run is trained further for steps or for minutes: {given}")
        for name, value in dataclasses.asdict(self).items():
            if value is None:
                continue
            kind: Any = numbers.Integral if name == "steps" else numbers.Real
            if not isinstance(value, kind) or isinstance(value, bool):
                words = "a whole number" if name == "steps" else "a number"
                raise ConfigError(f"{name} must be {words}; got {value!r}")
            if not 0 < value < math.inf:
                raise ConfigError(f"{name} must be above 0; got {value}")

    @classmethod
    def of(
        cls, steps: int | None, minutes: float | None, learning_rate: float | None
    ) -> More | None:
        """Return the request, or ``None`` if there is none."""
        if steps is None and minutes is None and learning_rate is None:
            return None
        return cls(steps=steps, minutes=minutes, learning_rate=learning_rate)


@dataclass(frozen=True, kw_only=True)
class Extension:
    """The latest part of a training, added when everything before was finished.

    Attributes
    ----------
    first_step
        Steps done before it.
    steps
        Total steps at its end.
    learning_rate
        The peak of its schedule.
    validate_every
        Steps between two validations; 0 is the interval that was given for the run, or a tenth of
        the steps that are added.
    """

    first_step: int
    steps: int
    learning_rate: float
    validate_every: int = 0

    def applied(self, config: TrainingConfig) -> TrainingConfig:
        """Return a run's configuration with the settings of the extension."""
        return dataclasses.replace(
            config,
            steps=self.steps,
            learning_rate=self.learning_rate,
            minutes=None,
            validate_every=self.validate_every or _given_interval(config),
        )

    def description(self, config: TrainingConfig) -> str:
        """Describe its length and its learning rate in a line."""
        count = self.steps - self.first_step
        many = counted(count, "step", "steps")
        text = f"training further: {many}, from {self.first_step:,} to {self.steps:,}"
        rising = round(config.warmup * count)
        rate = f"{self.learning_rate:.3g}"
        if self.learning_rate != config.learning_rate:
            rate += f" ({self.learning_rate / config.learning_rate:.3g} times the original peak)"
        if config.schedule in _FALLING:
            way = "linearly" if config.schedule == "linear" else "on half a cosine"
            warmup = f"rises in {counted(rising, 'step', 'steps')} to" if rising else "begins at"
            return f"{text}; the learning rate {warmup} {rate} and falls {way} to 0"
        return f"{text}; the learning rate is {rate}" + (
            ", less at each plateau" if config.schedule == "plateau" else ""
        )

    def save(self, folder: Path) -> None:
        """Write ``extension.json``."""
        values = dataclasses.asdict(self)
        write_json(folder / EXTENSION_FILE, {"format_version": FORMAT_VERSION, **values})


def load_extension(folder: Path) -> Extension | None:
    """Read ``extension.json``; ``None`` for a run that was not trained further.

    Raises
    ------
    RunError
        The file is damaged, or a newer nextchar wrote it.
    """
    path = folder / EXTENSION_FILE
    if not path.exists():
        return None
    values = read_json(path, RunError)
    version = values.pop("format_version", None)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise RunError(f"{path} has format {version}, this nextchar reads up to {FORMAT_VERSION}")
    kinds = {"first_step": int, "steps": int, "learning_rate": float, "validate_every": int}
    values = {"validate_every": 0, **values}  # Older files do not have it.
    if version != FORMAT_VERSION or {k: type(v) for k, v in values.items()} != kinds:
        expected = ", ".join(["format_version", *kinds])
        raise RunError(f"{path} is damaged: it must have {expected}; got {values!r:.200}")
    return Extension(**values)


def current(folder: Path, config: TrainingConfig) -> TrainingConfig:
    """Return the current configuration of a run: its own, or that of its extension.

    Raises
    ------
    RunError
        ``extension.json`` is damaged, or a newer nextchar wrote it.
    """
    extension = load_extension(folder)
    if extension is None:
        return config
    try:
        return extension.applied(config)
    except ConfigError as error:
        raise RunError(f"{folder / EXTENSION_FILE} is damaged: {error}") from error


def progress_of(folder: Path) -> TrainerState | None:
    """Read a run's progress; return ``None`` if it has none on record.

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
    """Make the progress of a checkpoint's content.

    Parameters
    ----------
    content
        What the checkpoint in ``folder`` holds besides tensors.
    first_step
        Where the run's extension begins; 0 if there is none.

    Raises
    ------
    RunError
        The content has other keys.
    """
    try:
        progress = TrainerState(**content)
    except TypeError as error:
        raise RunError(f"{folder / LAST_FILE} has other keys: {error}") from error
    if 0 < first_step == progress.step:
        # The extension sets the rate, and patience begins anew.
        progress.rate_factor = 1.0
        progress.stale_validations = progress.validations_waited = 0
    return progress


def complete_note(folder: Path) -> str:
    """Return the message for a complete run, with the way to train it further."""
    return (
        f"{folder} is complete: nothing is left to train; "
        f"{in_terms('pass steps or minutes', 'add --steps or --minutes')} to train it further"
    )


def is_finished(progress: TrainerState, config: TrainingConfig) -> bool:
    """Return whether all steps are done, or training has stopped early."""
    return progress.step >= config.steps or stops_early(progress, config)


def usual_rate(config: TrainingConfig, steps: int) -> float:
    """Return the peak learning rate of an extension of this many steps.

    It is the rate of the first schedule at the same number of steps before its end, at most its
    peak: a high rate gains more, but needs enough steps to decay (docs/benchmarks.md).
    """
    rising = round(config.warmup * config.steps)
    if rising >= config.steps:  # A schedule that rises to its end has no fall to look at.
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
        What is asked.
    plan_in
        Fills so many seconds with steps and validations; where the choices leave the interval of
        validations open, the plan sets it.

    Raises
    ------
    RunError
        The run is not finished, or lacks files needed to continue.
    ConfigError
        The minutes are too short for a step.
    """
    now = current(folder, config)
    progress = progress_of(folder)
    if progress is None:
        raise RunError(f"{folder} cannot be trained further: {LAST_FILE} is missing")
    if not is_finished(progress, now):
        raise RunError(
            f"{folder} is not finished, but at step {progress.step:,} of {now.steps:,}: resume it "
            "without more steps or minutes first; a finished run can be trained further"
        )
    if more.minutes is None:
        plan = Plan(steps=int(more.steps or 0), validate_every=0)
    else:
        training = dataclasses.replace(now, validate_every=_given_interval(config))
        plan = plan_in(training, 60 * float(more.minutes))
    usual = usual_rate(config, plan.steps)
    if config.schedule not in _FALLING:
        usual = now.learning_rate * progress.rate_factor
    extension = Extension(
        first_step=progress.step,
        steps=progress.step + plan.steps,
        learning_rate=usual if more.learning_rate is None else float(more.learning_rate),
        validate_every=plan.validate_every,
    )
    extension.applied(config)  # Reports values out of range at once.
    extension.save(folder)
    return extension


def _given_interval(config: TrainingConfig) -> int:
    """Return the steps between validations that were chosen for a run; 0 where none were."""
    # An interval beside minutes was planned, for another number of steps.
    return 0 if config.minutes is not None else config.validate_every
