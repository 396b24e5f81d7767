"""Windows that grow: in the first part of the schedule, a window is read in parts.

Each part is followed by an update, so a step makes several updates from the same amount of text.
Early in training, the direction of a gradient is clear from little text, and long dependencies are
not learned yet. The state is carried from part to part, so only the gradient is truncated earlier.
"""

from __future__ import annotations

from nextchar.config import TrainingConfig

MOST_PARTS = 4  # of a window, in the first half of the growth
_FEWER_PARTS = 2  # in its second half


def parts_at(config: TrainingConfig, position: float, first_step: int = 0) -> int:
    """Return the number of parts of a window at a position of the schedule (``pacing``)."""
    share = (position - first_step) / max(1, config.steps - first_step)
    if share >= config.window_growth:
        return 1
    return MOST_PARTS if share < config.window_growth / 2 else _FEWER_PARTS
