"""Explanations: exact by their definition, and shown so that no text commands a terminal."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

import pytest

from nextchar.config import ClassifierRunConfig
from nextchar.errors import ConfigError, TextError
from nextchar.rendering.contributions import contribution_lines, contribution_page, level
from nextchar.tasks.classification.data import prepare
from nextchar.tasks.classification.explaining import explain, strongest
from nextchar.tasks.classification.model import Classifier
from nextchar.text.graphemes import clusters
from tests.tasks.classification.data import TINY, items


@pytest.fixture(scope="module")
def model() -> Classifier:
    return prepare(items(60), ClassifierRunConfig.from_options(TINY)).model


@pytest.mark.parametrize("text", ["vik", "ola ini", "a", "Ωß", "e\u0301x"])
def test_a_weight_is_what_the_probability_loses_without_the_character(
    model: Classifier, text: str
) -> None:
    found = explain(model, text, label="south")
    place = model.labels.names.index("south")
    assert [text[p.start : p.end] for p in found.parts] == clusters(text)
    for part in found.parts:
        without = text[: part.start] + text[part.end :]
        logs = model.log_probabilities([text, without])[:, place]
        assert part.nats == pytest.approx(float(logs[0] - logs[1]), abs=1e-6)


@pytest.mark.parametrize("by", ["char", "word"])
def test_parts_are_whole_characters_as_a_reader_sees_them(
    model: Classifier, by: Literal["char", "word"]
) -> None:
    expected = ["👩\u200d🚀", " ", "क्षि", " ", "🇰🇷", "e\u0301"]
    text = "".join(expected)
    found = explain(model, text, by=by)
    assert [text[p.start : p.end] for p in found.parts] == expected
    parts = [("👩\u200d🚀", 1.0), ("e\u0301", -1.0)]
    assert list(contribution_lines(parts, width=80, colors=False)) == ["👩\u200d🚀e\u0301", "▇▇#"]


def test_words_are_left_out_whole_and_spaces_stay(model: Classifier) -> None:
    found = explain(model, "mac gil, owen", by="word")
    assert "".join("mac gil, owen"[p.start : p.end] for p in found.parts) == "mac gil, owen"
    assert [p.nats == 0 for p in found.parts] == [False, True, False, False, True, False]


def test_the_most_probable_label_is_explained_if_none_is_named(model: Classifier) -> None:
    found = explain(model, "vikulf")
    assert found.label == model.predict(["vikulf"])[0] == next(iter(found.probabilities))
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert strongest(found.parts, 2)[0].nats == max((p.nats for p in found.parts), key=abs)


def test_an_empty_text_has_no_parts_and_a_long_one_too_many(model: Classifier) -> None:
    assert explain(model, "").parts == ()
    with pytest.raises(TextError, match=r"3,000 parts.*at most 2,000"):
        explain(model, "a" * 3000)
    with pytest.raises(ConfigError, match="label must be one of 'north', 'south', 'west'; got 'x'"):
        explain(model, "a", label="x")


def test_levels_are_shares_of_the_strongest_part() -> None:
    assert [level(w, 1.0) for w in (1.0, 0.6, 0.3, 0.1, 0.05, 0.0, -0.2, -0.9)] == [
        4, 3, 2, 1, 0, 0, -1, -4,
    ]  # fmt: skip
    assert level(0.0, 0.0) == 0


def test_marks_stand_below_their_characters_where_there_is_no_colour() -> None:
    parts = [("a", 1.0), ("값", -0.9), ("b", 0.0), ("\x1b", 0.3)]
    assert list(contribution_lines(parts, width=80, colors=False)) == ["a값b␛", "▇## ▃"]
    assert list(contribution_lines(parts, width=3, colors=False)) == ["a값", "▇##", "b␛", " ▃"]
    painted = "".join(contribution_lines(parts, width=80, colors=True))
    assert painted.count("\x1b[0m") == 3
    assert "␛" in painted


def test_a_page_escapes_what_a_text_holds() -> None:
    page = contribution_page("a<b", "<l>", [("<script>", 1.0), ("x", -1.0)], [("<r>", "+1")])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a&lt;b" in page


def test_a_page_allows_its_own_style_and_nothing_else() -> None:
    page = contribution_page(
        "t\u202e", "l\u2066", [("\u202eא", 1.0), ("x", -0.5)], [("\u200f", "1")]
    )
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
        in page
    )
    assert "style=" not in page
    assert not {"\u202e", "\u2066", "\u200f"} & set(page)
