"""Runs of tasks: what is kept, what is measured, and exact resuming."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from nextchar.errors import ConfigError, CorpusError, Interrupted, RunError
from nextchar.language_model.model import LanguageModel
from nextchar.runs import resume, train
from nextchar.tasks.result import ItemResult
from nextchar.training.events import Event, Listener, StepDone
from tests.conftest import require_same_training
from tests.tasks.toy import TOY, ToyModel, ToyRunConfig, toy_examples

SMALL: dict[str, Any] = {
    "hidden_size": 12, "embedding_size": 6, "batch_size": 16, "epochs": 2, "precision": "float32",
    "dropout": 0.1,
}  # fmt: skip


def trained(out: Path, *listeners: Listener, items: int = 200, **options: Any) -> ItemResult:
    parts = toy_examples(items, 1), toy_examples(50, 2)
    result: ItemResult = train(TOY, parts, out, listeners=listeners, **{**SMALL, **options})
    return result


def test_what_is_learned_is_kept_and_measured(tmp_path: Path) -> None:
    result = trained(tmp_path / "run", items=1000, epochs=25, learning_rate=0.01)
    assert result.figures["accuracy"] > 0.95
    assert result.steps == 25 * 63
    assert result.items == 1000
    again = ToyModel.load(tmp_path / "run").measure(toy_examples(50, 2))
    assert again.figures["accuracy"] == result.figures["accuracy"]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["task"] == "toy"
    assert "accuracy" in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.parametrize("stop_at", [1, 9, 20])
def test_a_run_that_was_interrupted_resumes_bit_for_bit(stop_at: int, tmp_path: Path) -> None:
    trained(tmp_path / "whole", ema_decay=0.9)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nextchar toy train --resume"):
        trained(tmp_path / "cut", stop, ema_decay=0.9)
    resume(tmp_path / "cut", task=TOY)
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_a_run_of_a_task_is_told_from_a_language_model(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    with pytest.raises(RunError, match="is a run of nextchar toy train, not a language model"):
        LanguageModel.load(tmp_path / "run")


def test_damaged_items_are_found(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    path = tmp_path / "run" / "items" / "train.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="items cannot be used"):
        resume(tmp_path / "run", task=TOY)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()
    with pytest.raises(RunError, match="not overwritten"):
        trained(tmp_path / "run")


def test_two_budgets_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs and steps exclude each other, got 2 and 5"):
        ToyRunConfig.from_options({"epochs": 2, "steps": 5})


def test_the_encoder_gives_an_item_the_same_whatever_stands_beside_it() -> None:
    model = ToyModel(ToyRunConfig.from_options(SMALL))
    model.network.eval()
    ids = torch.tensor([[0, 1, 2, 1], [2, 1, 0, 0]]).T
    lengths = torch.tensor([4, 2])
    together = model.network(ids, lengths, None)
    alone = model.network(ids[:2, 1:], lengths[1:], None)
    assert torch.allclose(together[1:], alone, atol=1e-6)
