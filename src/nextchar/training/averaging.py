"""Averaged weights, validated and saved in place of the newest ones.

A *step* is one update of the weights, counted from 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from nextchar.config import TrainingConfig
from nextchar.nn.parameters import copy_by_name, named_tensors, restore_by_name
from nextchar.nn.trainable import Trainable, evaluating


class WeightAverage:
    """An average of a network's weights over the training steps.

    With ``ema_decay``, an exponential moving average (Polyak & Juditsky 1992). Early steps use the
    smaller decay ``(1 + step) / (10 + step)``, so the initial weights are soon forgotten.
    With ``swa_share``, stochastic weight averaging (Izmailov et al. 2018): the mean of the weights
    after each of the final steps; until then, the newest weights.

    Parameters
    ----------
    network
        The network to average; the average starts as a copy of its weights.
    config
        Selects the kind of average.
    first_step
        First step of the schedule; ``swa_share`` is a share of the steps from there to the end.

    Attributes
    ----------
    tensors
        The averaged tensors by name. The running statistics of batch normalisation are averaged
        too, which only approximates the statistics of the averaged weights. Fitted tensors
        (``Trainable.fitted``) are not averaged.
    """

    def __init__(self, network: Trainable, config: TrainingConfig, first_step: int = 0) -> None:
        self._config = config
        self._first = config.steps - round(config.swa_share * (config.steps - first_step))
        self.tensors: dict[str, Tensor] = {
            name: tensor.clone() for name, tensor in _averaged(network).items()
        }
        self._fitted = network.fitted

    def update(self, network: Trainable, step: int, position: float, advance: float) -> None:
        """Move the average towards the weights after a step.

        Parameters
        ----------
        network
            The network that was averaged so far.
        step
            The number of the step.
        position, advance
            Its position in the schedule, and the distance to that of the next step (``pacing``).
        """
        averages, newest = list(self.tensors.values()), list(_averaged(network).values())
        torch._foreach_lerp_(averages, newest, self._weight(step, position, advance))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the average from a checkpoint, ignoring fitted tensors that old ones contain.

        Raises
        ------
        RunError
            The names, shapes or types do not match, or a value is not finite.
        """
        kept = {name: tensor for name, tensor in tensors.items() if name not in self._fitted}
        restore_by_name(self.tensors, kept)

    def _weight(self, step: int, position: float, advance: float) -> float:
        """Return the coefficient of the newest weights in the average."""
        if self._config.ema_decay > 0:
            return 1 - min(self._config.ema_decay, (1 + step) / (10 + step))
        return advance / max(advance, position - self._first + advance)


def build_average(
    network: Trainable, config: TrainingConfig, first_step: int = 0
) -> WeightAverage | None:
    """Return the configured average, or ``None`` if there is none."""
    averages = config.ema_decay or config.swa_share
    return WeightAverage(network, config, first_step) if averages else None


@contextlib.contextmanager
def in_evaluation(network: Trainable, average: WeightAverage | None) -> Iterator[None]:
    """Switch the network to evaluation mode, with the averaged weights if there are any.

    Tensors fitted inside the block keep their values, as they are not averaged.
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
    """Return the network's tensors that are averaged, by name."""
    fitted = network.fitted
    return {n: tensor for n, tensor in named_tensors(network).items() if n not in fitted}
