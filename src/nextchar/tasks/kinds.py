"""The tasks by their commands; each loads when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from nextchar.errors import RunError
from nextchar.tasks.item_model import ItemModel

_HOMES: Mapping[str, tuple[str, str]] = {
    "classify": ("nextchar.tasks.classification.model", "Classifier"),
    "condition": ("nextchar.tasks.conditioning.model", "ConditionalModel"),
    "tag": ("nextchar.tasks.tagging.model", "TagModel"),
    "transduce": ("nextchar.tasks.transduction.model", "Transducer"),
}


def kind_of_task(task: str) -> type[ItemModel[Any]]:
    """Give what a task's runs are loaded as.

    Raises
    ------
    RunError
        There is no such task.
    """
    if task not in _HOMES:
        raise RunError(f"a run is of one of the tasks {', '.join(_HOMES)}; got {task!r}")
    module, name = _HOMES[task]
    kind: type[ItemModel[Any]] = getattr(importlib.import_module(module), name)
    return kind
