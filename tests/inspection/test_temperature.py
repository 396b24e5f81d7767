"""The same prompt at several temperatures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import Config, NetworkConfig
from nextchar.errors import ConfigError, UnknownSymbolsError
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import learn
from tests.conftest import Run, english, korean

_TEXT = english(900)


def model_on(text: str, kind: Any = "char", **options: Any) -> LanguageModel:
    network = NetworkConfig(**{"cell": "gru", "hidden_size": 12, "embedding_size": 6, **options})
    return LanguageModel.create(Config(network=network), learn(kind, [text], 1))


def test_the_distributions_are_the_softmax_of_the_divided_logits() -> None:
    model = model_on(_TEXT)
    report = model.inspect.temperature("The ", temperatures=(0.3, 1, 2), length=0)
    ids = torch.from_numpy(model.vocabulary.encode("The ").astype(np.int64)).unsqueeze(1)
    logits = model.network(ids, model.network.initial_state(1))[0][-1, 0].detach().double()
    for each in report.texts:
        expected = (logits / each.temperature).softmax(0)
        assert np.allclose(each.probabilities, expected.numpy(), atol=1e-6)
        bits = float(-(expected * expected.log2()).sum())
        assert each.entropy_bits == pytest.approx(bits, abs=1e-5)
        assert each.text == ""
    assert (
        report.texts[0].entropy_bits < report.texts[1].entropy_bits < report.texts[2].entropy_bits
    )


def test_the_texts_are_those_of_generate_with_the_same_seed() -> None:
    model = model_on(_TEXT)
    report = model.inspect.temperature("The dog", temperatures=(0.5, 1.5), length=40, seed=3)
    for each in report.texts:
        expected = model.generate(
            "The dog", length=40, seed=3, temperature=each.temperature, experts="none"
        )
        assert f"The dog{each.text}" == expected
    assert report.texts[0].text != report.texts[1].text


def test_temperature_0_is_the_most_probable_symbol() -> None:
    report = model_on(_TEXT).inspect.temperature(temperatures=[0, 1], length=5)
    sure, own = report.texts
    assert sure.entropy_bits == 0
    assert sure.top(1) == own.top(1)
    assert report.prompt == ""
    assert report.lines()[0] == "the first symbol of a text"
    report.plot()


@pytest.mark.parametrize("kind", ["jamo", "byte", "char"])
def test_a_prompt_in_hangul_is_continued_by_whole_characters(kind: str) -> None:
    text = korean(400)
    model = model_on(text, kind, input="onehot", layers=2)
    report = model.inspect.temperature("나는 ", temperatures=[1.0], length=30)
    assert report.prompt == "나는 "
    assert len(report.texts[0].text) > 0
    total = report.texts[0].probabilities.sum()
    assert total == pytest.approx(1)
    report.plot()


def test_what_is_out_of_range_is_refused_in_one_line() -> None:
    inspect = model_on(_TEXT).inspect
    with pytest.raises(ConfigError, match="temperature must be at least 0; got -1"):
        inspect.temperature(temperatures=[-1.0])
    with pytest.raises(ConfigError, match="at least one number; got none"):
        inspect.temperature(temperatures=[])
    with pytest.raises(ConfigError, match="length must be from 0 to 10,000; got -1"):
        inspect.temperature(length=-1)
    with pytest.raises(UnknownSymbolsError):
        inspect.temperature("ж")


def test_the_command_prints_the_distribution_and_a_text_for_each_temperature(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "temperature.svg"
    out = nextchar(
        "inspect", "temperature", finished, "--prompt", "The ", "--temperature", 0.5,
        "--temperature", 2, "--length", 20, "--picture", picture,
    ).succeeded()  # fmt: skip
    assert out.startswith("the next symbol after «The »\n")
    assert "\ntemperature 0.5\nThe " in out
    assert "temperature 2" in picture.read_text()
    values = nextchar("inspect", "temperature", finished, "--json", "--length", 3).values()
    assert [each["temperature"] for each in values["temperatures"]] == [0.2, 0.5, 0.8, 1, 1.2, 1.5]
    assert len(values["temperatures"][0]["next_symbols"]) == 5
    out = nextchar(
        "inspect", "temperature", finished, "--prompt", r"The\n", "--length", 3
    ).succeeded()
    assert out.startswith("the next symbol after «The↵»\n")


def test_hangul_letters_have_the_names_of_the_embeddings() -> None:
    model = model_on("나는 간다 신문\n", "jamo")
    report = model.inspect.temperature("나", temperatures=[1.0], length=0)
    assert {"ㄴ", "ㅏ", "-ㄴ", "␣"} <= set(report.names)
    assert "line break" not in report.names
    shown = "\n".join(report.lines()[:3])
    ticks = [text.get_text() for text in report.plot().axes[-1].get_xticklabels()]
    assert set(ticks) <= set(report.names)
    assert not re.search("[\u1100-\u11ff]", shown + "".join(ticks))
