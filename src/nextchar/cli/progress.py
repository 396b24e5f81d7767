"""Progress of a training: a moving line, and a line that stays for each validation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from nextchar.cli.notes import note_event
from nextchar.cli.output import PartDisplay, ProgressLine, write_progress
from nextchar.rendering.training_words import duration, speed, validation_line
from nextchar.training.events import Event, Listener, Preparing, StepDone, Validated
from nextchar.training.torchrun import is_first_process


class ProgressDisplay:
    """A listener that writes to stderr.

    A line stays for each validation. Between them, a ``ProgressLine`` shows the progress.

    Parameters
    ----------
    label
        Beginning of the moving line; it can be changed.
    """

    def __init__(self, label: str = "") -> None:
        self.label = label
        self._moving = ProgressLine()
        self._validation: float | None = None
        self._part = PartDisplay("")

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, StepDone):
            self._step(event)
        elif isinstance(event, Preparing):
            self._preparing(event)
        elif isinstance(event, Validated):
            self._validation = event.validation_nats
            self._line(validation_line(event))
            if event.sample is not None:
                self._line(f"{event.sample}\n")
        else:
            self._moving.clear()
            note_event(event)

    def close(self) -> None:
        """Clear the moving line."""
        self._moving.clear()

    def _line(self, text: str) -> None:
        self._moving.clear()
        write_progress(f"{text}\n")

    def _preparing(self, event: Preparing) -> None:
        if event.fraction == 0 or event.stage != self._part.label:
            self._part = PartDisplay(event.stage)
        self._part(event.fraction)

    def _step(self, event: StepDone) -> None:
        if not self._moving.is_due():
            return
        losses = f"train {event.train_nats:.3f}"
        if self._validation is not None:
            losses += f" val {self._validation:.3f}"
        self._moving.show(
            [
                f"ETA {duration(event.seconds_left)}",
                *([self.label] if self.label else []),
                f"step {event.step}/{event.steps}",
                f"{losses} nats",
                f"{speed(event.chars_per_second)} chars/s",
                f"epoch {event.epochs:.1f}",
            ],
            event.step / max(event.steps, 1),
        )


@contextlib.contextmanager
def training_listeners(
    tensorboard: Path | None, *, resumes: bool, quiet: bool
) -> Iterator[list[Listener]]:
    """Yield the listeners of a training: the display, unless quiet, and TensorBoard.

    Among several processes, only the first writes for TensorBoard.
    """
    from nextchar.training.tensorboard import TensorBoard

    with contextlib.ExitStack() as closing:
        listeners: list[Listener] = []
        if not quiet:
            display = ProgressDisplay()
            closing.callback(display.close)
            listeners.append(display)
        if tensorboard is not None and is_first_process():
            board = TensorBoard(tensorboard, resumes=resumes)
            closing.callback(board.close)
            listeners.append(board)
        yield listeners
