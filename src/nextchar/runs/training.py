"""Create, train and resume runs of any task.

A run directory contains, in addition to the files of its task,

    config.json         the task and all options, with a format version
    model.safetensors   the weights with the best validation result
    metrics.jsonl       one row per validation
    README.md           a model card
    last/               the state needed to resume
    extension.json      the settings of further training, if any
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from nextchar.config import TrainingConfig
from nextchar.config.arguments import checked
from nextchar.errors import Interrupted, RunError
from nextchar.nn.threads import quick_threads
from nextchar.run_files.seals import next_seal
from nextchar.runs.registry import task_named, task_of_run
from nextchar.runs.task import Data, NewRun, OpenRun, Result, Start, Task
from nextchar.storage import in_the_way_error, is_in_the_way, write_bytes
from nextchar.text.files import Input
from nextchar.training.checkpoint import (
    LAST_FILE,
    METRICS_FILE,
    load_tensors,
    naming_previous,
)
from nextchar.training.events import Listener, Noticed, tell
from nextchar.training.extension import (
    More,
    complete_note,
    current,
    extend,
    load_extension,
    progress_of,
)
from nextchar.training.folder import only_trainer
from nextchar.training.memory import keep_freed_memory
from nextchar.training.metrics import read_history
from nextchar.training.planning import TRAINING_SHARE
from nextchar.training.plans import Plan
from nextchar.training.processes import together
from nextchar.training.trainer import Trainer

CARD_FILE = "README.md"


@checked
def train(
    task: str | Task,
    data: Data,
    out: Input,
    *,
    listeners: Sequence[Listener] = (),
    began: float | None = None,
    **options: object,
) -> Any:  # noqa: ANN401  (the task's ``result_type``)
    """Create a run and train it.

    Under ``torchrun``, each process calls this function, and they train together. Only the first
    process reads data, writes files and calls the listeners; all return its result.

    Parameters
    ----------
    task
        A task or its name: ``language_model``, ``classify``, ``tag``, ``transduce``, ``condition``.
    data
        Files, folders or glob patterns, or items in memory, depending on the task.
    out
        The run directory to create; it must be missing or empty.
    listeners
        Called with each event of the training.
    began
        Start of the time budget ``minutes``, as returned by ``time.monotonic``; by default this
        call.
    **options
        The options of the task: those of its reader, and the fields of its configuration.

    Raises
    ------
    InputError
        The data or an option is invalid; nothing was written.
    Interrupted
        SIGINT or SIGTERM was received; ``resume`` continues the training.
    NonFiniteLossError, StorageError
        Training failed; the run keeps its last checkpoint.
    OtherProcessError
        Training failed in another process, which reports the reason.
    """
    began = time.monotonic() if began is None else began
    keep_freed_memory()
    folder = Path(out)
    task = task_named(task) if isinstance(task, str) else task
    with together() as processes:
        notified = listeners if processes.is_first else ()
        start = Start(processes=processes, listeners=notified, began=began)
        _create(task.new_run(data, start, options), folder, start)
        return _fit(task, task.open(folder, start), folder, start)


class ResumeOptions(TypedDict, total=False):
    """Options of ``resume``."""

    steps: int | None
    minutes: float | None
    learning_rate: float | None
    listeners: Sequence[Listener]


@checked
def resume(
    run: Input,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    learning_rate: float | None = None,
    listeners: Sequence[Listener] = (),
    task: str | Task | None = None,
    began: float | None = None,
) -> Any:  # noqa: ANN401  (the result type of the run's task)
    """Continue a run from its last save, bit for bit as if it had not been interrupted.

    Parameters
    ----------
    run
        The run directory, of any task.
    steps, minutes
        Further training of a finished run, in steps or in minutes (at most one of the two). The
        learning rate follows a new schedule of the same kind, and the best weights of the whole
        run are kept. ``resume(run)`` continues an interrupted extension.
    learning_rate
        The peak of that schedule. By default, the rate of the original schedule at the same number
        of steps before its end; for a schedule that does not decay to zero, the last rate.
    listeners
        Called with each event of the training.
    task
        The required task of the run; by default any.
    began
        Start of the time budget ``minutes``, as returned by ``time.monotonic``; by default this
        call.

    Raises
    ------
    RunError
        The run is missing, damaged, of another task, of a newer format, or being trained by another
        process; or further training was requested before the run had finished.
    CorpusError
        Its data are damaged or have changed.
    """
    began = time.monotonic() if began is None else began
    keep_freed_memory()
    folder, more = Path(run), More.of(steps, minutes, learning_rate)
    if task is None:
        task = task_of_run(folder)
    task = task_named(task) if isinstance(task, str) else task
    with together() as processes:
        notified = listeners if processes.is_first else ()
        start = Start(processes=processes, listeners=notified, began=began)
        with naming_previous(folder):
            opened = task.open(folder, start)
            if more is not None:
                processes.first(functools.partial(_extend, opened, folder, more, start))
            return _fit(task, opened, folder, start)


@checked
def history(run: Input) -> list[dict[str, Any]]:
    """Return the rows of a run's ``metrics.jsonl``, one per validation."""
    return read_history(Path(run), unit=task_of_run(Path(run)).unit)


def _create(new: NewRun, folder: Path, start: Start) -> None:
    """Write a new run in the first process, unless this job has already begun it."""

    def write() -> None:
        if not _was_begun(folder, start):
            new.write(folder)

    start.processes.first(write)


def _was_begun(folder: Path, start: Start) -> bool:
    """Return whether this job created the run before ``torchrun`` restarted its processes.

    Raises
    ------
    RunError
        The folder exists and contains something else.
    """
    in_the_way = is_in_the_way(folder)
    if in_the_way and not start.processes.has_begun(folder):
        raise in_the_way_error(folder)
    if in_the_way:
        tell(start.listeners, Noticed(message=f"continuing {folder} from its last save"))
    start.processes.begin(folder)
    return in_the_way


def _extend(opened: OpenRun, folder: Path, more: More, start: Start) -> None:
    """Record further training of a finished run, and report its settings."""
    if start.processes.has_begun(folder):
        return  # The extension was recorded before the processes of this job were restarted.

    def plan_in(training: TrainingConfig, seconds: float) -> Plan:
        return opened.plan(training, seconds, start)

    with only_trainer(folder):
        # Nothing is recorded in a run that cannot be resumed.
        _require_rows(folder, opened.objective.unit)
        load_tensors(folder / LAST_FILE)
        extension = extend(folder, opened.training, more, plan_in)
    tell(start.listeners, Noticed(message=extension.description(opened.training)))
    start.processes.begin(folder)


def _require_rows(folder: Path, unit: str) -> None:
    """Raise ``RunError`` before training if the metrics are damaged."""
    progress, rows = progress_of(folder), read_history(folder, unit=unit)
    best = None if progress is None else progress.best_step
    if best is not None and best not in {row["step"] for row in rows}:
        raise RunError(f"{folder / METRICS_FILE} is damaged: it has no row for the best step")


def _seconds_of(training: TrainingConfig, opened: OpenRun, start: Start) -> float | None:
    """Return the rest of a time budget for steps and validations; ``None`` without a budget."""
    if training.minutes is None or not start.processes.is_first:
        return None
    budget, completion = 60 * training.minutes, opened.completion_seconds()
    return max(budget - start.spent() - completion, TRAINING_SHARE * budget)


def _fit(task: Task, opened: OpenRun, folder: Path, start: Start) -> Result:
    processes, listeners = start.processes, start.listeners
    with only_trainer(folder) if processes.is_first else contextlib.nullcontext():
        extension = load_extension(folder)
        training = current(folder, opened.training)
        trainer = Trainer(
            opened.network,
            opened.objective,
            training,
            folder,
            grown=opened.grown,
            validate=opened.validate if opened.has_validation else None,
            sample=opened.sample,
            listeners=listeners,
            processes=processes,
            command=task.command,
            first_step=0 if extension is None else extension.first_step,
            most_steps=opened.most_steps if extension is None else None,
            seal=next_seal(folder),
        )
        _require_rows(folder, task.unit)
        trainer.restore()
        was_finished = trainer.is_finished
        if was_finished:
            tell(listeners, Noticed(message=complete_note(folder)))
        trainer.fit(_seconds_of(training, opened, start))

        def finish() -> dict[str, Any]:
            try:
                opened.complete(listeners, trained=not was_finished)
            except KeyboardInterrupt as error:
                raise Interrupted(
                    f"{folder} is trained, but not complete. Complete it with: "
                    f"{task.command} --resume {folder}",
                    signal.SIGINT,
                ) from error
            result = opened.result(trainer)
            card = opened.card(result, trainer).encode("utf-8", "backslashreplace")
            write_bytes(folder / CARD_FILE, card)
            return {**dataclasses.asdict(result), "run": None}  # type: ignore[call-overload]

        with quick_threads() if training.minutes else contextlib.nullcontext():
            figures = processes.first(finish)
    result: Result = task.result_type(**{**figures, "run": folder})
    return result
