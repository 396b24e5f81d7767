"""Windows that grow: updates after parts of a window, early in the schedule."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextchar.config import NetworkConfig, TrainingConfig
from nextchar.errors import NonFiniteLossError
from nextchar.nn.network import Network
from nextchar.text.streams import Streams
from nextchar.training.objective import StreamObjective
from nextchar.training.stepper import Stepper
from nextchar.training.window_growth import parts_at
from tests.nn.cases import generator

IDS = np.random.default_rng(0).integers(0, 5, 641)  # 640 predictions


def stepper(sequence_length: int, **options: float) -> Stepper:
    config = TrainingConfig(
        batch_size=4,
        sequence_length=sequence_length,
        precision="float32",
        schedule="constant",
        warmup=0.0,
        **options,  # type: ignore[arg-type]
    )
    network = Network(5, NetworkConfig(hidden_size=8), generator=generator())
    streams = Streams(ids=IDS, batch_size=4, sequence_length=sequence_length)
    return Stepper(network, StreamObjective(network, streams, config), config)


def weights(made: Stepper) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in made.network.parameters()])


@pytest.mark.parametrize(
    ("growth", "expected"),
    [
        (0.0, [1] * 10),
        (0.4, [4, 4, 2, 2, 1, 1, 1, 1, 1, 1]),
        (1.0, [4, 4, 4, 4, 4, 2, 2, 2, 2, 2]),
    ],
)
@pytest.mark.parametrize("first", [0, 30])
def test_golden_parts_over_a_schedule(growth: float, expected: list[int], first: int) -> None:
    config = TrainingConfig(steps=first + 10, window_growth=growth)
    assert [parts_at(config, first + position, first) for position in range(10)] == expected


def test_a_window_in_four_parts_trains_like_four_short_windows() -> None:
    parts, short = stepper(16, steps=20, window_growth=1.0), stepper(4, steps=80)
    for _ in range(10):  # the quarter of all streams
        parts.step()
        for _ in range(4):
            short.step()
    assert torch.equal(weights(parts), weights(short))
    assert parts.train_nats() == pytest.approx(short.train_nats())
    assert parts.state.step == 10


def test_without_growth_a_step_is_one_update() -> None:
    grown, plain = stepper(16, steps=20, window_growth=0.5), stepper(16, steps=20)
    assert grown.state.loss_count == plain.state.loss_count == 0
    grown.step()
    plain.step()
    assert (grown.state.loss_count, plain.state.loss_count) == (4, 1)


def test_a_loss_that_is_not_finite_names_the_part() -> None:
    made = stepper(16, steps=20, window_growth=1.0, learning_rate=3e38, clip_norm=0.0)
    with pytest.raises(NonFiniteLossError, match=r"in part 2 of 4 of step 1;"):
        made.step()
