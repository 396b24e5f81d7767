"""How far a training has come: all that resume needs besides tensors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch


@dataclass(kw_only=True)
class TrainerState:
    """All that resume needs besides tensors; kept as JSON in the checkpoint.

    Attributes
    ----------
    step
        Optimiser steps done; also the cursor into the streams.
    loss_sum, loss_count
        Sum of the training losses (nats per symbol) since the last validation, and their number.
    best_nats, best_value, best_step
        The validation loss (nats per unit) of the best weights, the value that decided that they
        are (``objective.Measured``), and their step.
    rate_factor, stale_validations
        What schedule ``plateau`` has made of the rate, and validations since the last best.
    improved_nats, validations_waited
        The value that counts for early stopping, and validations since it was reached.
    loss_scale, loss_scale_steps
        In float16, the factor of the loss, and the steps since it changed.
    metrics_size
        Bytes of ``metrics.jsonl`` that belong to the steps done.
    seconds
        Time in training so far, over all sittings.
    threads, device, processes
        What the numbers were computed with.
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
        if self.best_value is None:  # As in runs from before another value could decide.
            self.best_value = self.best_nats

    @property
    def machinery(self) -> str:
        """Say what the numbers were computed with."""
        each = f"{self.device} with {self.threads} threads"
        return each if self.processes == 1 else f"{self.processes} processes on {each}"
