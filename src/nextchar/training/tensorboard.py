"""A listener that logs training to TensorBoard.

Listeners for other trackers take a few lines; ``examples/trackers.py`` has two.
"""

from __future__ import annotations

import importlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nextchar.errors import NextcharError, RunError
from nextchar.storage import storage_errors
from nextchar.training.events import Event, StepDone, Validated

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

STEPS_BETWEEN = 10  # A row takes a tenth of a millisecond, and a screen is 1,000 pixels wide.
FLUSH_SECONDS = 10


class TensorBoard:
    """A listener that logs losses, rate, gradient norm, speed and samples to TensorBoard.

    A killed run may have logged steps after its last save. When it is resumed, the first new event
    makes TensorBoard purge the earlier events from its step onwards.

    Parameters
    ----------
    folder
        The folder for the event files, one folder per run. It is created on the first write.
    resumes
        Whether the folder may already hold events of this run.

    Raises
    ------
    NextcharError
        TensorBoard is not installed.
    RunError
        The folder holds events, and the run is new.
    """

    def __init__(self, folder: str | os.PathLike[str], *, resumes: bool = False) -> None:
        require_tensorboard()
        self._folder = Path(folder)
        self._writer: SummaryWriter | None = None
        self._written = -STEPS_BETWEEN
        if self._folder.exists() and not self._folder.is_dir():
            raise RunError(f"TensorBoard's events go into a folder; {folder} is a file")
        if not resumes and any(self._folder.glob("events.out.tfevents.*")):
            raise RunError(
                f"{folder} already holds events of another run: choose another folder for "
                "TensorBoard"
            )

    def __call__(self, event: Event) -> None:
        """Log an event: every tenth step, and each validation."""
        with storage_errors(self._folder):
            if isinstance(event, StepDone):
                if event.step - self._written >= STEPS_BETWEEN:
                    self._step(event)
            elif isinstance(event, Validated):
                self._validated(event)

    def close(self) -> None:
        """Flush the remaining events and close the files."""
        if self._writer is not None:
            with storage_errors(self._folder):
                self._writer.close()

    def _step(self, event: StepDone) -> None:
        self._written = event.step
        self._loss("train", event.train_nats, event)
        for name in ("learning_rate", "gradient_norm", "chars_per_second"):
            self._open(event.step).add_scalar(f"training/{name}", getattr(event, name), event.step)

    def _validated(self, event: Validated) -> None:
        if event.validation_nats is not None:
            self._loss("validation", event.validation_nats, event)
        for name, value in event.figures.items():
            self._open(event.step).add_scalar(f"validation/{name}", value, event.step)
        if event.sample is not None:
            indented = "".join(f"    {line}\n" for line in event.sample.split("\n"))
            self._open(event.step).add_text("sample", indented, event.step)  # as code: Markdown
        self._open(event.step).flush()

    def _loss(self, part: str, nats: float, event: StepDone | Validated) -> None:
        writer = self._open(event.step)
        writer.add_scalar(f"nats_per_{event.unit}/{part}", nats, event.step)
        writer.add_scalar(f"bits_per_{event.unit}/{part}", nats / math.log(2), event.step)

    def _open(self, step: int) -> SummaryWriter:
        """Return the writer; the first call creates it and purges later events from ``step``."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(
                os.fspath(self._folder), purge_step=step, flush_secs=FLUSH_SECONDS
            )
        return self._writer


def require_tensorboard() -> None:
    """Raise a ``NextcharError`` with the install command if TensorBoard is missing."""
    try:
        importlib.import_module("tensorboard")
    except ImportError as error:
        raise NextcharError(
            "TensorBoard is not installed: pip install 'nextchar[tensorboard]'"
        ) from error
