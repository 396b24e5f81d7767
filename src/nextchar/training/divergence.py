"""Divergence: detection without synchronising with a GPU, and advice for the error message."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.errors import as_option
from nextchar.training.requests import Requests


class PendingMetrics:
    """Metrics of recent steps, kept on the device until the host reads them.

    Attributes
    ----------
    metrics
        The sums of the loss and of the requests over these steps, shape [1 + requests].
    norm
        The newest gradient norm, shape []. It is not finite if any of these steps had a norm that
        is not finite.
    count
        The number of steps.
    """

    def __init__(self, device: torch.device) -> None:
        self.metrics = torch.zeros(1 + len(Requests._fields), dtype=torch.float64, device=device)
        self.norm = torch.zeros((), dtype=torch.float64, device=device)
        self.count = 0

    def add(self, metrics: Tensor, norm: Tensor) -> None:
        """Add one step.

        Parameters
        ----------
        metrics
            The loss, followed by the requests.
        norm
            The gradient norm.
        """
        self.metrics += metrics
        self.norm = norm + 0 * self.norm
        self.count += 1


def advice(config: TrainingConfig, rate: float, kept: Path | None) -> str:
    """Return advice for a run whose loss is not finite.

    Parameters
    ----------
    config
        The configuration of the run.
    rate
        The learning rate of the failed step.
    kept
        The run directory if it has a checkpoint, else ``None``.
    """
    clip = (
        f"a smaller {as_option('clip_norm')} than {config.clip_norm:g}"
        if config.clip_norm
        else as_option("clip_norm", 1)
    )
    tail = "" if kept is None else f"; {kept} keeps its last checkpoint"
    return (
        f"start a new run with a lower {as_option('learning_rate')} than {config.learning_rate:g} "
        f"(now {rate:.2g}) or {clip}{tail}"
    )
