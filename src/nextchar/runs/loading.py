"""Load the model of any run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nextchar.config.arguments import checked
from nextchar.runs.registry import task_of_run


@checked
def load(
    run: str | os.PathLike[str], *, device: str = "cpu", checkpoint: str | int = "best"
) -> Any:  # noqa: ANN401  (the class follows from the run)
    """Load the model of a run, as an instance of the task's model class.

    Parameters
    ----------
    run
        The run directory, of any task.
    device
        The device: ``"cpu"`` or ``"cuda"``.
    checkpoint
        The weights to load: ``"best"`` on the validation part (the newest before the first
        validation), ``"last"``, or a step whose weights ``keep_checkpoints`` has kept.

    Returns
    -------
    LanguageModel, Classifier, Tagger, Transducer or ConditionalModel

    Raises
    ------
    RunError
        The run is missing or damaged, or was written by a newer nextchar.
    """
    return task_of_run(Path(run)).model_type.load(run, device=device, checkpoint=checkpoint)
