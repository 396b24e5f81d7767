"""Requests of a process between two steps. They travel with the gradients, so that all agree."""

from __future__ import annotations

import signal
from typing import NamedTuple


class Requests(NamedTuple):
    """The number of processes that request something; 0 is none.

    Attributes
    ----------
    interrupt, terminate
        Save and stop, since SIGINT or SIGTERM came.
    save
        Save, since the last save is long ago.
    """

    interrupt: float = 0.0
    terminate: float = 0.0
    save: float = 0.0

    @classmethod
    def of(cls, received: int | None, *, save: bool) -> Requests:
        """Return the requests of one process, which may have received a signal."""
        return cls(float(received == signal.SIGINT), float(received == signal.SIGTERM), float(save))

    @property
    def signal_number(self) -> int | None:
        """The signal for which to stop; SIGTERM where both came."""
        if self.terminate:
            return signal.SIGTERM
        return signal.SIGINT if self.interrupt else None


NO_REQUESTS = Requests()
