"""The public names: which there are, with which signatures, and what they refuse."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import nextchar
from nextchar.errors import ConfigError
from tests.public_api import FILE, listing


def test_the_public_names_have_the_signatures_on_record() -> None:
    assert listing() == FILE.read_text(), "run python -m tests.public_api, and review the change"


def test_no_public_function_takes_untyped_options() -> None:
    assert re.findall(r".*\*\*\w+: Any.*", listing()) == []


@pytest.mark.parametrize("name", ["Classifier", "ConditionalModel", "LanguageModel", "Tagger"])
def test_every_model_has_the_same_facade(name: str) -> None:
    model = getattr(nextchar, name)
    assert list(inspect.signature(model.train).parameters)[:2] == ["data", "out"]
    for method in ("load", "resume", "evaluate"):
        assert callable(getattr(model, method))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda **o: nextchar.train("a.txt", "out", **o),
            "'hiden_size': did you mean 'hidden_size'",
        ),
        (lambda **o: nextchar.Classifier.train("a.csv", "out", **o), "did you mean 'hidden_size'"),
        (lambda **o: nextchar.Tagger.train("a.txt", "out", **o), "did you mean 'hidden_size'"),
        (lambda **o: nextchar.Transducer.train("a.tsv", "out", **o), "did you mean 'hidden_size'"),
        (lambda **o: nextchar.ConditionalModel.train([], "out", **o), "did you mean 'hidden_size'"),
        (lambda **o: nextchar.tune("a.txt", "out", **o), "did you mean 'hidden_size'"),
        (lambda **o: nextchar.compare("a.txt", "out", vary={}, **o), "did you mean 'hidden_size'"),
        (lambda **o: nextchar.crossval("a.txt", "out", **o), "did you mean 'hidden_size'"),
    ],
)
def test_a_misspelt_option_names_its_nearest_neighbour(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(hiden_size=3)
