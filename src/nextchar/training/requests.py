"""Stop and save requests, summed over the processes together with the gradients."""

from __future__ import annotations

import signal
from typing import NamedTuple


class Requests(NamedTuple):
    """The number of processes with each request; 0 means none.

    Attributes
    ----------
    interrupt, terminate
        Requests to save and stop after SIGINT or SIGTERM.
    save
        Requests for a periodic save.
    """

    interrupt: float = 0.0
    terminate: float = 0.0
    save: float = 0.0

    @classmethod
    def of(cls, received: int | None, *, save: bool) -> Requests:
        """Return the requests of one process.

        Parameters
        ----------
        received
            The signal that it has received, or ``None``.
        save
            Whether it requests a save.
        """
        return cls(float(received == signal.SIGINT), float(received == signal.SIGTERM), float(save))

    @property
    def signal_number(self) -> int | None:
        """The signal that requests a stop, or ``None``; SIGTERM takes precedence."""
        if self.terminate:
            return signal.SIGTERM
        return signal.SIGINT if self.interrupt else None


NO_REQUESTS = Requests()
