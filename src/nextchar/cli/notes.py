"""The library's log records, as notes on stderr."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from nextchar.cli.output import write_note


class _Notes(logging.Handler):
    """Writes each record as a note."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        write_note(record.getMessage())


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
