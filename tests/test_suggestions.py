"""What may have been meant by a name that does not exist."""

from __future__ import annotations

import pytest

from nextchar.suggestions import did_you_mean, nearest

OPTIONS = ["--temperature", "--beam", "--hidden-size", "--embedding-size", "--learning-rate",
           "--length", "--length-penalty", "--samples", "--stop", "--out"]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--temp", "--temperature"),
        ("--tempreature", "--temperature"),
        ("--hidden_size", "--hidden-size"),
        ("--hidden", "--hidden-size"),
        ("--size", "--hidden-size"),
        ("--lr", "--learning-rate"),
        ("--rate", "--learning-rate"),
        ("--len", "--length"),
        ("--max-length", "--length"),
        ("--sample", "--samples"),
        ("--output", "--out"),
        ("--STOP", "--stop"),
    ],
)
def test_the_likeliest_comes_first(typed: str, meant: str) -> None:
    assert nearest(typed, OPTIONS)[0] == meant


@pytest.mark.parametrize("typed", ["--xyz", "-x", "--", ""])
def test_nothing_is_suggested_where_nothing_is_near(typed: str) -> None:
    assert nearest(typed, OPTIONS) == []
    assert did_you_mean(typed, OPTIONS) == ""


def test_several_are_named_in_a_question() -> None:
    assert did_you_mean("--size", OPTIONS) == ": did you mean --hidden-size or --embedding-size?"
    assert did_you_mean("--beam-width", OPTIONS) == ": did you mean --beam?"
