"""The tasks by name. Each module is imported when its task is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from nextchar.errors import RunError
from nextchar.run_files.model_files import task_of
from nextchar.runs.task import Task

LANGUAGE_MODEL = "language_model"
# The module that defines each task as ``TASK``.
_MODULES: Mapping[str, str] = {
    LANGUAGE_MODEL: "nextchar.tasks.language_modeling.task",
    "classify": "nextchar.tasks.classification.task",
    "condition": "nextchar.tasks.conditioning.task",
    "tag": "nextchar.tasks.tagging.task",
    "transduce": "nextchar.tasks.transduction.task",
}


def task_named(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    RunError
        There is no such task.
    """
    if name not in _MODULES:
        raise RunError(f"the task must be one of {', '.join(_MODULES)}; got {name!r}")
    task: Task = importlib.import_module(_MODULES[name]).TASK
    return task


def task_of_run(run: Path) -> Task:
    """Return the task of a run, according to its ``config.json``.

    Raises
    ------
    RunError
        The folder is not a run directory, or its task is unknown.
    """
    key = task_of(run)
    return task_named(LANGUAGE_MODEL if key is None else key)
