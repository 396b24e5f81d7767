"""Notes on stderr: the library's log records, and events."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from nextchar.cli.output import write_note
from nextchar.training.events import Event, Noticed


class _Notes(logging.Handler):
    """Writes each record as a note."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        write_note(record.getMessage())


def note_event(event: Event) -> None:
    """Write a note; a listener for commands that show no training."""
    if isinstance(event, Noticed):
        write_note(event.for_command_line)


@contextlib.contextmanager
def noting() -> Iterator[None]:
    """Show the library's log records in the block."""
    logger, handler = logging.getLogger("nextchar"), _Notes()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
