"""Classification by the label under which a text is the most probable."""

from __future__ import annotations

import numpy as np
import pytest

from nextchar.errors import ConfigError, TextError
from nextchar.tasks.conditioning.generative import GenerativeClassifier
from nextchar.tasks.conditioning.model import ConditionalModel
from tests.tasks.conditioning.items import items, untrained, words


@pytest.fixture
def classifier(model: ConditionalModel) -> GenerativeClassifier:
    return GenerativeClassifier(model)


def test_labels_are_found(classifier: GenerativeClassifier) -> None:
    texts, labels = words(200, seed=5)
    figures = classifier.evaluate(texts, labels)
    assert figures.items == 200
    assert figures.accuracy > 0.95
    assert figures.macro_f1 > 0.95
    assert figures.accuracy == np.mean(
        [a == b for a, b in zip(classifier.predict(texts), labels, strict=True)]
    )


def test_probabilities_are_those_of_bayes_rule(classifier: GenerativeClassifier) -> None:
    texts, _ = words(5, seed=6)
    model = classifier.model
    joint = np.exp(model.log_likelihoods(texts)) * model.prior
    expected = joint / joint.sum(axis=1, keepdims=True)
    assert np.allclose(classifier.predict_proba(texts), expected, rtol=1e-6)


def test_a_likelihood_is_what_the_language_model_of_the_label_says() -> None:
    model = untrained(items())
    texts = ["ak", "obdqobdq"]
    likelihoods = model.log_likelihoods(texts)
    assert likelihoods.shape == (2, 3)
    for column, name in enumerate(model.labels.names):
        for row, text in enumerate(texts):
            bits = model.given(name).score(f"\n{text}\n").total_bits
            assert -likelihoods[row, column] / np.log(2) == pytest.approx(bits, abs=1e-3)


def test_symbols_that_are_not_known_say_nothing_of_a_label() -> None:
    model = untrained(items())
    with_stranger = model.log_likelihoods(["ak字"])
    assert np.isfinite(with_stranger).all()
    classifier = GenerativeClassifier(model)
    assert classifier.predict(["字"])[0] in model.labels.names


def test_a_prior_of_ones_own_moves_the_decision(classifier: GenerativeClassifier) -> None:
    certain = GenerativeClassifier(classifier.model, prior=np.array([1e-30, 1e-30, 1.0]))
    assert set(certain.predict(["aeiou", "ktpxz"])) == {classifier.label_names[2]}
    with pytest.raises(ConfigError, match="a number above 0 for each of 3 labels"):
        GenerativeClassifier(classifier.model, prior=np.array([1.0]))


def test_an_unknown_label_is_one_line(classifier: GenerativeClassifier) -> None:
    with pytest.raises(ConfigError, match="unknown label 'sof': did you mean 'soft'"):
        classifier.evaluate(["a"], ["sof"])


def test_labels_may_be_numbers() -> None:
    from nextchar.tasks.conditioning.items import Items

    model = untrained(Items.of(["ab", "ba", "aa", "bb"], labels=[0, 1, 0, 1]))
    assert model.labels.names == ("0", "1")
    assert model.generate(1, seed=1) == model.generate("1", seed=1)
    assert GenerativeClassifier(model).evaluate(["ab", "ba"], [0, 1]).items == 2


def test_a_text_that_holds_the_mark_of_the_end_has_no_label(
    classifier: GenerativeClassifier,
) -> None:
    with pytest.raises(TextError, match="text 2: the text contains a line break"):
        classifier.predict(["a", "a\ni"])
    assert classifier.predict([]) == []
