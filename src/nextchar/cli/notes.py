"""What the library logs, as notes on stderr."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from nextchar.cli.output import write_progress


class _Notes(logging.Handler):
    """Writes each record as a line of its own, also while another line moves."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        cleared = "\r\x1b[K" if sys.stderr.isatty() else ""
        write_progress(f"{cleared}note: {record.getMessage()}\n")


@contextlib.contextmanager
def noting() -> Iterator[None]:
    """Show in the block what the library logs."""
    logger, handler = logging.getLogger("nextchar"), _Notes()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
