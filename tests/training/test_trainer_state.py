"""The progress in a checkpoint: what no training can have written is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from nextchar.errors import RunError
from nextchar.training.extension import progress_from
from nextchar.training.trainer_state import LATER_FIELDS, TrainerState

GOOD = dataclasses.asdict(
    TrainerState(
        step=20, loss_sum=3.5, loss_count=5, best_nats=2.0, best_step=15, improved_nats=2.0,
        validations_waited=1, stale_validations=1, metrics_size=900, seconds=2.5, threads=1,
    )
)  # fmt: skip


def test_the_progress_of_any_version_is_read() -> None:
    assert dataclasses.asdict(progress_from(GOOD, Path("run"), 0)) == GOOD
    older = {name: value for name, value in GOOD.items() if name not in LATER_FIELDS}
    assert progress_from(older, Path("run"), 0).best_value == 2.0
    before = dataclasses.asdict(TrainerState())
    assert progress_from(before, Path("run"), 0).step == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"step": -1}, "step must be at least 0"),
        ({"step": "20"}, "step must be an integer"),
        ({"step": True}, "step must be an integer"),
        ({"step": 10}, "best_step is 15, but step is 10"),
        ({"loss_sum": float("nan")}, "loss_sum must be finite"),
        ({"loss_count": -1}, "loss_count must be at least 0"),
        ({"loss_count": 81}, "loss_count is 81, but step is 20"),
        ({"rate_factor": 0}, "rate_factor must be above 0"),
        ({"rate_factor": 1.5}, "rate_factor must be above 0 and at most 1"),
        ({"seconds": -1}, "seconds must be at least 0"),
        ({"metrics_size": -1}, "metrics_size must be at least 0"),
        ({"metrics_size": 1.5}, "metrics_size must be an integer"),
        ({"best_step": None}, "best_nats is 2.0, but best_step is None"),
        ({"best_value": None, "best_nats": None, "improved_nats": None}, "validations_waited is 1"),
        ({"validations_waited": 21}, "validations_waited is 21, but step is 20"),
        ({"loss_scale": 0}, "loss_scale must be above 0"),
        ({"loss_scale_steps": -1}, "loss_scale_steps must be at least 0"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"processes": 0}, "processes must be at least 1"),
        ({"device": "a\x1b[2J"}, "device is 'a\\x1b[2J'"),
        ({"cheese": 1}, "unknown option 'cheese'"),
    ],
)
def test_impossible_progress_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(RunError) as error:
        progress_from({**GOOD, **change}, Path("run"), 0)
    assert f"run/last/training.safetensors is damaged: {reason}" in str(error.value)


@pytest.mark.parametrize("name", sorted(GOOD.keys() - set(LATER_FIELDS)))
def test_missing_progress_is_refused(name: str) -> None:
    values = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(RunError, match=f"damaged: {name} is missing"):
        progress_from(values, Path("run"), 0)


def test_progress_from_before_the_extension_is_refused() -> None:
    with pytest.raises(RunError, match=r"extension\.json is damaged: first_step is 30"):
        progress_from(GOOD, Path("run"), 30)
