"""Averaged weights: what is validated and kept in place of the newest ones.

A *step* is one update of the weights, counted from 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.nn.parameters import copy_by_name, named_tensors
from nextchar.nn.trainable import Trainable, evaluating


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
        near to what the averaged weights would have, and not the same. What is fitted
        (``Trainable.fitted``) has no average.
    """

    def __init__(self, network: Trainable, config: TrainingConfig, first_step: int = 0) -> None:
        self._config = config
        self._first = config.steps - round(config.swa_share * (config.steps - first_step))
        self.tensors: dict[str, Tensor] = {
            name: tensor.clone() for name, tensor in _averaged(network).items()
        }
        self._fitted = network.fitted

    def update(self, network: Trainable, step: int) -> None:
        """Move the average towards the weights after a step."""
        averages, newest = list(self.tensors.values()), list(_averaged(network).values())
        torch._foreach_lerp_(averages, newest, self._weight(step))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back the tensors of a checkpoint; older ones have those that are fitted too.

        Raises
        ------
        RunError
            The names or the shapes do not fit.
        """
        kept = {name: tensor for name, tensor in tensors.items() if name not in self._fitted}
        copy_by_name(self.tensors, kept)

    def _weight(self, step: int) -> float:
        """Give the weight that the newest weights have in the average."""
        if self._config.ema_decay > 0:
            return 1 - min(self._config.ema_decay, (1 + step) / (10 + step))
        return 1 / max(1, step - self._first + 1)


def build_average(
    network: Trainable, config: TrainingConfig, first_step: int = 0
) -> WeightAverage | None:
    """Make the configured average, or ``None``."""
    averages = config.ema_decay or config.swa_share
    return WeightAverage(network, config, first_step) if averages else None


@contextlib.contextmanager
def in_evaluation(network: Trainable, average: WeightAverage | None) -> Iterator[None]:
    """Evaluate in the block, with the averaged weights in place where there are any.

    What the block fits stays, for it is no weight of a step.
    """
    weights = {} if average is None else _averaged(network)
    kept = {name: tensor.clone() for name, tensor in weights.items()}
    if average is not None:
        copy_by_name(weights, average.tensors)
    try:
        with evaluating(network):
            yield
    finally:
        copy_by_name(weights, kept)


def _averaged(network: Trainable) -> dict[str, Tensor]:
    """Return the tensors of a network that have an average, by name."""
    fitted = network.fitted
    return {n: tensor for n, tensor in named_tensors(network).items() if n not in fitted}
