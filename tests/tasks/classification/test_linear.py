"""The linear part: what it learns, what the network is told of it, and what bounds it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nextchar.config import ClassifierRunConfig
from nextchar.runs import train
from nextchar.tasks.classification import linear
from nextchar.tasks.classification.calibration import LogitScales
from nextchar.tasks.classification.data import prepare
from nextchar.tasks.classification.linear import MOST_WEIGHTS, LinearPart, rows_for
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.item_task import PreparedItems
from nextchar.tasks.labelled.figures import figures_of
from nextchar.text import terms
from nextchar.text.labelled import LabelledText
from nextchar.text.terms import Terms, terms_of
from nextchar.training.events import Event, Noticed
from tests.tasks.classification.data import TINY

_WORDS = tuple(
    first + second + third
    for first in ("bel", "cor", "dan", "fir", "gol")
    for second in ("a", "e", "i", "o")
    for third in ("k", "m", "st", "nd", "r")
)


def sentences(count: int, seed: int, labels: int = 4) -> tuple[list[str], list[str]]:
    """Make up sentences of which two words are chosen by the label, and the others are not."""
    draw = random.Random(seed)
    texts, names = [], []
    for _ in range(count):
        label = draw.randrange(labels)
        own = draw.choices(_WORDS[label::labels], k=2)
        texts.append(" ".join(draw.sample([*own, *draw.choices(_WORDS, k=7)], k=9)))
        names.append(f"label {label}")
    return texts, names


def counted(train: tuple[list[str], list[str]], texts: list[str]) -> list[str]:
    """Label texts by naive Bayes on counts of words."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in set(train[1])}
    for text, label in zip(*train, strict=True):
        counts[label].update(set(text.split()))
    return [
        max(counts, key=lambda c: sum(np.log(counts[c][w] + 1) - np.log(counts[c].total())
                                      for w in text.split()))
        for text in texts
    ]  # fmt: skip


def prepared(texts: list[str], labels: list[str], **options: Any) -> PreparedItems[Classifier]:
    items = [LabelledText(f"{n}", *pair) for n, pair in enumerate(zip(texts, labels, strict=True))]
    return prepare(
        items, ClassifierRunConfig.from_options({**TINY, "linear_rows": None, **options})
    )


def test_words_that_decide_are_found_as_well_as_by_counting_and_probabilities_are_true(
    tmp_path: Path,
) -> None:
    learned, (texts, labels) = sentences(600, 1), sentences(600, 2)
    labelled = [LabelledText("", *pair) for pair in zip(*learned, strict=True)]
    train("classify", labelled, tmp_path / "run", **{**TINY, "linear_rows": None})
    model = Classifier.load(tmp_path / "run")
    found = figures_of(
        np.log(model.probabilities(texts)), model.labels.numbers(labels), model.label_names
    )
    by_counts = np.mean(np.array(counted(learned, texts)) == labels)
    assert found.accuracy > by_counts - 0.02
    assert found.calibration_error < 0.06


def test_logits_out_of_fold_say_nothing_of_labels_that_no_text_shows() -> None:
    texts, _ = sentences(300, 1)
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 300)
    part = LinearPart(rows_for(texts, 2, seed=0), 2)
    parts: list[float] = []
    out_of_fold = part.learn(texts, labels, seed=0, progress=parts.append)
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1)
    assert 0.4 < (out_of_fold.argmax(1) == labels).mean() < 0.6


def test_what_is_held_out_is_judged_by_a_regression_that_has_not_learned_from_it() -> None:
    texts, labels = sentences(200, 1)
    made = prepared(texts, labels, validation_fraction=0.2)
    part = made.model.network.linear
    assert part is not None
    known = dict(zip(texts, part.logits(texts), strict=True))
    given = made.validation.arrays["linear"]
    assert given.shape == (len(made.validation), 4)
    assert not any(np.allclose(row, logits) for row in given for logits in known.values())


def test_a_table_stays_small_with_many_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, _ = sentences(2000, 1)
    assert rows_for(texts, 500, seed=0) * 500 <= MOST_WEIGHTS
    assert rows_for(texts[:20], 2, seed=0) < 1 << 13
    for module in ("data", "linear"):
        monkeypatch.setattr(f"nextchar.tasks.classification.{module}.MOST_LOGITS", 100)
    assert prepared(*sentences(40, 1)).model.network.linear is None


def test_too_many_texts_are_learned_from_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, names = sentences(400, 1, labels=2)
    labels = np.array([int(name[-1]) for name in names])
    monkeypatch.setattr(linear, "MOST_CHARACTERS", 8000)
    part = LinearPart(1 << 12, 2)
    given = part.learn(texts, labels, seed=0)
    assert np.isfinite(given).all()
    unseen = (given == part.logits(texts)).all(1)
    assert 0.4 < unseen.mean() < 0.7
    assert (given[unseen].argmax(1) == labels[unseen]).mean() > 0.6


@pytest.fixture
def read_at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many characters the linear part reads at once, and let that be few."""
    sizes: list[int] = []

    def recorded(texts: Sequence[str], rows: int) -> Terms:
        sizes.append(sum(map(len, texts)))
        return terms_of(texts, rows)

    monkeypatch.setattr(linear, "terms_of", recorded)
    monkeypatch.setattr(terms, "_CHARACTERS_AT_ONCE", 500)
    return sizes


def test_logits_are_computed_of_few_texts_at_a_time(read_at_once: list[int]) -> None:
    texts, names = sentences(100, 1, labels=2)
    part = LinearPart(1 << 10, 2)
    part.learn(texts, np.array([int(name[-1]) for name in names]), seed=0)
    read_at_once.clear()
    logits = part.logits(texts)
    assert max(read_at_once) < 600
    assert sum(read_at_once) == sum(map(len, texts))
    assert np.array_equal(logits, np.concatenate([part.logits([text]) for text in texts]))
    assert part.logits([]).shape == (0, 2)


def test_rows_are_found_from_what_is_learned_from_alone(
    read_at_once: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, _ = sentences(400, 1)
    everyone = rows_for(texts, 4, seed=0)
    monkeypatch.setattr(linear, "MOST_CHARACTERS", 1000)
    assert rows_for(texts, 4, seed=0) < everyone
    assert read_at_once[-1] <= 1000


def test_preparing_computes_no_logits_that_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def recorded(_: LinearPart, texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return np.empty((len(texts), 4), np.float32)

    monkeypatch.setattr(LinearPart, "logits", recorded)
    made = prepared(*sentences(100, 1))
    assert asked == []
    assert made.train.arrays["linear"].any()


def test_a_network_that_knows_nothing_counts_for_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 2, (500,), generator=generator)
    useful = torch.nn.functional.one_hot(targets).float() + torch.randn(500, 2, generator=generator)
    noise = 3 * torch.randn(1, 500, 2, generator=generator)
    trust = LogitScales().eval()
    trust.fit(useful, noise, targets)
    assert 0.5 < float(trust.factors[0]) < 2
    assert float(trust.factors[1]) < 0.1
    trust.fit(torch.zeros(500, 2), useful.unsqueeze(0) * 5, targets)
    assert 0.05 < float(trust.factors[1]) < 0.5


def test_weights_of_items_count_in_how_far_parts_are_trusted() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 2, (60,), generator=generator)
    given, added = (torch.randn(shape, generator=generator) for shape in ((60, 2), (1, 60, 2)))
    weights = torch.randint(1, 4, (60,), generator=generator)
    weighted, repeated = LogitScales(), LogitScales()
    weighted.fit(given, added, targets, weights.float())
    several = torch.arange(60).repeat_interleave(weights)
    repeated.fit(given[several], added[:, several], targets[several])
    assert torch.allclose(weighted.factors, repeated.factors, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "epochs"), [({}, 2.0), ({"most_symbols": 1 << 20}, 3.0), ({"most_symbols": 9}, 1.0)]
)
def test_long_texts_are_read_less_often_but_once(options: dict[str, Any], epochs: float) -> None:
    texts, labels = sentences(60, 1)
    symbols = sum(len(text) + 2 for text in texts)
    told: list[Event] = []
    items = [LabelledText("", *pair) for pair in zip(texts, labels, strict=True)]
    given = {**TINY, "validation_fraction": 0.0, "most_symbols": 2 * symbols, **options}
    model = prepare(items, ClassifierRunConfig.from_options(given), listeners=[told.append]).model
    assert model.config.items.epochs == epochs
    notes = [event.message for event in told if isinstance(event, Noticed)]
    assert any("epochs sets another number" in note for note in notes) == (epochs < 3)


def test_a_budget_that_is_given_has_no_bound_beside_it() -> None:
    for options in ({"epochs": 4.0}, {"steps": 9}, {"minutes": 1.0}):
        assert ClassifierRunConfig.from_options(options).classifier.most_symbols == 0
    assert ClassifierRunConfig.from_options({}).classifier.most_symbols > 0
