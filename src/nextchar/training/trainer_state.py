"""The training state, apart from tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nextchar.config.records import bounded
from nextchar.training.window_growth import MOST_PARTS

# Missing in checkpoints of older versions.
LATER_FIELDS = (
    "best_value",
    "improved_nats",
    "validations_waited",
    "loss_scale",
    "loss_scale_steps",
    "processes",
    "deadline",
    "planned_steps",
    "revised_step",
    "revised_position",
    "validation_seconds",
)


@dataclass(kw_only=True)
class TrainerState:
    """Everything that resuming needs, apart from tensors; stored as JSON in the checkpoint.

    Attributes
    ----------
    step
        Optimiser steps done; also the position in the streams.
    loss_sum, loss_count
        Sum and number of the training losses since the last validation, in nats per prediction;
        one for each update.
    best_nats, best_value, best_step
        The validation loss of the best weights (nats per unit), their value of the criterion
        (``objective.ValidationResult``), and their step.
    rate_factor, stale_validations
        The factor that the ``plateau`` schedule applies to the rate, and the number of validations
        since the last best one or the last reduction of the rate.
    improved_nats, validations_waited
        The reference value of early stopping, and the number of validations since it was reached.
    loss_scale, loss_scale_steps
        In float16, the loss scale and the number of steps since its last change.
    metrics_size
        Size of ``metrics.jsonl`` in bytes at this step.
    seconds
        Time of the run so far, without compilation, including the time before it was resumed.
    deadline
        The time of the run, in the seconds of ``seconds``, at which its time budget ends; ``None``
        without one.
    planned_steps, revised_step, revised_position
        The latest revision of the plan (``pacing``): the number of steps, and the step and the
        position in the schedule at which it was made. ``planned_steps`` is ``None`` without one.
    validation_seconds
        The time of a validation, as last measured; 0 if unknown.
    threads, device, processes
        The hardware: number of threads, type of device, number of processes.
    """

    step: int = bounded(default=0, at_least=0, at_most=1 << 51)
    loss_sum: float = 0.0
    loss_count: int = bounded(default=0, at_least=0)
    best_nats: float | None = None
    best_value: float | None = None
    best_step: int | None = bounded(default=None, at_least=1)
    rate_factor: float = bounded(default=1.0, above=0, at_most=1)
    stale_validations: int = bounded(default=0, at_least=0)
    improved_nats: float | None = None
    validations_waited: int = bounded(default=0, at_least=0)
    loss_scale: float | None = bounded(default=None, above=0)
    loss_scale_steps: int = bounded(default=0, at_least=0, at_most=1 << 31)
    metrics_size: int = bounded(default=0, at_least=0)
    seconds: float = bounded(default=0.0, at_least=0)
    deadline: float | None = bounded(default=None, at_least=0)
    planned_steps: int | None = bounded(default=None, at_least=1, at_most=1 << 51)
    revised_step: int = bounded(default=0, at_least=0)
    revised_position: float = bounded(default=0.0, at_least=0)
    validation_seconds: float = bounded(default=0.0, at_least=0)
    threads: int = bounded(default_factory=torch.get_num_threads, at_least=1)
    device: str = "cpu"
    processes: int = bounded(default=1, at_least=1)

    def __post_init__(self) -> None:
        if self.best_value is None:  # In older runs, the criterion was always the loss.
            self.best_value = self.best_nats

    @property
    def contradiction(self) -> str | None:
        """A value that cannot be, given the others; ``None`` if there is none."""
        if self.loss_count > MOST_PARTS * self.step:
            return f"loss_count is {self.loss_count}, but step is {self.step}"
        counts = {
            "stale_validations": self.stale_validations,
            "validations_waited": self.validations_waited,
            "best_step": self.best_step or 0,
            "revised_step": self.revised_step,
        }
        for name, count in counts.items():
            if count > self.step:
                return f"{name} is {count}, but step is {self.step}"
        if self.planned_steps is not None and self.planned_steps <= self.revised_step:
            return f"planned_steps is {self.planned_steps}, but revised_step {self.revised_step}"
        if self.device not in ("cpu", "cuda"):
            return f"device is {self.device!r:.80}"
        if self.best_step is None and (self.best_nats, self.best_value) != (None, None):
            return f"best_nats is {self.best_nats}, but best_step is None"
        if (self.best_nats is None) != (self.best_value is None):
            return f"best_nats is {self.best_nats}, but best_value is {self.best_value}"
        if self.validations_waited and self.improved_nats is None:
            return f"validations_waited is {self.validations_waited}, but improved_nats is None"
        return None

    @property
    def hardware(self) -> str:
        """A description of the hardware."""
        each = f"{self.device} with {self.threads} threads"
        return each if self.processes == 1 else f"{self.processes} processes on {each}"
