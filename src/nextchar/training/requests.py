"""Requests to stop, save or revise the plan, summed over the processes with the gradients."""

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
    steps
        The revised number of steps of the run (``pacing``), of the first process only.
    """

    interrupt: float = 0.0
    terminate: float = 0.0
    save: float = 0.0
    steps: float = 0.0

    @classmethod
    def of(cls, received: int | None, *, save: bool, steps: int | None = None) -> Requests:
        """Return the requests of one process.

        Parameters
        ----------
        received
            The signal that it has received, or ``None``.
        save
            Whether it requests a save.
        steps
            The number of steps that it requests, or ``None``.
        """
        interrupt, terminate = received == signal.SIGINT, received == signal.SIGTERM
        return cls(float(interrupt), float(terminate), float(save), float(steps or 0))

    @property
    def needs_save(self) -> bool:
        """Whether the run must be saved."""
        return bool(self.interrupt or self.terminate or self.save)

    @property
    def signal_number(self) -> int | None:
        """The signal that requests a stop, or ``None``; SIGTERM takes precedence."""
        if self.terminate:
            return signal.SIGTERM
        return signal.SIGINT if self.interrupt else None


NO_REQUESTS = Requests()
