"""TensorBoard: a listener that writes what happens in a training for it to show.

Other trackers are listeners of a few lines; ``examples/trackers.py`` has two.
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

STEPS_BETWEEN = 10  # A row costs a tenth of a millisecond, and a screen has 1,000 pixels.
FLUSH_SECONDS = 10


class TensorBoard:
    """A listener that writes losses, rate, gradient norm, speed and samples for TensorBoard.

    What a run that was killed wrote after its last save is superseded when it is resumed: the
    first new event tells TensorBoard from which step on to forget older ones.

    Parameters
    ----------
    folder
        Where the event files go, made when there is something to write: one folder a run.
    resumes
        Whether the events of the same run may be there already.

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
                f"{folder} holds the events of another run, and nothing is mixed: choose another "
                "folder for TensorBoard"
            )

    def __call__(self, event: Event) -> None:
        """Write an event, if it is one with numbers."""
        with storage_errors(self._folder):
            if isinstance(event, StepDone):
                if event.step - self._written >= STEPS_BETWEEN:
                    self._step(event)
            elif isinstance(event, Validated):
                self._validated(event)

    def close(self) -> None:
        """Write out what is left."""
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
        """Give the writer, made at the first step that it is to write."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(
                os.fspath(self._folder), purge_step=step, flush_secs=FLUSH_SECONDS
            )
        return self._writer


def require_tensorboard() -> None:
    """Raise ``NextcharError`` that says what to install, if TensorBoard is missing."""
    try:
        importlib.import_module("tensorboard")
    except ImportError as error:
        raise NextcharError(
            "writing for TensorBoard needs it: pip install 'nextchar[tensorboard]'"
        ) from error
