"""Early stopping: an end to a training that no longer gets better (Prechelt 1998).

What is kept of a run are the weights that were best on the validation part, wherever it ends.
"""

from __future__ import annotations

from nextchar.config import TrainingConfig
from nextchar.training.trainer_state import TrainerState


def note_validation(progress: TrainerState, config: TrainingConfig, value: float | None) -> None:
    """Count the validations since what decides was last lower by ``min_improvement`` or more."""
    reference = progress.improved_nats
    if value is None:
        return
    if reference is None or value < reference - config.min_improvement:
        progress.improved_nats, progress.validations_waited = value, 0
    else:
        progress.validations_waited += 1


def stops_early(progress: TrainerState, config: TrainingConfig) -> bool:
    """Say whether patience has come to its end."""
    return 0 < config.patience <= progress.validations_waited


def reason_of(progress: TrainerState, config: TrainingConfig, unit: str = "") -> str:
    """Say in one line why the training ended; ``unit`` stands behind the value that decided."""
    by = f" by more than {config.min_improvement:g} nats" if config.min_improvement else ""
    last = "validation was" if config.patience == 1 else f"{config.patience} validations were"
    return (
        f"stopped early after step {progress.step:,} of {config.steps:,}: the last {last} no "
        f"better{by} than {progress.improved_nats:.4f}{unit}; kept are the best weights, "
        f"those of step {progress.best_step:,}"
    )
