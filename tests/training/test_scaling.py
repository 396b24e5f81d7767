"""The loss scale of float16: exact gradients, skipped steps after overflow, and exact resuming."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.config import NetworkConfig, TrainingConfig
from nextchar.errors import ConfigError, NonFiniteLossError
from nextchar.language_model.training import train
from nextchar.nn.network import Network
from nextchar.text.streams import Streams
from nextchar.training.objective import StreamObjective
from nextchar.training.scaling import LossScale
from nextchar.training.trainer import Trainer
from tests.nn.cases import generator

CPU = torch.device("cpu")
HALF = TrainingConfig(precision="float16", batch_size=4, sequence_length=8, steps=40)
START = 2.0**16


def trainer(folder: Path, config: TrainingConfig = HALF) -> Trainer:
    # Layer normalisation uses the loop of time steps, which a CPU supports in float16 too.
    network = Network(5, NetworkConfig(hidden_size=8, layer_norm=True), generator=generator())
    ids = np.random.default_rng(0).integers(0, 5, 400)
    streams = Streams(ids=ids, batch_size=4, sequence_length=8)
    return Trainer(network, StreamObjective(network, streams, config), config, folder)


def weights(made: Trainer) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in made.network.parameters()]


def scaled_step(value: float) -> tuple[float, LossScale]:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scale = LossScale(HALF, CPU)
    torch.autograd.backward(scale.scaled(weight.sum() * value))
    scale.undo(optimizer)
    scale.step(optimizer)
    return weight.item(), scale


def test_a_step_is_that_of_the_loss_itself() -> None:
    assert scaled_step(0.25)[0] == pytest.approx(0.75)


def test_a_step_whose_gradient_overflows_is_not_taken_and_halves_the_factor() -> None:
    after, scale = scaled_step(1e38)
    assert after == 1.0
    assert scale.scaled(torch.ones(())).item() == START / 2
    assert scale.counted(torch.tensor([0.5, math.inf])).tolist() == [0.0, 0.0]
    assert scale.counted(torch.tensor([0.5, 0.25])).tolist() == [0.5, 0.25]


def test_training_in_half_precision_learns_as_in_float32(tmp_path: Path) -> None:
    half = trainer(tmp_path)
    full = trainer(tmp_path, TrainingConfig(batch_size=4, sequence_length=8, steps=40))
    for made in (half, full):
        made._stepper._optimizer = torch.optim.SGD(made.network.parameters(), lr=0.1)
        made._stepper._optimizer.param_groups[0]["factor"] = 1.0
        for _ in range(40):
            made.step()
    assert half.progress.loss_sum / 40 == pytest.approx(full.progress.loss_sum / 40, abs=0.01)
    assert half.progress.loss_sum != full.progress.loss_sum


def test_a_restored_training_goes_on_with_its_factor(tmp_path: Path) -> None:
    (tmp_path / "last").mkdir()
    first = trainer(tmp_path)
    for _ in range(5):
        first.step()
    first.save()
    assert first.progress.loss_scale != START  # The scale was too large for these gradients.
    second = trainer(tmp_path)
    second._restore_last()
    for made in (first, second):
        made.step()
        made._stepper._scale.save(made.progress)
    assert second.progress.loss_scale == first.progress.loss_scale
    assert second.progress.loss_scale_steps == first.progress.loss_scale_steps > 1
    assert all(map(torch.equal, weights(first), weights(second)))


def test_gradients_that_no_factor_makes_finite_are_a_divergence(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.step()
    weight = made.network.get_parameter("embedding.weight")
    weight.register_hook(lambda grad: grad * math.inf)  # type: ignore[no-untyped-call]
    steps = iter(made.step, object())
    with pytest.raises(NonFiniteLossError, match="not finite at any scale"):
        next(each for number, each in enumerate(steps) if number > 60)


def test_half_precision_on_a_processor_is_one_line(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="precision 'float16' needs a GPU, and this trains on cpu"
    ):
        train(texts / "english.txt", tmp_path / "run", precision="float16", device="cpu")
