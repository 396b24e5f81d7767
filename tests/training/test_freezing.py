"""Frozen layer groups, gradual unfreezing, and layer-wise decay of the learning rate."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import nextchar
from nextchar.config import Config, NetworkConfig, TrainingConfig
from nextchar.errors import ConfigError, Interrupted
from nextchar.language_model.model import LanguageModel
from nextchar.nn.network import Network
from nextchar.training.events import Event, StepDone
from nextchar.training.freezing import Freezing
from nextchar.training.metrics import NORM_OF
from tests.conftest import TINY_OPTIONS, english, require_same_training, rows_of

OPTIMIZERS = ["adamw", "adam", "rmsprop", "sgd"]
SMALL = Network(3, NetworkConfig(hidden_size=2, embedding_size=2, layers=4), generator=None)
LEVELS = {
    "embedding": ("embedding",), "layer 1": ("stack.layers.0",), "layer 2": ("stack.layers.1",),
    "head": ("head",),
}  # fmt: skip


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(english(3000))
    return path


def untrained(run: Path) -> dict[str, torch.Tensor]:
    model = LanguageModel.load(run)
    network = LanguageModel.create(model.config, model.vocabulary).network
    return {name: p.detach() for name, p in network.named_parameters()}


def changed(run: Path) -> set[str]:
    """Return the layer groups with any difference from the untrained network."""
    before = untrained(run)
    after = dict(LanguageModel.load(run).network.named_parameters())
    return {
        level
        for level, prefixes in LEVELS.items()
        for name in before
        if name.startswith(prefixes) and not torch.equal(before[name], after[name])
    }


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("freeze", "learning"), [(0, set(LEVELS)), (1, {"layer 1", "layer 2", "head"}), (3, {"head"})]
)
def test_what_is_frozen_stays_bit_for_bit_under_every_update_rule(
    freeze: int, learning: set[str], optimizer: str, text: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        **TINY_OPTIONS,
        "steps": 5,
        "layers": 2,
        "weight_decay": 0.3,
        "ema_decay": 0.5,
    }
    options |= {"freeze": freeze, "optimizer": optimizer}
    nextchar.train(text, tmp_path / "run", **options)
    assert changed(tmp_path / "run") == learning


def test_levels_thaw_one_after_the_other_from_the_output(text: Path, tmp_path: Path) -> None:
    learning = []
    for steps in (4, 5, 9, 13):
        options = {**TINY_OPTIONS, "steps": steps, "layers": 2, "validate_every": steps}
        run = tmp_path / str(steps)
        nextchar.train(text, run, freeze=3, unfreeze_every=4, **options)
        learning.append(changed(run))
    assert learning == [{"head"}, {"head", "layer 2"}, {"head", "layer 2", "layer 1"}, set(LEVELS)]


@given(st.integers(0, 4), st.integers(0, 5), st.integers(0, 40))
def test_no_level_freezes_again(freeze: int, every: int, step: int) -> None:
    config = TrainingConfig(freeze=freeze, unfreeze_every=every if freeze else 0)
    freezing = Freezing(SMALL.layer_groups, config)
    frozen = [freezing.frozen_groups(step), freezing.frozen_groups(step + 1)]
    assert freeze >= frozen[0] >= frozen[1] >= 0
    if every and step >= freeze * every:
        assert frozen[0] == 0


def test_the_gradient_norm_counts_only_what_learns(text: Path, tmp_path: Path) -> None:
    every: list[str] = []
    head: list[str] = []
    for freeze in (0, 2):
        options = {**TINY_OPTIONS, "steps": 1, "freeze": freeze}
        nextchar.train(text, tmp_path / str(freeze), **options)
        row = rows_of(tmp_path / str(freeze))[0]
        each = {name: value for name, value in row.items() if name.startswith(NORM_OF)}
        assert row["gradient_norm"] == pytest.approx(math.hypot(*each.values()))
        (every if freeze == 0 else head).extend(each)
    assert head == [f"{NORM_OF}head.weight", f"{NORM_OF}head.bias"] == every[-2:]
    assert len(every) == 6


def test_a_network_frozen_to_its_head_computes_no_backward_pass_below(text: Path) -> None:
    network = Network(5, NetworkConfig(hidden_size=4, embedding_size=3, layers=2), generator=None)
    Freezing(network.layer_groups, TrainingConfig(freeze=3)).begin(0)
    ids = torch.zeros(2, 1, dtype=torch.int64)
    outputs, _ = network.stack.unroll(network._embed(ids, None), network.initial_state(1))
    assert not outputs.requires_grad


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("stop_at", [3, 7])
def test_a_run_that_thaws_resumes_bit_for_bit(
    optimizer: str, stop_at: int, text: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        **TINY_OPTIONS, "steps": 10, "validate_every": 5, "freeze": 2, "unfreeze_every": 4,
        "layer_decay": 0.5, "ema_decay": 0.9, "optimizer": optimizer, "learning_rate": 0.01,
    }  # fmt: skip
    nextchar.train(text, tmp_path / "whole", **options)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        nextchar.train(text, tmp_path / "cut", listeners=[stop], **options)
    nextchar.resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"freeze": 3}, r"freeze must be below 3.*embedding, layer 1, head.*got 3"),
        ({"freeze": 2, "input": "onehot"}, r"freeze must be below 2.*\(the network has layer 1"),
        ({"freeze": -1}, "freeze must be at least 0; got -1"),
        ({"unfreeze_every": 5}, "unfreeze_every 5 needs freeze above 0, but freeze is 0"),
        ({"layer_decay": 0}, "layer_decay must be above 0 and at most 1; got 0"),
        ({"layer_decay": 1.5}, "layer_decay must be above 0 and at most 1; got 1.5"),
    ],
)
def test_what_cannot_be_frozen_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Config.from_options(options)
