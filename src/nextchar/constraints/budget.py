"""The limit on the work and the memory that a constraint may need.

An expression may come from a stranger, and short expressions can need any amount of work. Every
phase of the construction therefore counts its steps, which makes the limit independent of the
machine.
"""

from __future__ import annotations

from nextchar.errors import ConfigError

MAX_STEPS = 1_500_000
MAX_TABLE_CELLS = 4_000_000  # of the states and of the sets of symbols
_CELLS_PER_STEP = 20  # cells of an array that are processed in the time of one step


class Budget:
    """The steps that are left.

    Parameters
    ----------
    steps
        The number of steps: elements of sets and lists that are visited.

    Attributes
    ----------
    spent
        The number of steps so far.
    """

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.spent = 0
        self._steps = steps

    def spend(self, steps: int, *, cells: int = 0) -> None:
        """Count steps, and cells of arrays that are processed.

        Raises
        ------
        ConfigError
            No steps are left.
        """
        self.spent += steps + cells // _CELLS_PER_STEP
        if self.spent > self._steps:
            raise too_large_error(f"{self._steps:,} steps to prepare")

    def require_table(self, rows: int, columns: int) -> None:
        """Raise ``ConfigError`` if a table of this size is too large."""
        if rows * columns > MAX_TABLE_CELLS:
            raise too_large_error(f"{MAX_TABLE_CELLS:,} cells in a table")


def too_large_error(limit: str) -> ConfigError:
    """Return the error for a constraint that needs too much."""
    return ConfigError(f"the expression is too large: it needs more than {limit}")
