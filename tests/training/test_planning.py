"""Planning for a time budget, with simulated costs."""

from __future__ import annotations

import pytest

from nextchar.config import Config
from nextchar.errors import ConfigError
from nextchar.training.planning import WINDOW_GROWTH, Cost, plan


def weights(config: Config) -> int:
    hidden = config.network.hidden_size
    return 4 * hidden * (hidden + config.network.embedding_size) * config.network.layers


def planned(seconds: float, symbols: int, flops: float = 1e11, **options: object) -> Config:
    config = Config.from_options({"minutes": max(seconds, 0.01) / 60, **options})

    def measure(candidate: Config) -> Cost:
        training = candidate.training
        work = 6 * weights(candidate) * training.batch_size * training.sequence_length
        return Cost(weights=weights(candidate), step_seconds=work / flops, validation_seconds=0.2)

    config, _ = plan(
        config,
        set(options),
        symbols=symbols,
        seconds_left=lambda: seconds,
        measure=measure,
        count_weights=weights,
    )
    return config


def test_the_steps_fill_the_time_that_validations_leave() -> None:
    config = planned(100.0, 1_000_000, hidden_size=128)
    step = 6 * weights(config) * 32 * 64 / 1e11
    assert config.training.steps * step == pytest.approx(100.0 - 10 * 0.2, abs=2 * step)


def test_windows_grow_unless_they_are_short_or_the_user_says_otherwise() -> None:
    assert planned(60, 1_000_000).training.window_growth == WINDOW_GROWTH
    assert planned(60, 1_000_000, window_growth=0.0).training.window_growth == 0
    assert planned(60, 1_000_000, sequence_length=8).training.window_growth == 0


def test_more_time_takes_a_larger_network() -> None:
    sizes = [planned(s, 1_000_000).network.hidden_size for s in (5, 60, 600, 3600)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_small_text_takes_a_small_network_and_dropout() -> None:
    small, large = planned(3000, 30_000), planned(3000, 30_000_000)
    assert small.network.hidden_size < large.network.hidden_size
    assert small.network.dropout > large.network.dropout


def test_what_the_user_gave_is_left_alone() -> None:
    given = {"hidden_size": 96, "dropout": 0.2, "validate_every": 7, "learning_rate": 0.003}
    config = planned(60, 1_000_000, **given)
    assert config.network.hidden_size == 96
    assert config.network.dropout == 0.2
    assert config.network.weight_dropout == config.network.embedding_dropout == 0
    assert config.training.validate_every == 7
    assert config.training.learning_rate == 0.003


def test_strong_dropout_takes_the_embedding_and_the_recurrent_weights_along() -> None:
    config = planned(3600, 1_000_000)
    network, training = config.network, config.training
    epochs = training.steps * training.batch_size * training.sequence_length / 1_000_000
    assert network.dropout == 0.5
    assert 10 < epochs < 70
    assert network.weight_dropout == pytest.approx(0.4 * epochs / 70, abs=0.006)
    assert network.embedding_dropout == 0.12
    assert planned(3600, 100_000).network.weight_dropout == 0.4
    weak = planned(400, 1_000_000, hidden_size=256).network
    assert 0 < weak.dropout < 0.2
    assert weak.weight_dropout == 0
    fast = planned(3600, 1_000_000, cell="min_gru", input="onehot").network
    assert fast.dropout > 0
    assert fast.weight_dropout == fast.embedding_dropout == 0


def test_a_text_that_is_read_once_needs_no_dropout() -> None:
    assert planned(3600, 1_000_000_000).network.dropout == 0


def test_a_small_text_is_not_read_more_than_a_hundred_times() -> None:
    training = planned(3600, 20_000).training
    assert training.steps * 32 * 64 == pytest.approx(100 * 20_000, rel=0.01)
    assert training.validate_every * 10 >= training.steps


def test_a_wider_network_takes_smaller_steps() -> None:
    assert planned(60, 1_000_000, hidden_size=64).training.learning_rate == 0.01
    assert planned(60, 1_000_000, hidden_size=1024).training.learning_rate == 0.005
    assert planned(60, 1_000_000, optimizer="sgd").training.learning_rate == 0.5


@pytest.mark.parametrize("seconds", [5, 60, 600])
def test_a_tied_network_keeps_its_sizes_equal(seconds: float) -> None:
    free = planned(seconds, 1_000_000, tied=True)
    assert free.network.embedding_size == free.network.hidden_size
    assert free.network.hidden_size == planned(seconds, 1_000_000, tied=True).network.hidden_size
    fixed = planned(seconds, 1_000_000, tied=True, embedding_size=96)
    assert fixed.network.embedding_size == fixed.network.hidden_size == 96


def test_an_interval_of_validations_that_was_given_is_budgeted() -> None:
    config = planned(300, 1_000_000, hidden_size=64, validate_every=10)
    step = 6 * weights(config) * 32 * 64 / 1e11
    steps = config.training.steps
    assert steps * step + steps / 10 * 0.2 == pytest.approx(300, rel=0.01)


def test_validations_take_at_most_a_tenth_of_the_time() -> None:
    config = planned(6.0, 1_000_000, hidden_size=64)
    validations = config.training.steps / config.training.validate_every
    assert validations * 0.2 <= 0.1 * 6.0 + 0.2


def test_a_budget_shorter_than_a_step_is_refused_with_the_least_that_works() -> None:
    with pytest.raises(ConfigError, match=r"0\.002 minutes are too short here") as caught:
        planned(0.12, 1_000_000, hidden_size=256)
    least = float(str(caught.value).rpartition("=")[2])
    assert least > 0.002
    assert planned(60 * least, 1_000_000, hidden_size=256).training.steps >= 1


def test_a_start_that_takes_longer_than_the_budget_leaves_a_share_of_it_for_training() -> None:
    config = planned(-5.0, 1_000_000, hidden_size=64, minutes=0.1)
    step = 6 * weights(config) * 32 * 64 / 1e11
    assert config.training.steps * step == pytest.approx(0.2 * 6 - 0.2, abs=2 * step)
