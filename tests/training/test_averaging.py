"""Averaged weights: the contribution of each step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextchar.config import TrainingConfig
from nextchar.errors import RunError
from nextchar.nn.normalization import BatchNorm
from nextchar.nn.trainable import Trainable
from nextchar.training.averaging import WeightAverage, build_average, in_evaluation


class Wrapped(Trainable):
    """A wrapper of a module, with a fitted value that is not averaged."""

    factor: torch.Tensor

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("factor", torch.ones(1))

    @property
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        return (tuple(self.module.parameters()),)

    @property
    def fitted(self) -> frozenset[str]:
        return frozenset({"factor"})


def wrapped(value: float) -> tuple[Wrapped, torch.Tensor]:
    """Return a network of one weight, and that weight."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, value)
    return Wrapped(module), module.weight


def average_after(config: TrainingConfig, values: list[float]) -> float:
    network, weight = wrapped(values[0])
    average = WeightAverage(network, config)
    for step, value in enumerate(values):
        nn.init.constant_(weight, value)
        average.update(network, step, step, 1)
    return average.tensors["module.weight"].item()


def test_an_exponential_average_moves_by_one_minus_its_decay_once_warm() -> None:
    network, weight = wrapped(0.0)
    average = WeightAverage(network, TrainingConfig(ema_decay=0.9))
    nn.init.ones_(weight)
    average.update(network, 10_000, 10_000, 1)
    assert average.tensors["module.weight"].item() == pytest.approx(0.1)


def test_an_exponential_average_of_constant_weights_is_these_weights() -> None:
    assert average_after(TrainingConfig(ema_decay=0.99), [3.0] * 5) == pytest.approx(3.0)


def test_a_plain_average_is_the_mean_over_the_last_steps_alone() -> None:
    config = TrainingConfig(steps=8, swa_share=0.5)
    values = [9.0, 7.0, 100.0, -5.0, 1.0, 2.0, 3.0, 6.0]
    assert average_after(config, values) == pytest.approx(3.0)


def test_before_its_steps_a_plain_average_is_the_newest_weights() -> None:
    config = TrainingConfig(steps=8, swa_share=0.5)
    assert average_after(config, [9.0, 7.0, 100.0]) == pytest.approx(100.0)


def test_running_averages_of_batch_normalisation_are_averaged_too() -> None:
    norm = BatchNorm(2)
    network = Wrapped(norm)
    average = WeightAverage(network, TrainingConfig(ema_decay=0.9))
    norm.mean.fill_(1.0)
    average.update(network, 10_000, 10_000, 1)
    assert torch.allclose(average.tensors["module.mean"], torch.full((2,), 0.1))


def test_there_is_no_average_unless_asked_for() -> None:
    assert build_average(wrapped(0.0)[0], TrainingConfig()) is None


def test_a_validation_puts_the_newest_weights_back_and_keeps_what_it_fitted() -> None:
    network, weight = wrapped(0.0)
    average = WeightAverage(network, TrainingConfig(ema_decay=0.9))
    nn.init.ones_(weight)
    with in_evaluation(network, average):
        assert weight.item() == 0
        network.factor.fill_(0.5)
    assert weight.item() == 1
    assert network.factor.item() == 0.5
    assert average.tensors.keys() == {"module.weight"}


def test_an_average_of_an_older_run_is_put_back_without_what_is_fitted() -> None:
    network, _ = wrapped(0.0)
    average = WeightAverage(network, TrainingConfig(ema_decay=0.9))
    average.restore({"module.weight": torch.full((1, 1), 2.0), "factor": torch.zeros(1)})
    assert average.tensors["module.weight"].item() == 2
    assert network.factor.item() == 1
    with pytest.raises(RunError, match="unexpected 'other'"):
        average.restore({"module.weight": torch.zeros(1, 1), "other": torch.zeros(1)})
