"""Progress of a training in the output of a notebook cell: one line that changes in place."""

from __future__ import annotations

import html
import importlib
import time
from typing import Any

from nextchar.errors import NextcharError
from nextchar.rendering.training_words import duration, speed, validation_line
from nextchar.training.events import Event, Noticed, Preparing, StepDone, Validated
from nextchar.visible import printable_text

_REFRESH_SECONDS = 0.5


class NotebookProgress:
    """A listener that shows the progress of a training in a notebook.

    A line stays for each validation and each note. Below them, a bar and a line with the time left
    change in place.

        nextchar.train("plays.txt", "runs/plays", listeners=[nextchar.NotebookProgress()])

    Raises
    ------
    NextcharError
        IPython is not installed.
    """

    def __init__(self) -> None:
        try:
            self._ipython: Any = importlib.import_module("IPython.display")
        except ModuleNotFoundError:
            raise NextcharError(
                "displays in notebooks need IPython, which is not installed: "
                "pip install 'nextchar[notebook]'"
            ) from None
        self._handle: Any = None
        self._lines: list[str] = []
        self._bar = ""
        self._due = 0.0

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Noticed):
            self._lines.append(f"note: {printable_text(event.message)}")
        elif isinstance(event, Validated):
            self._lines.append(printable_text(validation_line(event)))
            if event.sample is not None:
                self._lines.extend(map(printable_text, event.sample.split("\n")))
            self._bar = _bar(event.step / event.steps, f"step {event.step:,} of {event.steps:,}")
        elif isinstance(event, Preparing) and event.fraction >= 1:
            self._bar = ""
        elif time.monotonic() < self._due:
            return
        elif isinstance(event, StepDone):
            self._bar = _bar(event.step / event.steps, _step(event))
        else:
            self._bar = _bar(event.fraction, printable_text(event.stage))
        self._show()

    def _show(self) -> None:
        """Replace what is shown by the lines that stay and the bar."""
        self._due = time.monotonic() + _REFRESH_SECONDS
        lines = html.escape("\n".join(self._lines))
        shown = self._ipython.HTML(
            f'<pre style="overflow-x:auto;white-space:pre">{lines}</pre>{self._bar}'
        )
        if self._handle is None:
            self._handle = self._ipython.display(shown, display_id=True)
        else:
            self._handle.update(shown)


def _bar(share: float, now: str) -> str:
    """Return a bar and the line beside it."""
    percent = f"{share:.0%}"
    return f'<p><progress value="{share:.3f}">{percent}</progress> {html.escape(now)}</p>'


def _step(event: StepDone) -> str:
    parts = [
        f"{duration(event.seconds_left)} left",
        f"step {event.step:,} of {event.steps:,}",
        f"train {event.train_nats:.3f} nats",
        f"{speed(event.chars_per_second)} chars/s",
        f"epoch {event.epochs:.1f}",
    ]
    return " · ".join(parts)
