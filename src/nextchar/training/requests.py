"""What a process wants between two steps; requests travel with the gradients, so that all agree."""

from __future__ import annotations

import signal
from typing import NamedTuple


class Requests(NamedTuple):
    """How many processes want something, 0 for none.

    Attributes
    ----------
    interrupt, terminate
        To save and to stop, because SIGINT or SIGTERM came.
    save
        To save, because the last time is long ago.
    """

    interrupt: float = 0.0
    terminate: float = 0.0
    save: float = 0.0

    @classmethod
    def of(cls, received: int | None, *, save: bool) -> Requests:
        """Give the requests of one process, which may have received a signal."""
        return cls(float(received == signal.SIGINT), float(received == signal.SIGTERM), float(save))

    @property
    def signal_number(self) -> int | None:
        """The signal for which to stop; SIGTERM where both came."""
        if self.terminate:
            return signal.SIGTERM
        return signal.SIGINT if self.interrupt else None
