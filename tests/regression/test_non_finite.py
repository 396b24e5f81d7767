"""NaN and infinity in the loss, a gradient or a weight: told at once, and the last save is kept."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

import nextchar
from nextchar.errors import NextcharError, NonFiniteLossError
from nextchar.training import stepper
from nextchar.training.checkpoint import load_tensors
from nextchar.training.loss import Loss
from nextchar.training.optimization import GradientNorms, clip_gradients
from nextchar.training.stepper import Stepper
from tests.conftest import TINY_OPTIONS, Run

OPTIONS: dict[str, Any] = dict(TINY_OPTIONS) | {"steps": 24, "validate_every": 6}
VALUES = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
TIMES = 20


def spoil(monkeypatch: pytest.MonkeyPatch, what: str, step: int, value: float, seed: int) -> None:
    """Put a value into a training at a step."""
    draw = random.Random(seed)

    def into_one(tensors: list[torch.Tensor]) -> None:
        tensor = draw.choice(tensors)
        with torch.no_grad():
            tensor.view(-1)[draw.randrange(tensor.numel())] = value

    usual_step, usual_clip = Stepper.step, clip_gradients

    def step_or_spoil(self: Stepper, *arguments: Any) -> None:
        if self.state.step == step and what == "weight":
            into_one([each for name, each in self.network.named_parameters()
                      if "embedding" not in name])  # fmt: skip
        if self.state.step == step and what == "loss":
            compute = self.objective.compute_loss

            def lost(number: int, part: int, parts: int) -> Loss:
                loss = compute(number, part, parts)
                return Loss(loss.minimized, loss.nats * 0 + value)

            monkeypatch.setattr(self.objective, "compute_loss", lost)
        monkeypatch.setattr(stepper, "clip_gradients", spoiled_clip(self))
        usual_step(self, *arguments)

    def spoiled_clip(self: Stepper) -> Any:
        def clip(parameters: Any, config: Any) -> GradientNorms:
            listed = list(parameters)
            if self.state.step == step and what == "gradient":
                into_one([each.grad for each in listed if each.grad is not None])
            return usual_clip(listed, config)

        return clip

    monkeypatch.setattr(Stepper, "step", step_or_spoil)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("what", ["loss", "gradient", "weight"])
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 2 + TIMES))]
)
def test_a_value_that_is_not_finite_stops_training_and_keeps_the_last_save(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, value: str, seed: int
) -> None:
    step = random.Random(seed).randrange(1, OPTIONS["steps"])
    with monkeypatch.context() as patch:
        spoil(patch, what, step, VALUES[value], seed)
        with pytest.raises(NonFiniteLossError) as raised:
            nextchar.train(texts / "english.txt", tmp_path / "run", **OPTIONS)
    message = str(raised.value)
    assert "\n" not in message
    assert "keeps its last checkpoint" in message
    tensors, content = load_tensors(tmp_path / "run" / "last" / "training.safetensors")
    assert content["step"] <= step
    assert all(
        bool(torch.isfinite(each).all()) for each in tensors.values() if each.is_floating_point()
    )
    assert nextchar.resume(tmp_path / "run").steps == OPTIONS["steps"]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("command", ["generate", "evaluate", "score", "train --resume"])
def test_a_run_whose_weights_are_not_finite_is_one_line(
    nextchar: Run, run: Path, value: str, command: str
) -> None:
    """As another program may write it: training does not."""
    from nextchar.training.checkpoint import load_header, save_tensors

    for name in ("model.safetensors", "last/training.safetensors"):
        tensors, content = load_tensors(run / name)
        for tensor in tensors.values():
            if tensor.is_floating_point():
                tensor.fill_(VALUES[value])
        save_tensors(run / name, tensors, content, seal=load_header(run / name).seal)
    more = {"score": ["some text"], "train --resume": ["--steps", "2"]}.get(command, [])
    words = command.split()
    outcome = nextchar(*words, run, *more, "-q")
    assert outcome.code in (1, 2), outcome
    outcome.problem(outcome.code)


def test_the_message_of_a_spoiled_model_in_python(run: Path) -> None:
    from nextchar.language_model.model import LanguageModel

    model = LanguageModel.load(run)
    with torch.no_grad():
        model.network.head.weight.fill_(float("nan"))
    with pytest.raises(NextcharError):
        model.generate(length=5, seed=1)
