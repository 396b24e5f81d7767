"""Generation, search and completion with experts beside the network."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from nextchar.config import ExpertUse
from nextchar.errors import ConfigError
from nextchar.generation.engine import Engine
from nextchar.language_model.model import LanguageModel
from tests.conftest import Run


@pytest.fixture
def model(finished: Path) -> LanguageModel:
    return LanguageModel.load(finished)


@pytest.mark.parametrize("use", ["fixed", "adaptive"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5, "top_k": 5, "top_p": 0.9},
        {"repetition_penalty": 1.2, "min_p": 0.01},
        {"match": "[a-z ]{40,90}[.]"},
    ],
)
def test_the_loops_write_the_same_text(
    model: LanguageModel, use: ExpertUse, options: dict[str, Any]
) -> None:
    def write(engine: Engine) -> list[str]:
        return model.generate_batch(
            "the dog ", samples=3, length=200, seed=5, engine=engine, experts=use, **options
        )

    assert write("plain") == write("compiled")


def test_the_text_depends_on_the_experts(model: LanguageModel) -> None:
    texts = {use: model.generate("the ", seed=1, experts=use) for use in ("none", "fixed", None)}
    assert texts["none"] != texts["fixed"] == texts[None]


def test_a_text_that_goes_beyond_the_memory_of_its_symbols_is_written_alike(
    model: LanguageModel,
) -> None:
    whole = model.generate("the ", length=1500, seed=2, engine="compiled", experts="fixed")
    cut = whole[:900]
    predictions = [
        model.search(start, width=1, length=1, experts="fixed")[0] for start in (cut, cut[-200:])
    ]
    assert predictions[0].text == predictions[1].text


@pytest.mark.parametrize("use", ["none", "fixed"])
def test_the_probability_of_a_found_text_is_that_of_its_score(
    model: LanguageModel, use: ExpertUse
) -> None:
    prompt = "the dog "
    for found in model.search(prompt, width=4, length=12, experts=use):
        score = model.score(prompt + found.text, experts=use)
        nats = float(score.bits[len(prompt) :].sum()) * math.log(2)
        assert found.log_probability == pytest.approx(-nats, abs=1e-3)


def test_adaptive_experts_learn_the_words_of_the_prompt(model: LanguageModel) -> None:
    prompt = "the old dog gogo sees gogo and gogo likes gogo. the go"

    def share(use: ExpertUse) -> float:
        found = model.complete(prompt, count=20, experts=use)
        return sum(math.exp(each.log_probability) for each in found if each.text == "go")

    assert share("adaptive") > 2 * share("fixed")


@pytest.fixture
def without(finished: Path, tmp_path: Path) -> Path:
    """Return a run without experts."""
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "experts.safetensors").unlink()
    return run


@pytest.mark.parametrize("call", ["generate", "search", "complete", "stream"])
def test_experts_that_a_run_does_not_have_are_an_error(without: Path, call: str) -> None:
    model = LanguageModel.load(without)
    assert model.experts is None
    with pytest.raises(
        ConfigError, match="the run has no experts: experts must be none; got fixed"
    ):
        getattr(model, call)("the ", experts="fixed")


def test_the_command_names_the_option(nextchar: Run, without: Path) -> None:
    line = nextchar("generate", without, "--experts", "adaptive").problem()
    assert "the run has no experts: --experts must be none; got adaptive" in line
    assert nextchar("generate", without, "--seed", 1, "--length", 20).succeeded()
