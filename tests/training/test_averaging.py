"""Averages of weights: which steps have what part in them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextchar.config import TrainingConfig
from nextchar.nn.normalization import BatchNorm
from nextchar.training.averaging import WeightAverage, build_average


def scalar(value: float) -> nn.Linear:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, value)
    return module


def average_after(config: TrainingConfig, values: list[float]) -> float:
    module = scalar(values[0])
    average = WeightAverage(module, config)
    for step, value in enumerate(values):
        nn.init.constant_(module.weight, value)
        average.update(module, step)
    return average.tensors["weight"].item()


def test_an_exponential_average_moves_by_one_minus_its_decay_once_warm() -> None:
    module = scalar(0.0)
    average = WeightAverage(module, TrainingConfig(ema_decay=0.9))
    nn.init.ones_(module.weight)
    average.update(module, 10_000)
    assert average.tensors["weight"].item() == pytest.approx(0.1)


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
    average = WeightAverage(norm, TrainingConfig(ema_decay=0.9))
    norm.mean.fill_(1.0)
    average.update(norm, 10_000)
    assert torch.allclose(average.tensors["mean"], torch.full((2,), 0.1))


def test_there_is_no_average_unless_asked_for() -> None:
    assert build_average(scalar(0.0), TrainingConfig()) is None
