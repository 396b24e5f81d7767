"""RunConfig: checked when made, strict when read, and never ambiguous."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config, NetworkConfig, TextConfig, TrainingConfig
from nextchar.config.effects import without_effect
from nextchar.errors import ConfigError


def test_no_option_name_occurs_twice() -> None:
    names = Config.option_names()
    assert len(names) == len(set(names))


def test_options_find_their_part() -> None:
    config = Config.from_options({"vocabulary": "jamo", "cell": "gru", "steps": 3})
    assert (config.text.vocabulary, config.network.cell, config.training.steps) == (
        "jamo",
        "gru",
        3,
    )


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "cell": st.sampled_from(["rnn", "lstm", "gru"]),
            "hidden_size": st.integers(1, 10_000),
            "learning_rate": st.floats(1e-9, 10),
            "seed": st.integers(0, 2**63 - 1),
            "residual": st.booleans(),
            "encoding": st.text(max_size=5),
        },
    )
)
def test_a_configuration_comes_back_from_json(options: dict[str, object]) -> None:
    config = Config.from_options(options)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1 and at most 1073741824; got 0"),
        ({"layers": -2}, "layers must be at least 1 and at most 1000; got -2"),
        ({"layers": True}, "layers must be an integer; got True"),
        ({"layers": 1.5}, "layers must be an integer; got 1.5"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
        (
            {"embedding_dropout": 0.1, "input": "onehot"},
            "embedding_dropout needs input 'embedding', got 0.1 with input 'onehot'",
        ),
        (
            {"weight_dropout": 0.1, "cell": "min_gru"},
            "weight_dropout needs recurrent weights, which min_gru lacks; got 0.1",
        ),
        ({"learning_rate": math.nan}, "learning_rate must be finite and above 0 and at most 3.4e"),
        ({"learning_rate": 0}, "learning_rate must be above 0 and at most 3.4e+38; got 0"),
        ({"forget_bias": math.inf}, "forget_bias must be finite; got inf"),
        ({"minutes": 0.0}, "minutes must be above 0; got 0"),
        ({"cell": "ltsm"}, "cell must be one of rnn, lstm"),
        ({"residual": "yes"}, "residual must be true or false; got 'yes'"),
        ({"hiden_size": 5}, "unknown option 'hiden_size': did you mean 'hidden_size'?"),
        ({"steps": 5, "minutes": 1.0}, "steps and minutes exclude each other"),
        (
            {"tied": True, "embedding_size": 64, "hidden_size": 32},
            "tied needs embedding_size equal to hidden_size, got 64 and 32",
        ),
        (
            {"schedule": "plateau", "validation_fraction": 0},
            "schedule 'plateau' needs a validation loss",
        ),
        ({"tied": True, "input": "onehot"}, "tied needs input 'embedding'"),
        ({"validation_fraction": 0.6, "test_fraction": 0.5}, "must be below 1"),
        ({"vocabulary": "byte", "normalization": "nfc"}, "reads bytes unchanged"),
        ({"vocabulary": "byte", "min_count": 2}, "min_count must be 1, got 2"),
        ({"folds": 1}, "folds must be 0 or at least 2, got 1"),
        ({"folds": 3, "fold": 4}, "fold must be 1 to the number of folds, got fold 4 of 3"),
        ({"fold": 2}, "fold must be 1 to the number of folds, got fold 2 of 0"),
        (
            {"folds": 3, "test_fraction": 0.1},
            "validation_fraction and test_fraction must be 0, got 0.0 and 0.1",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_options(options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_refuses_unknown_keys_and_missing_parts() -> None:
    values = Config().to_dict()
    values["network"]["hidden"] = 3
    with pytest.raises(ConfigError, match=r"'hidden'.*'hidden_size'"):
        Config.from_dict(values)
    with pytest.raises(ConfigError, match="'training' must be an object"):
        Config.from_dict({"text": {}, "network": {}})


def test_a_configuration_from_before_augmentation_has_none() -> None:
    values = Config().to_dict()
    del values["augmentation"], values["text"]["folds"], values["text"]["fold"]
    assert Config.from_dict(values) == Config()


def test_folds_hold_out_a_fold_and_no_share() -> None:
    config = Config.from_options({"folds": 4, "fold": 2, "patience": 3})
    assert (config.text.validation_fraction, config.text.folds) == (0.0, 4)


def test_copies_are_made_only_where_something_is_altered() -> None:
    options: list[dict[str, object]] = [
        {},
        {"augment_swap": 0.1},
        {"augment_shuffle": "lines", "augment_copies": 3},
    ]
    copies = [Config.from_options(each).augmentation.copies for each in options]
    assert copies == [0, 1, 3]


def test_a_copy_with_other_options_is_checked_too() -> None:
    config = Config().with_options(hidden_size=64, steps=7)
    assert (config.network.hidden_size, config.training.steps) == (64, 7)
    with pytest.raises(ConfigError):
        config.with_options(hidden_size=-1)


def test_an_optimiser_brings_its_usual_rate_unless_one_is_given() -> None:
    assert Config.from_options({"optimizer": "sgd"}).training.learning_rate == 0.5
    chosen = Config.from_options({"optimizer": "sgd", "learning_rate": 0.1})
    assert chosen.training.learning_rate == 0.1
    assert chosen.training.weight_decay == 0.0


@pytest.mark.parametrize(
    "options", [{"hidden_size": 96}, {"embedding_size": 96}, {"hidden_size": 96, "layers": 2}]
)
def test_a_tied_network_takes_the_size_that_was_given(options: dict[str, int]) -> None:
    network = Config.from_options({"tied": True, **options}).network
    assert network.embedding_size == network.hidden_size == 96


def test_every_option_has_a_help_text() -> None:
    for part in (TextConfig, NetworkConfig, TrainingConfig):
        for field in dataclasses.fields(part):
            assert field.metadata["help"].endswith("."), field.name


def test_batch_normalisation_of_a_single_position_is_refused() -> None:
    options = {"batch_norm": True, "batch_size": 1, "sequence_length": 1}
    with pytest.raises(ConfigError, match="batch_norm needs at least 2 positions in a step"):
        Config.from_options(options)
    Config.from_options({**options, "sequence_length": 2})


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({"activation": "relu"}, ["activation needs cell rnn"]),
        ({"activation": "relu", "cell": "rnn"}, []),
        ({"residual": True}, ["residual needs a second layer"]),
        ({"residual": True, "layers": 2}, []),
        ({"dropout": 0.1, "output_dropout": 0.2}, ["dropout needs a second layer"]),
        ({"locked_dropout": True}, ["locked_dropout needs input_dropout"]),
        ({"locked_dropout": True, "dropout": 0.1}, []),
        ({"min_improvement": 0.1}, ["min_improvement needs patience"]),
        ({"freeze": 1, "unfreeze_every": 9, "steps": 5}, ["unfreeze_every is after"]),
    ],
)
def test_options_that_change_nothing_are_told(options: dict[str, Any], idle: list[str]) -> None:
    config = Config.from_options(options)
    told = without_effect(config.network, config.training, options)
    assert len(told) == len(idle)
    assert all(text.startswith(start) for text, start in zip(told, idle, strict=True))
