"""``nextchar complete``: words with their probabilities."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nextchar.language_model.model import LanguageModel
from tests.conftest import Run


def test_completions_are_listed_with_their_probabilities(nextchar: Run, finished: Path) -> None:
    printed = nextchar("complete", finished, "The do", "--count", 3).succeeded().splitlines()
    values = nextchar("complete", finished, "The do", "--count", 3, "--json").values()
    found = LanguageModel.load(finished).complete("The do", count=3)
    assert len(printed) == 3
    assert [each["text"] for each in values["completions"]] == [each.text for each in found]
    for line, each in zip(printed, found, strict=True):
        assert line.startswith(f"The do{each.text} ")
        assert line.endswith(f"{math.exp(each.log_probability):.2%}")


def test_only_the_last_line_is_shown_with_its_words(nextchar: Run, finished: Path) -> None:
    printed = nextchar("complete", finished, "A cat.\nThe do", "--words", 2).succeeded()
    assert all(line.startswith("The do") for line in printed.splitlines())


def test_an_empty_text_is_completed_as_in_python(nextchar: Run, finished: Path) -> None:
    values = nextchar("complete", finished, "", "--count", 2, "--json").values()
    found = LanguageModel.load(finished).complete("", count=2)
    assert [each["text"] for each in values["completions"]] == [each.text for each in found]
    assert "no text was given" in nextchar("complete", finished).problem()
    assert "given twice" in nextchar("complete", finished, "", "--prompt", "The").problem()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["The", "--count", 0], "count must be"), (["The", "--words", 0], "words must be"),
     (["日本"], "unknown symbols '日', '本'")],
)  # fmt: skip
def test_what_cannot_be_completed_is_one_line(
    nextchar: Run, finished: Path, arguments: list[object], reason: str
) -> None:
    assert reason in nextchar("complete", finished, *arguments).problem()
