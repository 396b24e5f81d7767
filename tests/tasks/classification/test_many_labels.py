"""Many labels: weights, batches and results grow with the data, not with the labels alone."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.config import ClassifierRunConfig, TaggerRunConfig
from nextchar.errors import ConfigError, TextError
from nextchar.nn.ngrams import NgramEvidence, NgramVotes
from nextchar.tasks.classification.data import LEAST_VOTES, MOST_VOTES, prepare
from nextchar.tasks.classification.labels import MOST_LABELS as MOST_CLASSES
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.classification.linear import MOST_FITTED, rows_for
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.conditioning.conditions import MOST_LABELS as MOST_CONDITIONS
from nextchar.tasks.conditioning.conditions import LabelCondition
from nextchar.tasks.labelled.figures import MOST_LABELS, Predictions
from nextchar.tasks.tagging.items import Item
from nextchar.tasks.tagging.labels import TagSet
from nextchar.text.labelled import LabelledText
from nextchar.training.events import Event, Noticed
from tests.conftest import Run, english

SURROGATE = "a\ud800"


def items(labels: int, each: int = 2) -> list[LabelledText]:
    words = english(40 * labels * each).split()
    numbers = range(labels * each)
    return [LabelledText(f"{n}", f"{words[n]} {n}", f"label {n % labels}") for n in numbers]


def notes_of(labels: int, **options: object) -> tuple[Classifier, list[str]]:
    told: list[Event] = []
    config = ClassifierRunConfig.from_options(
        {"hidden_size": 8, "embedding_size": 4, "linear_rows": 0, **options}
    )
    prepared = prepare(items(labels), config, listeners=[told.append])
    return prepared.model, [event.message for event in told if isinstance(event, Noticed)]


def reduced(notes: Sequence[str]) -> list[str]:
    return [note for note in notes if "n-gram buckets" in note]


@pytest.mark.parametrize("evidence", [False, True])
@pytest.mark.parametrize("labels", [100, 500, 2000])
def test_a_bag_of_ngrams_for_many_labels_is_reduced_and_told(labels: int, evidence: bool) -> None:
    model, notes = notes_of(labels, ngram_bag=4, ngram_evidence=evidence)
    buckets = model.config.classifier.ngram_buckets
    assert buckets * labels <= LEAST_VOTES < 2 * buckets * labels
    assert model.parameters < LEAST_VOTES + 100_000
    assert len(reduced(notes)) == 1
    assert f"reduced to {buckets:,}" in reduced(notes)[0]


@pytest.mark.parametrize("options", [{"ngram_bag": 4}, {"ngram_bag": 0, "ngrams": 3}])
def test_few_labels_keep_the_buckets_that_were_asked_for(options: dict[str, int]) -> None:
    model, notes = notes_of(32, **options)
    assert model.config.classifier.ngram_buckets == 1 << 17
    assert not reduced(notes)


def test_no_option_makes_more_weights_than_the_limit() -> None:
    model, _ = notes_of(50, ngram_bag=2, ngram_buckets=1 << 30)
    assert model.config.classifier.ngram_buckets * 50 <= MOST_VOTES


def test_a_linear_part_of_too_many_labels_is_left_out_and_told() -> None:
    few, many = items(3), items(3000)
    assert rows_for([item.text for item in few], 3, seed=0) > 0
    assert len(many) * 3000 > MOST_FITTED
    assert rows_for([item.text for item in many], 3000, seed=0) == 0
    _, notes = notes_of(3000, linear_rows=None)
    assert "6,000 items with 3,000 labels are too many for a linear part" in notes[0]
    with pytest.raises(ConfigError, match=r"linear_rows=65536 is too large .* 300 labels"):
        notes_of(300, linear_rows=65536)


def test_a_linear_part_of_many_labels_has_as_few_rows_as_the_texts_have_terms() -> None:
    texts = [item.text for item in items(1000, each=1)]
    assert rows_for(texts, 1000, seed=0) * 1000 < (1 << 22) / 4


def test_votes_have_no_value_for_each_ngram_of_an_item_and_each_label() -> None:
    labels, buckets = 50, 64
    evidence = NgramEvidence(longest=3, buckets=buckets, labels=labels)
    draw = torch.Generator().manual_seed(0)
    torch.nn.init.normal_(evidence.table, generator=draw)
    ids = torch.randint(0, 9, (200, 30), generator=draw)
    lengths = torch.randint(1, 200, (30,), generator=draw)
    found = evidence(ids, lengths)
    assert found.evidence.numel() <= buckets * labels
    votes = NgramVotes(buckets, labels)
    torch.nn.init.normal_(votes.table.weight, generator=draw)
    logits = votes(found)
    for item in range(0, 30, 7):
        alone = evidence(ids[: int(lengths[item]), item : item + 1], lengths[item : item + 1])
        products = votes.table.weight[alone.rows] * alone.evidence
        counted = torch.zeros(len(alone.rows)).index_add(
            0, alone.places.flatten(), alone.counted.flatten()
        )
        expected = (counted @ products) / counted.sum().sqrt()
        assert torch.allclose(logits[item], expected, atol=1e-4)


def test_results_of_many_labels_have_the_cells_above_zero() -> None:
    count = MOST_LABELS + 1
    names = tuple(f"{n:05}" for n in range(count))
    targets = np.arange(count)
    predicted = np.where(targets % 10 == 0, (targets + 1) % count, targets)
    found = Predictions(targets, predicted, np.ones(count), np.full(count, 0.5)).figures(names)
    values = found.to_dict()
    assert values["confusion"] is None
    assert len(values["confusion_cells"]) == count
    assert ["00010", "00011", 1] in values["confusion_cells"]
    assert len(json.dumps(values)) < 300 * count
    assert found.accuracy == pytest.approx(1 - 101 / count)
    assert found.confused[10] == [(11, 1)]
    with pytest.raises(ConfigError, match=r"at most 1,000 labels, got 1,001"):
        _ = found.confusion


@pytest.mark.parametrize("most", [MOST_CLASSES, MOST_CONDITIONS])
def test_a_label_for_each_row_is_refused_with_both_numbers(most: int) -> None:
    labels = [f"{n}" for n in range(most + 1)]
    kind = LabelSet if most == MOST_CLASSES else LabelCondition
    with pytest.raises(TextError, match=rf"at most {most:,} labels; the items have {most + 1:,}"):
        kind.of(labels)
    assert len(kind.of(labels[:-1]).names) == most


def test_transitions_of_many_tags_are_refused() -> None:
    tags = tuple(f"{n:04}" for n in range(1001))
    labels = TagSet.of([Item(tags, tags)], TaggerRunConfig.from_options({}).tagging)
    assert labels.grammar("free").is_free
    with pytest.raises(ConfigError, match=r"transitions=\"seen\" allows at most 1,000 .*1,001"):
        labels.grammar("seen")


def test_a_label_with_a_lone_surrogate_is_refused() -> None:
    tagging = TaggerRunConfig.from_options({}).tagging
    for of in (
        lambda: LabelSet.of(["b", SURROGATE]),
        lambda: LabelCondition.of(["b", SURROGATE]),
        lambda: TagSet.of([Item(("x", "y"), ("b", SURROGATE))], tagging),
    ):
        with pytest.raises(TextError, match=r"'a\\ud800' has a lone surrogate U\+D800 .*2") as e:
            of()
        e.value.for_command_line.encode()


def test_a_picture_of_too_many_labels_is_refused_before_the_items_are_read(
    nextchar: Run, tmp_path: Path
) -> None:
    labels = MOST_LABELS + 1
    table = tmp_path / "many.csv"
    rows = [f"{item.text},{item.label}" for item in items(labels, each=1)]
    table.write_text("\n".join(["text,label", *rows]))
    small = ["--hidden-size", "4", "--steps", "1", "--linear-rows", "0"]
    run = tmp_path / "run"
    assert nextchar("classify", "train", table, "--out", run, *small).code == 0
    problem = nextchar(
        "classify", "evaluate", run, tmp_path / "missing.csv", "--picture", tmp_path / "a.svg"
    ).problem(2)
    assert "--picture draws at most 1,000 labels" in problem
    assert "1,001" in problem
    figures = nextchar("classify", "evaluate", run, table, "--json").values()
    assert figures["confusion"] is None


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--ngram-bag", "4"]])
def test_three_thousand_labels_train_within_a_gigabyte(tmp_path: Path, options: list[str]) -> None:
    table = tmp_path / "many.csv"
    rows = [f"{item.text},{item.label}" for item in items(3000)]
    table.write_text("\n".join(["text,label", *rows]))
    command = [sys.executable, "-m", "nextchar", "classify", "train", str(table)]
    command += ["--out", str(tmp_path / "run"), "--epochs", "1", *options]
    subprocess.run(command, check=True, capture_output=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1 << 20  # KiB
