"""int16: selected on processors that support it, rejected on others, resumed on any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import nextchar
from nextchar.config import NetworkConfig
from nextchar.errors import ConfigError
from nextchar.nn import autotune
from nextchar.nn.kernels import gemm_int16
from nextchar.nn.precision import has_int16
from nextchar.runs.training import resume
from nextchar.training.events import Event, Noticed

OPTIONS: dict[str, Any] = {
    "hidden_size": 96,
    "batch_size": 4,
    "sequence_length": 16,
    "steps": 3,
    "device": "cpu",
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("a rolling stone gathers no moss\n" * 60, encoding="utf-8")
    return path


def test_int16_is_refused_on_a_processor_without(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemm_int16, "has_instruction", lambda: False)

    with pytest.raises(ConfigError, match="'int16' needs a processor with AVX-512 VNNI"):
        nextchar.train(text, tmp_path / "run", precision="int16", **OPTIONS)

    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not has_int16(torch.device("cpu")), reason="no AVX-512 VNNI here")
def test_a_run_of_another_processor_goes_on_in_float32_and_says_so(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    trained = nextchar.train(text, run, precision="int16", **OPTIONS)
    here = nextchar.LanguageModel.load(run).evaluate(text.read_text(encoding="utf-8"))
    monkeypatch.setattr(gemm_int16, "has_instruction", lambda: False)
    events: list[Event] = []

    resumed = resume(run, listeners=[events.append])

    told = [event.message for event in events if isinstance(event, Noticed)]
    assert any(
        "trained in int16; on this device it continues in float32" in message for message in told
    )
    assert resumed.steps == trained.steps
    there = nextchar.LanguageModel.load(run).evaluate(text.read_text(encoding="utf-8"))
    assert there.nats_per_char == pytest.approx(here.nats_per_char, rel=1e-4)


def test_auto_is_float32_on_a_processor_without_fast_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("has_bfloat16", "has_int16"):
        monkeypatch.setattr(autotune, name, lambda _device: False)
    for hidden_size in (8, 64):  # the trial of a product this small is noise
        config = NetworkConfig(hidden_size=hidden_size)
        assert autotune.fastest_arithmetic(config, 4, torch.device("cpu")) == "float32"
