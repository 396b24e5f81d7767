"""Averaged weights: what is validated and kept in place of the newest ones.

A *step* is one update of the weights, counted from 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from nextchar.config import TrainingConfig
from nextchar.nn.parameters import load_parameters, named_tensors
from nextchar.nn.trainable import evaluating


class WeightAverage:
    """An average of a network's weights over the steps of a training.

    With ``ema_decay``, an exponential moving average (Polyak & Juditsky 1992), whose early steps
    keep less of the past, ``(1 + step) / (10 + step)``, so that the start is soon forgotten.
    With ``swa_share``, the plain mean of the weights after each of the last steps (Izmailov et
    al. 2018, stochastic weight averaging); before those, the newest weights.

    Parameters
    ----------
    network
        Whose weights are averaged; the average starts as their copy.
    config
        Says which average.
    first_step
        First step of the schedule whose final steps ``swa_share`` refers to.

    Attributes
    ----------
    tensors
        The average by name. Running averages of batch normalisation are averaged too, which is
        near to what the averaged weights would have, and not the same.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig, first_step: int = 0) -> None:
        self._config = config
        self._first = config.steps - round(config.swa_share * (config.steps - first_step))
        self.tensors: dict[str, Tensor] = {
            name: tensor.clone() for name, tensor in named_tensors(network).items()
        }

    def update(self, network: nn.Module, step: int) -> None:
        """Move the average towards the weights after a step."""
        averages, newest = list(self.tensors.values()), list(named_tensors(network).values())
        torch._foreach_lerp_(averages, newest, self._weight(step))

    def _weight(self, step: int) -> float:
        """Give the weight that the newest weights have in the average."""
        if self._config.ema_decay > 0:
            return 1 - min(self._config.ema_decay, (1 + step) / (10 + step))
        return 1 / max(1, step - self._first + 1)


def build_average(
    network: nn.Module, config: TrainingConfig, first_step: int = 0
) -> WeightAverage | None:
    """Make the configured average, or ``None``."""
    averages = config.ema_decay or config.swa_share
    return WeightAverage(network, config, first_step) if averages else None


@contextlib.contextmanager
def in_evaluation(network: nn.Module, average: WeightAverage | None) -> Iterator[None]:
    """Evaluate in the block, with the averaged weights in place where there are any."""
    kept = None
    if average is not None:
        kept = {name: tensor.clone() for name, tensor in named_tensors(network).items()}
        load_parameters(network, average.tensors)
    try:
        with evaluating(network):
            yield
    finally:
        if kept is not None:
            load_parameters(network, kept)
