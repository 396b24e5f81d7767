"""A training that diverges: how it is noticed without waiting for a GPU, and what to do then."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.errors import as_option
from nextchar.training.requests import Requests


class PendingMetrics:
    """The sums of the losses, requests and gradient norms that the host has not looked at yet."""

    def __init__(self, device: torch.device) -> None:
        self.news = torch.zeros(1 + len(Requests._fields), dtype=torch.float64, device=device)
        self.norm = torch.zeros((), dtype=torch.float64, device=device)
        self.count = 0

    def add(self, news: Tensor, norm: Tensor) -> None:
        """Count one step: its loss with the requests behind it, and its gradient norm.

        Of the norms the newest is kept, and any that is not finite.
        """
        self.news += news
        self.norm = norm + 0 * self.norm
        self.count += 1


def advice(config: TrainingConfig, rate: float, kept: Path | None) -> str:
    """Say what to try after a loss that was not finite.

    Parameters
    ----------
    rate
        The learning rate when it happened.
    kept
        The run directory, if it has a checkpoint.
    """
    clip = (
        f"a smaller {as_option('clip_norm')} than {config.clip_norm:g}"
        if config.clip_norm
        else as_option("clip_norm", 1)
    )
    tail = "" if kept is None else f"; {kept} keeps its last checkpoint"
    return (
        f"begin a new run with a lower {as_option('learning_rate')} than {config.learning_rate:g} "
        f"(now {rate:.2g}) or {clip}{tail}"
    )
