"""``extension.json``: a training that goes on beyond the end that it was planned with.

The steps are counted on, the optimiser and the place in the text stay as they are, and the best
weights are the best of all. The learning rate begins a schedule of its own, as it was planned,
warm-up and all, over the steps that were added.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nextchar.config import TrainingConfig
from nextchar.errors import ConfigError, RunError, in_terms
from nextchar.storage import read_json, write_json
from nextchar.text.notes import counted
from nextchar.training.checkpoint import LAST_FILE, load_content
from nextchar.training.optimization import scheduled_rate
from nextchar.training.progress import Progress
from nextchar.training.stopping import stops_early

_FALLING = ("linear", "cosine")  # schedules that bring the rate to zero
FORMAT_VERSION = 1
EXTENSION_FILE = "extension.json"


@dataclass(frozen=True, kw_only=True)
class More:
    """What a finished run is to be trained further.

    Attributes
    ----------
    steps, minutes
        How much longer; one of the two.
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
            kind, words = (int, "a whole number") if name == "steps" else (int | float, "a number")
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ConfigError(f"{name} must be {words}; got {value!r}")
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} must be above 0; got {value}")

    @classmethod
    def of(
        cls, steps: int | None, minutes: float | None, learning_rate: float | None
    ) -> More | None:
        """Give what is asked, or ``None`` where nothing is."""
        if steps is None and minutes is None and learning_rate is None:
            return None
        return cls(steps=steps, minutes=minutes, learning_rate=learning_rate)


@dataclass(frozen=True, kw_only=True)
class Extension:
    """The last part of a training, which was added when all before was finished.

    Attributes
    ----------
    first_step
        The steps that were done before.
    steps
        Those that are done at its end, all together.
    learning_rate
        The peak of its schedule.
    """

    first_step: int
    steps: int
    learning_rate: float

    def applied(self, config: TrainingConfig) -> TrainingConfig:
        """Give a run's choices with those of the extension."""
        # What minutes were planned for suited another number of steps.
        validate_every = 0 if config.minutes is not None else config.validate_every
        return dataclasses.replace(
            config,
            steps=self.steps,
            learning_rate=self.learning_rate,
            minutes=None,
            validate_every=validate_every,
        )

    def description(self, config: TrainingConfig) -> str:
        """Say in a line how long it is and how the learning rate goes."""
        count = self.steps - self.first_step
        many = counted(count, "step", "steps")
        text = f"training further: {many}, from {self.first_step:,} to {self.steps:,}"
        rising = round(config.warmup * count)
        rate = f"{self.learning_rate:.3g}"
        if self.learning_rate != config.learning_rate:
            rate += f" ({self.learning_rate / config.learning_rate:.3g} of that of the beginning)"
        if config.schedule in _FALLING:
            way = "on a line" if config.schedule == "linear" else "on half a cosine"
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
    kinds = {"first_step": int, "steps": int, "learning_rate": float}
    if version != FORMAT_VERSION or {k: type(v) for k, v in values.items()} != kinds:
        expected = ", ".join(["format_version", *kinds])
        raise RunError(f"{path} is damaged: it must have {expected}; got {values!r:.200}")
    return Extension(**values)


def current(folder: Path, config: TrainingConfig) -> TrainingConfig:
    """Give the choices with which a run is trained now: its own, or those of its extension."""
    extension = load_extension(folder)
    return config if extension is None else extension.applied(config)


def progress_of(folder: Path) -> Progress | None:
    """Read how far a run has come; ``None`` where it keeps nothing that says so."""
    if not (folder / LAST_FILE).exists():
        return None
    try:
        return Progress(**load_content(folder / LAST_FILE))
    except TypeError as error:
        raise RunError(f"{folder / LAST_FILE} has other keys: {error}") from error


def complete_note(folder: Path) -> str:
    """Say that a run needs no more training, and how it gets some nevertheless."""
    return (
        f"{folder} is complete: nothing is left to train; "
        f"{in_terms('resume with steps or minutes', '--steps or --minutes beside --resume')} "
        "train it further"
    )


def is_finished(progress: Progress, config: TrainingConfig) -> bool:
    """Say whether all steps are done, or training has stopped early."""
    return progress.step >= config.steps or stops_early(progress, config)


def usual_rate(config: TrainingConfig, steps: int) -> float:
    """Give the rate at which an extension of so many steps begins to fall.

    It is that of the first schedule as many steps before its end, its peak at most: a high rate
    brings more, but needs the steps to fall again (docs/training.md).
    """
    rising = round(config.warmup * config.steps)
    return scheduled_rate(config, max(rising, config.steps - steps))


def extend(
    folder: Path,
    config: TrainingConfig,
    more: More,
    steps_in: Callable[[TrainingConfig, float], int],
) -> Extension:
    """Write down that a finished run is to be trained further.

    Parameters
    ----------
    folder
        The run directory.
    config
        The choices that it was begun with.
    more
        What is asked.
    steps_in
        Gives how many steps fit into so many seconds.

    Raises
    ------
    RunError
        The run has not come to its end, or lacks what going on needs.
    ConfigError
        Not a step fits into the minutes.
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
    count = more.steps
    if count is None:
        seconds = 60 * (more.minutes or 0.0)
        count = steps_in(now, seconds)
    usual = usual_rate(config, count)
    if config.schedule not in _FALLING:
        usual = now.learning_rate * progress.rate_factor
    extension = Extension(
        first_step=progress.step,
        steps=progress.step + count,
        learning_rate=usual if more.learning_rate is None else float(more.learning_rate),
    )
    extension.applied(config)  # Says at once what is out of range.
    extension.save(folder)
    return extension
