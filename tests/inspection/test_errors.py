"""The kinds of errors that are left, and closing marks by their distance."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config, NetworkConfig
from nextchar.errors import TextError
from nextchar.experts.mixing import mix
from nextchar.inspection.counts import ORDER, WordReader, training_counts
from nextchar.inspection.error_plots import FEW, plot_errors
from nextchar.inspection.error_report import KINDS, MEMORY, ErrorReport, Kind
from nextchar.inspection.errors import kinds_of
from nextchar.inspection.pairs import Distance, by_distance, closing_marks
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import Vocabulary, learn
from tests.conftest import TINY_OPTIONS, Run, korean

_TRAINING = "The old dog sees the cat. " * 5
_RIGHT, _WRONG = -math.log(0.9), -math.log(0.1)


def ids_of(text: str, vocabulary: Vocabulary) -> np.ndarray[Any, np.dtype[np.int64]]:
    return vocabulary.encode(text).astype(np.int64)


def kinds_at(text: str, wrong: list[int], ngram_right: list[int]) -> dict[int, Kind]:
    """Return the kind of the error at each place where the network is wrong."""
    vocabulary = learn("char", [text + _TRAINING], 1)
    nats = np.full(len(text), _RIGHT)
    nats[wrong] = _WRONG
    ngram = np.full(len(text), _WRONG)
    ngram[ngram_right] = _RIGHT
    counted = Counter(WordReader(vocabulary).keys(ids_of(_TRAINING, vocabulary)))
    found = kinds_of(ids_of(text, vocabulary), nats, ngram, vocabulary, counted)
    return {place: KINDS[kind] for place, kind in enumerate(found.tolist()) if kind >= 0}


def test_each_planted_error_has_its_kind() -> None:
    text = "The zebra, sees a zebra.\n\nTHE dog "
    places = {
        text.index("he"): "n-gram",
        text.index("zebra"): "rare word",
        text.index("ebra"): "rare word",
        text.index(","): "punctuation",
        text.index(", ") + 1: "punctuation",  # the space after it
        text.index("sees"): "word model",
        text.index("es a"): "word model",
        text.rindex("zebra"): "rare word",  # its first symbol cannot be known
        text.rindex("ebra"): "long memory",
        text.index("\n"): "punctuation",
        text.index("\n") + 1: "rest",
        text.index("THE") + 1: "word model",  # in another case: not in memory, and not rare
        text.index(" a"): "rest",
    }
    assert kinds_at(text, list(places), [text.index("he")]) == places
    assert set(places.values()) == set(KINDS)


def test_the_kinds_are_removed_in_their_order() -> None:
    text = "zebra zebra"
    place = text.rindex("bra")
    assert kinds_at(text, [place], [place]) == {place: "n-gram"}
    assert kinds_at(text, [place], []) == {place: "long memory"}
    assert kinds_at("the " + text[6:], [6], []) == {6: "rare word"}


def test_memory_ends_after_its_symbols() -> None:
    def kind(between: int) -> Kind:
        text = "zebra" + " " * between + "zebra"
        place = len(text) - 1
        return kinds_at(text, [place], [])[place]

    assert kind(MEMORY - 9) == "long memory"  # the last symbol of the word is 1,000 after its start
    assert kind(MEMORY - 8) == "rare word"


def test_a_word_must_be_remembered_as_a_whole() -> None:
    text = "zebras zebra"
    assert kinds_at(text, [len(text) - 1], []) == {len(text) - 1: "rare word"}


def test_apostrophes_inside_words_belong_to_them() -> None:
    vocabulary = learn("char", ["'don't' rock' 'n "], 1)
    text = "'don't' rock' 'n"
    spans = WordReader(vocabulary).spans(ids_of(text, vocabulary))
    assert [text[start:end] for start, end in spans] == ["don't", "rock", "n"]


def test_without_counts_the_words_of_the_text_count_and_the_n_gram_is_left_out() -> None:
    text = "dog dog dog dog dog cat"
    vocabulary = learn("char", [text], 1)
    nats = np.full(len(text), _WRONG)
    found = kinds_of(ids_of(text, vocabulary), nats, None, vocabulary, None)
    assert found[0] == -1
    names = [KINDS[kind] for kind in found[1:].tolist()]
    assert names[:2] == ["word model"] * 2
    assert names[-3:] == ["rare word"] * 3
    assert "n-gram" not in names


@given(st.text("ab'. \n", min_size=2, max_size=60), st.randoms())
def test_every_error_has_one_kind_and_nothing_else_has(text: str, draw: Any) -> None:
    vocabulary = learn("char", ["ab'. \n"], 1)
    nats = np.array([draw.choice([_RIGHT, _WRONG]) for _ in text])
    found = kinds_of(ids_of(text, vocabulary), nats, None, vocabulary, None)
    assert np.array_equal(found[1:] >= 0, nats[1:] > 0.5)
    assert found.max() < len(KINDS)


def test_the_n_gram_is_the_chain_of_symbols_of_experts(finished: Path) -> None:
    model = LanguageModel.load(finished)
    counts = training_counts(finished, model.vocabulary)
    assert counts.ngram is not None
    ids = ids_of("The dog sees the old tree.", model.vocabulary)
    nats = counts.ngram_nats(ids)
    assert nats is not None
    logits = np.zeros(len(model.vocabulary), np.float32)
    mixture = counts.ngram.reader().mixture
    for end in range(1, len(ids)):
        mix(mixture, ids, end, logits)
        assert nats[end - 1] == pytest.approx(-mixture.logarithms[1][ids[end]], abs=1e-5)
    assert nats.mean() < math.log(len(model.vocabulary)) / 2


def test_improvement_is_the_mean_over_the_pairs_of_each_distance() -> None:
    text = '[a] (b) [cccccc] "dddddd" '
    vocabulary = learn("char", [text], 1)
    marks = closing_marks(ids_of(text, vocabulary), vocabulary)
    assert [end - start for _, start, end in marks] == [1] * 4
    assert [start - opening for opening, start, _ in marks] == [2, 2, 7, 7]
    network, ngram = np.zeros(len(text)), np.full(len(text), 3 * math.log(2))
    network[marks[0][1]], network[marks[1][1]] = math.log(2), 3 * math.log(2)
    near, far = by_distance(marks, network, ngram)
    assert (near.name, near.pairs, near.network, near.improvement) == ("1–2", 2, -2, 1)
    assert (far.name, far.pairs) == ("6–10", 2)
    assert far.improvement == pytest.approx(3)
    assert by_distance(marks, network, None)[0].improvement is None


def test_a_mark_of_several_bytes_has_the_probability_of_all() -> None:
    text = "a “b” c"
    vocabulary = learn("byte", [text], 1)
    ((opening, start, end),) = closing_marks(ids_of(text, vocabulary), vocabulary)
    assert (opening, start, end) == (2, 6, 9)
    nats = np.full(12, math.log(2))
    (only,) = by_distance([(opening, start, end)], nats, None)
    assert only.network == pytest.approx(-3)


def checked_sums(report: ErrorReport) -> None:
    values = json.loads(json.dumps(report.to_dict()))
    assert sum(each["share_of_errors"] for each in values["kinds"]) == pytest.approx(1)
    assert sum(each["share_of_nats"] for each in values["kinds"]) == pytest.approx(1)
    assert sum(each["errors"] for each in values["kinds"]) == values["errors"] > 0
    assert values["errors_share_of_nats"] <= 1


def test_the_kinds_sum_to_all_errors(finished: Path) -> None:
    model = LanguageModel.load(finished)
    report = model.inspect.errors('The dog "sees" a red house.\nTHE END (of it)\n')
    checked_sums(report)
    assert list(report.kinds) == list(get_args(Kind))
    assert report.ngram is not None
    assert report.rare_in == "the training text"
    expected = model.evaluate("The dog sees.", experts="none").nats
    assert model.inspect.errors("The dog sees.").nats == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["jamo", "byte"])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_symbols_of_any_kind_are_classified(kind: Any, cell: Any) -> None:
    text = korean(400) + "“값을 읽고” (집에)\n"
    network = NetworkConfig(cell=cell, hidden_size=8, layers=2, input="onehot")
    model = LanguageModel.create(Config(network=network), learn(kind, [text], 1))
    report = model.inspect.errors(text)
    checked_sums(report)
    assert report.kinds["long memory"].errors > 0
    assert "n-gram" not in report.kinds
    assert report.rare_in == "the text itself"
    assert len(report.distances) > 0
    assert "mean log2 probability" in "\n".join(report.lines())
    report.plot()


def test_a_run_without_experts_has_its_text_counted(texts: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    LanguageModel.train(texts / "english.txt", run, **{**TINY_OPTIONS, "experts": "none"})
    report = LanguageModel.load(run).inspect.errors("The dog sees.")
    assert report.ngram is not None
    assert report.ngram.order == ORDER
    shutil.rmtree(run / "corpus")
    left = LanguageModel.load(run).inspect.errors("The dog sees.")
    assert left.ngram is None
    assert left.notes == ("the run has no training text to count",)


def test_a_text_of_three_symbols_is_too_short(finished: Path) -> None:
    with pytest.raises(TextError, match="a classification of errors needs 10 known symbols; got 3"):
        LanguageModel.load(finished).inspect.errors("The")


def test_a_mean_of_few_pairs_is_hollow_and_not_joined(finished: Path) -> None:
    report = LanguageModel.load(finished).inspect.errors("The dog sees the cat.")
    distances = tuple(
        Distance(first=10 * pairs, last=None, pairs=pairs, network=-1.0, ngram=-2.0)
        for pairs in (FEW - 1, FEW, 1)
    )
    axes = plot_errors([dataclasses.replace(report, distances=distances)]).axes[1]
    joined, hollow, *_ = axes.lines
    assert np.isfinite(joined.get_ydata()).tolist() == [False, False, True]
    assert hollow.get_xdata().tolist() == [0, 1]
    assert hollow.get_markerfacecolor() == hollow.get_linestyle().lower() == "none"
    assert f"fewer than {FEW} pairs" in axes.get_title()


def test_the_command_compares_runs_in_tables_and_a_picture(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text, picture = tmp_path / "text.txt", tmp_path / "errors.svg"
    text.write_text('The dog sees "the old cat".\n' * 20)
    other = shutil.copytree(finished, tmp_path / "other")
    outcome = nextchar(
        "inspect", "errors", finished, text, "--against", other, "--picture", picture
    )  # fmt: skip
    told = outcome.succeeded()
    assert outcome.err.startswith(f"note: {text}: all ")
    assert "lstm 16 (finished)" in told
    assert "lstm 16 (other)" in told
    for kind in KINDS:
        assert f"\n{kind}" in told
    drawn = picture.read_text()
    for part in ("long memory", "lstm 16 (other)"):
        assert part in drawn
    values = nextchar("inspect", "errors", finished, text, "--json").values()
    (run,) = values["runs"]
    assert [each["kind"] for each in run["kinds"]] == list(KINDS)


def test_a_text_without_pairs_is_told_in_one_line(nextchar: Run, finished: Path) -> None:
    told = nextchar("inspect", "errors", finished).succeeded()
    assert told.endswith(
        "the text has no closing bracket or quote, so there is no improvement by distance.\n"
    )
