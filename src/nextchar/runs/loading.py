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
    """Load the model of a run as its own class.

    Parameters
    ----------
    run
        The run directory, of any task.
    device
        Where to compute: ``"cpu"`` or ``"cuda"``.
    checkpoint
        The weights: ``"best"`` on the validation part (the newest if none is best yet), ``"last"``,
        or a step whose weights ``keep_checkpoints`` has kept.

    Returns
    -------
    LanguageModel, Classifier, Tagger, Transducer or ConditionalModel

    Raises
    ------
    RunError
        No run is there, it is damaged, or a newer nextchar wrote it.
    """
    return task_of_run(Path(run)).model_type.load(run, device=device, checkpoint=checkpoint)
