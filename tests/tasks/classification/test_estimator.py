"""``CharClassifier`` among scikit-learn's tools, and under scikit-learn's own checks."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections import Counter
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

from nextchar import CharClassifier
from nextchar.errors import ConfigError
from tests.tasks.classification.data import TINY, names

PAIRS = names(120)
X, Y = [text for text, _ in PAIRS], [label for _, label in PAIRS]


def fitted(**options: Any) -> CharClassifier:
    return CharClassifier(**{**TINY, "epochs": 8, "learning_rate": 0.02, **options}).fit(X, Y)


@pytest.fixture(scope="module")
def classifier() -> CharClassifier:
    return fitted()


def test_it_learns_and_its_probabilities_are_probabilities(classifier: CharClassifier) -> None:
    assert classifier.score(X, Y) > 0.9
    found = classifier.predict_proba(X)
    assert found.shape == (120, 3)
    assert found.sum(1) == pytest.approx(np.ones(120))
    assert np.allclose(np.log(found), classifier.predict_log_proba(X))
    assert (classifier.classes_[found.argmax(1)] == classifier.predict(X)).all()


def test_equal_parameters_give_equal_weights_and_another_seed_others(
    classifier: CharClassifier,
) -> None:
    again, other = fitted(), fitted(seed=1)
    assert (again.predict_proba(X) == classifier.predict_proba(X)).all()
    assert not (other.predict_proba(X) == classifier.predict_proba(X)).all()


def test_a_pickle_is_plain_and_answers_as_before(classifier: CharClassifier) -> None:
    classifier.predict(X[:2])
    data = pickle.dumps(classifier)
    assert b"torch" not in data
    assert (pickle.loads(data).predict_proba(X) == classifier.predict_proba(X)).all()


@pytest.mark.parametrize("labels", [["x", "y", "x", "y"], ["z", "y", "x", "y"]])
def test_a_class_of_which_all_texts_are_empty_is_named(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="all texts of 'y' are empty"):
        CharClassifier(**TINY).fit(["ab", "", "cd", ""], labels)


def test_labels_keep_their_type() -> None:
    numbers = [11 if label == "north" else 2 for label in Y]
    found = CharClassifier(**TINY).fit(X, numbers)
    assert found.classes_.tolist() == [2, 11]
    assert set(found.predict(X).tolist()) <= {2, 11}


def test_an_unknown_symbol_and_an_empty_text_have_probabilities_too(
    classifier: CharClassifier,
) -> None:
    assert np.isfinite(classifier.predict_proba(["", "Ω漢", "vik" * 300])).all()


@pytest.mark.parametrize(
    ("given", "labels", "words"),
    [
        ("text", ["a"], "sequence of texts"),
        ([], [], "no text"),
        (["a", 1], ["x", "y"], r"X\[1\] must be a text"),
        ([["a"], ["b"]], ["x", "y"], r"X\[0\] must be a text"),
        (np.array([["a"], ["b"]]), ["x", "y"], "one-dimensional"),
        (["a", "b"], ["x"], "inconsistent numbers"),
        (["a", "b"], ["x", "x"], "at least two classes"),
        (["a", "b"], None, "y is None"),
    ],
)
def test_what_cannot_be_learned_is_said_in_one_line(given: Any, labels: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        CharClassifier(**TINY).fit(given, labels)
    assert "\n" not in str(error.value)


def test_options_are_checked_when_they_are_used() -> None:
    with pytest.raises(TypeError, match="no parameter 'hiden_size'"):
        CharClassifier(hiden_size=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="dropout must be"):
        CharClassifier(dropout=2.0).fit(X, Y)


def test_a_weight_is_a_number_of_repetitions_and_zero_is_none() -> None:
    options = {**TINY, "linear_rows": 1 << 8, "keep_duplicates": True, "epochs": 2}
    weights = np.arange(len(X)) % 3
    places = np.repeat(np.arange(len(X)), weights)
    weighted = CharClassifier(**options).fit(X, Y, sample_weight=weights)
    repeated = CharClassifier(**options).fit(
        [X[n] for n in places], [Y[n] for n in places], sample_weight=np.ones(len(places))
    )
    assert np.allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-6)
    with pytest.raises(ValueError, match="all sample weights are zero"):
        CharClassifier(**options).fit(X, Y, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match=r"at least 0; got -1\.0"):
        CharClassifier(**options).fit(X, Y, sample_weight=-np.ones(len(X)))


def test_weights_count_in_the_shares_of_labels_even_where_they_are_small() -> None:
    options = {**TINY, "validation_fraction": 0.0, "epochs": 1}
    weights = np.where(np.array(Y) == "north", 3.0, 1.0)
    counts = np.array([weights[np.array(Y) == label].sum() for label in ("north", "south", "west")])
    found = CharClassifier(**options).fit(X, Y, sample_weight=weights)
    assert found.label_counts_ == counts.tolist()
    small = CharClassifier(**options).fit(X, Y, sample_weight=weights / weights.sum())
    assert np.allclose(np.array(small.label_counts_) / len(X), counts / counts.sum(), atol=0.01)


def test_kept_duplicates_without_weights_are_items_as_on_the_command_line() -> None:
    options = {**TINY, "validation_fraction": 0.0, "epochs": 1, "keep_duplicates": True}
    found = CharClassifier(**options).fit([*X, *X[:7]], [*Y, *Y[:7]])
    assert any(note.startswith(f"{len(X) + 7} items") for note in found.notes_)
    assert sum(found.label_counts_) == len(X) + 7


def test_random_state_takes_the_place_of_the_seed(classifier: CharClassifier) -> None:
    assert (fitted(random_state=0, seed=7).weights_["members.0.head.weight"]
            == classifier.weights_["members.0.head.weight"]).all()  # fmt: skip
    states = [CharClassifier(random_state=np.random.RandomState(n))._options() for n in (1, 1, 2)]
    seeds = [options["seed"] for options in states]
    assert seeds[0] == seeds[1] != seeds[2]


def test_verbose_writes_what_the_training_tells(capsys: pytest.CaptureFixture[str]) -> None:
    CharClassifier(**TINY).fit(X, Y)
    assert capsys.readouterr().err == ""
    found = CharClassifier(**TINY, verbose=1).fit(X, Y)
    told = capsys.readouterr().err
    assert found.notes_[0] in told
    assert "nats/item, accuracy" in told


def test_what_is_left_out_is_told() -> None:
    found = CharClassifier(**TINY).fit([*X, X[0], ""], [*Y, Y[0], Y[0]])
    assert any("1 item is left out: duplicate text and label" in note for note in found.notes_)
    assert any("1 item is left out: no text" in note for note in found.notes_)


def test_it_can_be_searched_and_cross_validated_in_a_pipeline() -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(lower, CharClassifier(**TINY))
    grid = GridSearchCV(pipeline, {"charclassifier__hidden_size": [4, 8]}, cv=2).fit(X, Y)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    assert grid.predict(X[:3]).shape == (3,)
    drawn = RandomizedSearchCV(
        CharClassifier(**TINY), {"hidden_size": [4, 6, 8]}, n_iter=2, cv=2, random_state=0
    ).fit(np.array(X, dtype=object), np.array(Y))
    assert drawn.best_params_["hidden_size"] in (4, 6, 8)
    assert np.isfinite(cross_val_score(clone(pipeline), X, Y, cv=2)).all()


def test_nextchar_can_be_imported_without_scikit_learn() -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import nextchar\n"
        "assert nextchar.Classifier\n"
        "try:\n    nextchar.CharClassifier\n"
        "except nextchar.NextcharError as error:\n    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "pip install 'nextchar[learn]'" in result.stdout, result


class RowsAsTexts(CharClassifier):
    """Rows of numbers written as texts, a letter a number, for scikit-learn's checks."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.input_tags.one_d_array = False
        tags.input_tags.two_d_array = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RowsAsTexts:
        X, y = validate_data(self, X, y)
        # With weights of one, repeated texts are one item, as a text with a larger weight is.
        weights = np.ones(len(X)) if sample_weight is None else sample_weight
        return super().fit(written(X), y, weights)

    def predict_proba(self, X: Any) -> Any:
        check_is_fitted(self)
        return super().predict_proba(written(validate_data(self, X, reset=False)))


def written(rows: Any) -> list[str]:
    levels = np.clip(np.round(rows * 4) + 12, 0, 25).astype(int)
    return ["".join(chr(ord("a") + level) for level in row) for row in levels.tolist()]


# How many checks there are with the scikit-learn that these tests were written for.
CHECKS_EXECUTED = 59
CANNOT_APPLY = {
    "check_array_api_input": "it needs SCIPY_ARRAY_API; texts are no arrays of numbers",
}


def test_scikit_learns_own_checks_hold() -> None:
    """All of them run, on rows that are written as texts; none is expected to fail.

    ``CharClassifier`` itself says that its inputs are no rows of numbers, and then scikit-learn
    has a single check, that it can be cloned.
    """
    small = {"hidden_size": 16, "batch_size": 16, "dropout": 0.0, "input_dropout": 0.0}
    quick = {"epochs": 8, "learning_rate": 0.04, "validate_every": 1 << 40}
    estimator = RowsAsTexts(**{**TINY, **small, **quick, "keep_duplicates": True})
    outcomes: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each, check in estimator_checks_generator(estimator):
            name = getattr(check.func, "__name__", "") or check.func.func.__name__
            try:
                check(each)
            except SkipTest as reason:
                # What asks for pandas does so at its end, after all that arrays are asked.
                known = "pandas is not installed" in str(reason) or name in CANNOT_APPLY
                outcomes["at its end" if known else name] += name not in CANNOT_APPLY
                continue
            outcomes["executed"] += 1
    assert outcomes == {"executed": CHECKS_EXECUTED, "at its end": 2}
    with pytest.warns(SkipTestWarning, match="requires input  of type"):
        own = list(estimator_checks_generator(CharClassifier()))
    assert len(own) == 1
    own[0][1](own[0][0])
