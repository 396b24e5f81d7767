"""Early stopping: end training when it no longer improves (Prechelt 1998).

Wherever a run ends, it keeps the weights with the best validation result.
"""

from __future__ import annotations

from nextchar.config import TrainingConfig
from nextchar.training.pacing import total_steps
from nextchar.training.trainer_state import TrainerState


def note_validation(progress: TrainerState, config: TrainingConfig, value: float | None) -> None:
    """Count the validations since the last improvement by more than ``min_improvement``.

    Parameters
    ----------
    progress
        The training state, which is updated.
    config
        Sets ``min_improvement``.
    value
        The validation criterion, lower is better; ``None`` without a validation part.
    """
    reference = progress.improved_nats
    if value is None:
        return
    if reference is None or value < reference - config.min_improvement:
        progress.improved_nats, progress.validations_waited = value, 0
    else:
        progress.validations_waited += 1


def stops_early(progress: TrainerState, config: TrainingConfig) -> bool:
    """Return whether patience is exhausted."""
    return 0 < config.patience <= progress.validations_waited


def reason_of(progress: TrainerState, config: TrainingConfig, unit: str = "") -> str:
    """Return a one-line reason for the early stop; ``unit`` follows the value of the criterion."""
    by = f" by more than {config.min_improvement:g} nats" if config.min_improvement else ""
    last = "validation" if config.patience == 1 else f"{config.patience} validations"
    return (
        f"stopped early after step {progress.step:,} of {total_steps(progress, config):,}: the "
        f"last {last} did not improve on {progress.improved_nats:.4f}{unit}{by}; the best weights, "
        f"of step {progress.best_step:,}, are kept"
    )
