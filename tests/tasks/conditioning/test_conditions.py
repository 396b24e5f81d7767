"""Conditions as vectors: labels, mixtures, numbers, and none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from nextchar.errors import ConfigError, RunError, TextError
from nextchar.tasks.conditioning.conditions import (
    Features,
    LabelCondition,
    conditions_from,
    parse_condition,
)

LABELS = LabelCondition(("Italian", "Korean", "a=b"), (6, 3, 1))
FEATURES = Features(("length", "vowels"), (5.0, 0.4), (2.0, 0.1))


def test_a_label_is_one_hot_and_none_is_the_last_element() -> None:
    assert LABELS.vector("Korean").tolist() == [0, 1, 0, 0]
    assert LABELS.vector(None).tolist() == [0, 0, 0, 1]
    assert LABELS.vectors(np.array([2, 0])).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert LABELS.prior.tolist() == [0.6, 0.3, 0.1]


def test_shares_of_labels_are_divided_by_their_sum() -> None:
    assert LABELS.vector({"Italian": 1, "Korean": 3}).tolist() == [0.25, 0.75, 0, 0]


def test_numbers_are_standardised_and_stand_beside_a_one() -> None:
    assert FEATURES.vector([7, 0.4]).tolist() == pytest.approx([1, 0, 1, 0], abs=1e-6)
    assert FEATURES.vector(None).tolist() == [0, 0, 0, 1]
    assert FEATURES.vector({"vowels": 0.5}).tolist() == pytest.approx([0, 1, 1, 0], abs=1e-5)


def test_what_is_written_on_the_command_line_is_read() -> None:
    assert parse_condition("Korean", LABELS) == "Korean"
    assert parse_condition("a=b", LABELS) == "a=b"
    assert parse_condition("Korean=0.7, Italian=.3", LABELS) == {"Korean": 0.7, "Italian": 0.3}
    assert parse_condition("a=b=1", LABELS) == {"a=b": 1}
    assert parse_condition("7,0.4", FEATURES) == [7, 0.4]
    assert parse_condition("length=7", FEATURES) == {"length": 7}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("Koraen", "unknown label 'Koraen': did you mean 'Korean'"),
        ("korean", "did you mean 'Korean'"),
        ("Zulu", "known are Italian, Korean, a=b"),
        ("Korean=x", "name=number"),
        ("Korean=0", "sum above 0"),
        ("Korean=-1", "at least 0"),
        ("Korean=nan", "at least 0"),
        ("Korean=1,Dutch=1", "unknown label 'Dutch'"),
    ],
)
def test_a_label_that_is_not_known_is_one_line(written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LABELS.vector(parse_condition(written, LABELS))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("7", r"a vector of 1 numbers was given: the model takes 2 \(length, vowels\)"),
        ("7,1,2", "a vector of 3 numbers"),
        ("7,nan", "feature 'vowels' must be finite; got nan"),
        ("inf,1", "feature 'length' must be finite; got inf"),
        ("width=3", "unknown feature 'width'"),
        ("long", "got 'long'"),
    ],
)
def test_a_vector_that_does_not_fit_is_one_line(written: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FEATURES.vector(parse_condition(written, FEATURES))


def test_labels_and_numbers_are_not_mixed_up() -> None:
    with pytest.raises(ConfigError, match="conditioned on labels"):
        LABELS.vector([1.0, 2.0])
    with pytest.raises(ConfigError, match="conditioned on numbers, not on labels"):
        FEATURES.vector("Korean")


def test_one_label_alone_is_no_condition() -> None:
    with pytest.raises(TextError, match="all 3 items have the label 'x'"):
        LabelCondition.of(["x", "x", "x"])


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 20), st.integers(1, 4)),
        elements=st.floats(-1e300, 1e300),
    )
)
@example(np.array([[0.0], [5e-324]]))
def test_standardised_features_have_mean_0_and_at_most_deviation_1(
    values: NDArray[np.float64],
) -> None:
    features = Features.of([str(n) for n in range(values.shape[1])], values)
    vectors = features.vectors(values)
    assert vectors.shape == (len(values), values.shape[1] + 2)
    assert np.isfinite(vectors).all()
    assert (vectors[:, -2:] == [1, 0]).all()
    assert np.abs(vectors[:, :-2].mean(axis=0)).max() < 1e-2
    assert vectors[:, :-2].std(axis=0).max() < 1.01


@pytest.mark.parametrize("conditions", [LABELS, FEATURES])
def test_what_is_written_is_read_back(conditions: LabelCondition | Features) -> None:
    assert conditions_from(conditions.to_dict()) == conditions


@pytest.mark.parametrize(
    "values",
    [
        {}, {"kind": "colours"}, {"kind": "labels", "names": ["a", "b"]},
        {"kind": "labels", "names": ["a", "b"], "counts": [1]},
        {"kind": "labels", "names": ["a", "a"], "counts": [1, 1]},
        {"kind": "labels", "names": "ab", "counts": [None, 1]},
        {"kind": "features", "names": ["a"], "means": [float("nan")], "deviations": [1]},
        {"kind": "features", "names": [1], "means": [0], "deviations": [1]},
    ],
)  # fmt: skip
def test_damaged_conditions_are_found(values: dict[str, object]) -> None:
    with pytest.raises(RunError, match="conditions are damaged"):
        conditions_from(values)
