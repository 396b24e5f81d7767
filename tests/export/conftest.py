"""Models of every cell, and their page's engine in node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import nextchar
from nextchar.config import Config, SymbolKind
from nextchar.export.document import PageExperts, packed_model
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import learn

PAGE = Path(nextchar.__file__).parent / "export" / "page"
ENGLISH = "The quick brown fox jumps over the lazy dog.\n\tÉté, naïve: “yes”? 1984!\n"
KOREAN = "나는 오늘 학교에 간다. 값을 읽고, ㅋㅋ 웃었다!\nHangul 한글 ᄀ\n"

Engine = Callable[..., list[Any]]


def made_model(
    *, text: str = ENGLISH, kind: SymbolKind = "char", unknown: bool = False, **options: Any
) -> LanguageModel:
    """Make a model with random weights, whose predictions are far from uniform."""
    given = {"hidden_size": 24, "embedding_size": 12, "seed": 3, "vocabulary": kind, **options}
    config = Config.from_options(given)
    model = LanguageModel.create(config, learn(kind, [text], 1, unknown=unknown))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if "gain" not in name:
                weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
        model.network.head.weight.mul_(4)
    model.network.eval()
    return model


def run_engine(
    calls: list[dict[str, Any]],
    model: LanguageModel | None = None,
    *,
    simd: bool = True,
    experts: PageExperts = "none",
) -> list[Any]:
    """Return the answers of the engine, in plain JavaScript without ``simd``."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    given: dict[str, Any] = {"calls": calls}
    if model is not None:
        description, given["weights"] = packed_model(model, experts)
        given["manifest"] = {**description, "simd": simd}
    outcome = subprocess.run(
        [node, Path(__file__).with_name("engine.mjs"), PAGE.as_uri()],
        input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    answers: list[Any] = json.loads(outcome.stdout)
    return answers


@pytest.fixture(scope="session")
def engine() -> Engine:
    return run_engine
