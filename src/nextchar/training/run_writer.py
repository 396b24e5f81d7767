"""The files that a training writes into its run directory: state, weights and metrics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from nextchar.errors import RunError
from nextchar.storage import make_folder, storage_errors
from nextchar.training.checkpoint import (
    KEPT_FOLDER,
    LAST_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PREVIOUS_FILE,
    keep_previous,
    kept_file,
    kept_steps,
    save_tensors,
)
from nextchar.training.metrics import append_row, cut_rows
from nextchar.training.trainer_state import TrainerState


class RunWriter:
    """Writes the files of a run; all methods raise ``StorageError`` if a file cannot be written.

    Parameters
    ----------
    folder
        The run directory.
    seal
        Digests of the run's metadata (``run_files.seals``), stored with the tensors.
    """

    def __init__(self, folder: Path, seal: Mapping[str, str] | None) -> None:
        self._folder = folder
        self._seal = seal

    @property
    def has_state(self) -> bool:
        """Whether a state has been saved."""
        return (self._folder / LAST_FILE).exists()

    def require_startable(self) -> None:
        """Raise ``RunError`` if a run without a state has results that a start would overwrite."""
        metrics, results = self._folder / METRICS_FILE, (MODEL_FILE, PREVIOUS_FILE)
        if any((self._folder / name).exists() for name in results) or (
            metrics.exists() and metrics.stat().st_size
        ):
            raise RunError(
                f"{self._folder} cannot be resumed: {LAST_FILE}, which holds the state of the "
                "training, is missing"
            )

    def save_state(self, tensors: Mapping[str, Tensor], state: TrainerState) -> None:
        """Write everything that resuming needs to ``last/``, and keep the state before it."""
        keep_previous(self._folder)
        self._write(LAST_FILE, tensors, dataclasses.asdict(state))

    def save_best(self, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
        """Write the best weights."""
        self._write(MODEL_FILE, tensors, content)

    def keep(self, tensors: Mapping[str, Tensor], step: int, *, most: int) -> None:
        """Write the weights of a step to ``checkpoints/``; delete all but the newest ``most``."""
        kept = kept_file(step)
        with storage_errors(self._folder / kept):
            make_folder(self._folder / KEPT_FOLDER)
        self._write(kept, tensors, {"step": step})
        self._forget(kept_steps(self._folder)[:-most])

    def append(self, row: Mapping[str, float]) -> int:
        """Append a row to ``metrics.jsonl``; return the size of the file."""
        return append_row(self._folder / METRICS_FILE, row)

    def cut_after(self, state: TrainerState) -> None:
        """Delete rows and kept weights of steps after a state; ``RunError`` if rows are lost."""
        cut_rows(self._folder / METRICS_FILE, state.metrics_size)
        self._forget([step for step in kept_steps(self._folder) if step > state.step])

    def _write(self, name: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
        save_tensors(self._folder / name, tensors, content, seal=self._seal)

    def _forget(self, steps: Sequence[int]) -> None:
        """Delete the kept weights of these steps."""
        for step in steps:
            path = self._folder / kept_file(step)
            with storage_errors(path):
                path.unlink()
