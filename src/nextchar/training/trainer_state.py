"""The training state, apart from tensors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch


@dataclass(kw_only=True)
class TrainerState:
    """Everything that resuming needs, apart from tensors; stored as JSON in the checkpoint.

    Attributes
    ----------
    step
        Optimiser steps done; also the position in the streams.
    loss_sum, loss_count
        Sum and number of the training losses since the last validation, in nats per prediction.
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
        Time of the run so far, including the time before it was resumed.
    threads, device, processes
        The hardware: number of threads, type of device, number of processes.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best_nats: float | None = None
    best_value: float | None = None
    best_step: int | None = None
    rate_factor: float = 1.0
    stale_validations: int = 0
    improved_nats: float | None = None
    validations_waited: int = 0
    loss_scale: float | None = None
    loss_scale_steps: int = 0
    metrics_size: int = 0
    seconds: float = 0.0
    threads: int = dataclasses.field(default_factory=torch.get_num_threads)
    device: str = "cpu"
    processes: int = 1

    def __post_init__(self) -> None:
        if self.best_value is None:  # In older runs, the criterion was always the loss.
            self.best_value = self.best_nats

    @property
    def hardware(self) -> str:
        """A description of the hardware."""
        each = f"{self.device} with {self.threads} threads"
        return each if self.processes == 1 else f"{self.processes} processes on {each}"
