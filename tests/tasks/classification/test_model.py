"""A classifier: what it learns, keeps and begins from."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nextchar
from nextchar.config import ClassifierRunConfig
from nextchar.errors import ConfigError, Interrupted, RunError, TextError
from nextchar.nn.parameters import named_tensors
from nextchar.run_files.seals import reseal
from nextchar.runs import resume, train
from nextchar.tasks.classification.data import prepare
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.classification.pretrained import LanguageModelSource
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.item_task import PreparedItems
from nextchar.tasks.result import ItemResult
from nextchar.text.labelled import LabelledText
from nextchar.training.events import Event, Listener, Noticed, StepDone
from tests.conftest import TINY_OPTIONS, english, require_same_training
from tests.tasks.classification.data import TINY, items, names


def prepared(count: int = 100, **options: Any) -> PreparedItems[Classifier]:
    return prepare(items(count), ClassifierRunConfig.from_options({**TINY, **options}))


def trained(out: Path, *listeners: Listener, count: int = 100, **options: Any) -> ItemResult:
    result: ItemResult = train(
        "classify", items(count), out, listeners=listeners, **{**TINY, **options}
    )
    return result


def notes(given: list[LabelledText], **options: Any) -> list[str]:
    told: list[Event] = []
    prepare(given, ClassifierRunConfig.from_options({**TINY, **options}), listeners=[told.append])
    return [event.message for event in told if isinstance(event, Noticed)]


def test_what_tells_the_labels_apart_is_learned_and_loaded_again(tmp_path: Path) -> None:
    result = trained(tmp_path / "run", count=300, epochs=15, learning_rate=0.02)
    assert result.figures["accuracy"] > 0.9
    model = Classifier.load(tmp_path / "run")
    found = model.evaluate(items(100, seed=2))
    assert found.accuracy > 0.9
    assert model.predict(["skavikgard", "olaini"]) == ["north", "south"]


@pytest.mark.parametrize(
    "options",
    [
        {"ngram_bag": 2, "consistency": 1.0, "members": 2},
        {"ngram_bag": 2, "ngram_evidence": True, "members": 2},
        {"layers": 2},
        {"linear_rows": 1 << 10, "members": 2},
    ],
)
def test_an_interrupted_run_resumes_bit_for_bit(options: dict[str, Any], tmp_path: Path) -> None:
    options = {**options, "ema_decay": 0.9, "epochs": 2}
    trained(tmp_path / "whole", **options)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nextchar classify train --resume"):
        trained(tmp_path / "cut", stop, **options)
    resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_the_newest_weights_are_calibrated_like_the_best(ema_decay: float, tmp_path: Path) -> None:
    trained(tmp_path / "run", linear_rows=1 << 10, ema_decay=ema_decay, validate_every=1 << 40)
    best, last = (Classifier.load(tmp_path / "run", checkpoint=name) for name in ("best", "last"))
    assert best.network.trust is not None
    assert (best.network.trust.factors != 1).all()
    found = named_tensors(last.network)
    assert all(torch.equal(t, found[name]) for name, t in named_tensors(best.network).items())


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "attention"}, {"pooling": "last", "bidirectional": False},
        {"vocabulary": "byte"}, {"vocabulary": "word", "ngram_bag": 2}, {"layers": 2},
        {"ngram_bag": 3, "ngram_evidence": True}, {"linear_rows": 1 << 10, "members": 2},
    ],
)  # fmt: skip
def test_a_text_has_its_probabilities_whatever_is_read_beside_it(options: dict[str, Any]) -> None:
    model = prepared(**options).model
    texts = ["ulf", "a", "olainiora" * 9, "mac gil, owen", ""]
    together = model.probabilities(texts)
    alone = np.concatenate([model.probabilities([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-6)
    assert together.sum(1) == pytest.approx(np.ones(len(texts)))


def test_evidence_is_of_what_is_learned_from_and_kept_with_the_weights(tmp_path: Path) -> None:
    options = {"ngram_bag": 3, "ngram_evidence": True, "ngram_buckets": 1 << 12, "members": 2}
    made = prepared(**options)
    evidence = made.model.network.evidence
    assert evidence is not None
    assert evidence.table.any()
    before = evidence.table.clone()
    made.model.count_ngrams(made.validation)
    assert not torch.equal(before, evidence.table)
    trained(tmp_path / "run", **options)
    loaded = Classifier.load(tmp_path / "run").network.evidence
    assert loaded is not None
    assert torch.equal(before, loaded.table)


def test_a_weight_counts_in_the_evidence_and_in_what_is_measured_like_repeated_items() -> None:
    options = {"ngram_bag": 3, "ngram_evidence": True, "linear_rows": 1 << 10}
    model = prepared(**options).model
    texts, labels = zip(*names(40), strict=True)
    once, weights = model.examples(texts, labels), np.arange(1, 41, dtype=np.float32) % 3 + 1
    weighted = Examples(once.texts, {**once.arrays, "weight": weights})
    repeated = once.subset(np.arange(40).repeat(weights.astype(int)))
    found = []
    for examples in (weighted, repeated):
        model.count_ngrams(examples)
        measured = model.measure(examples)
        evidence, trust = model.network.evidence, model.network.trust
        assert evidence is not None
        assert trust is not None
        tables = evidence.table.flatten(), trust.factors
        figures = torch.tensor([measured.nats, *measured.figures.values()])
        found.append(torch.cat([*tables, figures]).clone())
    assert torch.allclose(found[0], found[1], atol=1e-4)
    assert model.measure(once).nats != pytest.approx(float(found[0][-3]))


def test_an_objective_weighs_items_as_if_they_were_repeated() -> None:
    quiet: dict[str, Any] = {
        "dropout": 0.0,
        "input_dropout": 0.0,
        "ngram_dropout": 0.0,
        "symbol_dropout": 0.0,
    }
    model = prepared(**quiet, members=2).model
    texts, labels = zip(*names(20), strict=True)
    once, weights = model.examples(texts, labels), np.arange(20, dtype=np.float32) % 3 + 1
    weighted = Examples(once.texts, {**once.arrays, "weight": weights})
    several = np.arange(20).repeat(weights.astype(int))
    draw = torch.Generator().manual_seed(0)
    left = model.compute_loss(weighted, ItemBatch.share(np.arange(20)), draw)
    right = model.compute_loss(once, ItemBatch.share(several), draw)
    assert left.minimized.item() == pytest.approx(right.minimized.item(), rel=1e-4)
    assert left.nats.item() == pytest.approx(right.nats.item(), rel=1e-4)
    assert left.nats.item() != pytest.approx(
        model.compute_loss(once, ItemBatch.share(np.arange(20)), draw).nats.item()
    )


def test_evidence_without_ngrams_that_vote_is_refused() -> None:
    with pytest.raises(ConfigError, match="ngram_evidence needs ngram_bag above 0"):
        prepared(ngram_bag=0, ngram_evidence=True)


def test_a_run_from_before_evidence_and_linear_parts_has_none(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    before = Classifier.load(tmp_path / "run").probabilities(["ulf", ""])
    path = tmp_path / "run" / "config.json"
    values = json.loads(path.read_text())
    for name in ("ngram_evidence", "linear_rows", "most_symbols"):
        del values["classifier"][name]
    path.write_text(json.dumps(values))
    reseal(tmp_path / "run")
    loaded = Classifier.load(tmp_path / "run")
    assert loaded.network.linear is None
    assert loaded.network.evidence is None
    assert (loaded.probabilities(["ulf", ""]) == before).all()


def test_held_out_items_are_a_share_of_every_label() -> None:
    made = prepared(120, validation_fraction=0.25)
    counts = np.bincount(made.validation.arrays["label"]), np.bincount(made.train.arrays["label"])
    assert (np.abs(counts[0] / (counts[0] + counts[1]) - 0.25) < 0.03).all()
    assert tuple(counts[1]) == made.model.labels.counts


def test_class_weights_are_powers_of_inverse_frequency_and_one_on_average() -> None:
    model = prepared(class_weights=1.0).model
    shares = model.labels.shares
    assert np.allclose(model._label_weights.numpy() * shares, 1 / 3)
    assert np.allclose(prepared(class_weights=0.0).model._label_weights.numpy(), 1)


def test_the_prior_adjustment_divides_by_a_power_of_frequency() -> None:
    plain = prepared(prior_adjustment=0.0).model
    adjusted = prepared(prior_adjustment=0.5).model
    expected = plain.probabilities(["ulf"])[0] / plain.labels.shares**0.5
    assert np.allclose(adjusted.probabilities(["ulf"])[0], expected / expected.sum())


def test_what_is_left_out_is_told() -> None:
    given = [*items(30), LabelledText("line 31", "", "north"), LabelledText("line 32", "ulf", "")]
    told = notes([*given, given[0], LabelledText("line 34", given[1].text, "other")])
    assert any("2 items are left out: no text or no label" in n for n in told)
    assert any("1 item is left out: duplicate text and label" in n for n in told)
    assert any("1 text occurs with more than one label" in n for n in told)
    assert not any("duplicate text" in n for n in notes([*given, given[0]], keep_duplicates=True))


def test_padding_is_measured() -> None:
    assert any("of the computation is padding" in note for note in notes(items(50)))


def test_one_label_only_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(TextError, match="one label: 'x'"):
        notes([LabelledText("1", "a", "x"), LabelledText("2", "b", "x")])
    with pytest.raises(TextError, match="nothing to learn from"):
        notes([LabelledText("1", "", "x"), LabelledText("2", " ".strip(), "y")])


def test_a_text_that_is_too_long_is_named_or_cut() -> None:
    long = LabelledText("data.csv, line 7", "ab" * 500_000, "north")
    with pytest.raises(TextError, match=r"line 7 has 1,000,000 characters.*10,000.*cut=True"):
        notes([*items(20), long])
    told = notes([*items(20), long], cut=True)
    assert any("line 7 has 1,000,000 characters: the first 10,000" in note for note in told)


def test_labels_that_were_not_learned_are_named() -> None:
    model = prepared().model
    given = [*items(10), LabelledText("line 11", "x", "east")]
    with pytest.raises(TextError, match="1 item has a label not seen in training: 'east'"):
        model.evaluate(given)
    told: list[Event] = []
    found = model.evaluate(given, skip_unseen=True, listeners=[told.append])
    assert found.items == 10
    assert any("left out" in str(event) for event in told)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_classifier_begun_from_a_language_model_reads_as_it_did(
    layers: int, bidirectional: bool, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(english(2000))
    run = tmp_path / "lm"
    nextchar.train(tmp_path / "text.txt", run, **{**TINY_OPTIONS, "layers": layers})
    source = LanguageModelSource(run)
    given: dict[str, Any] = {"bidirectional": bidirectional, "epochs": 1, "freeze": 1 + layers}
    config = ClassifierRunConfig.from_options(source.options(given))
    labelled = [*items(40), LabelledText("last", "ß", "north")]
    made = prepare(labelled, config, source=source)
    old, model = nextchar.LanguageModel.load(run), made.model
    model.network.eval()
    assert set(old.vocabulary.symbols) <= set(model.vocabulary.symbols)
    text = "old dog"
    ids = torch.from_numpy(old.vocabulary.encode(text).astype(np.int64)).unsqueeze(1)
    new_ids = torch.from_numpy(model.vocabulary.encode(text).astype(np.int64)).unsqueeze(1)
    before = old.network.read(ids, old.network.initial_state(1)).outputs
    after = model.network.networks[0].encoder.read(new_ids, torch.tensor([len(text)])).outputs
    assert torch.allclose(after[..., : before.shape[2]], before, atol=1e-6)
    # Frozen, it still reads so after training; the head and the new symbols have learned.
    first = {name: tensor.clone() for name, tensor in named_tensors(model.network).items()}
    train("classify", labelled, tmp_path / "run", from_run=run, **given)
    loaded = Classifier.load(tmp_path / "run")
    after = loaded.network.networks[0].encoder.read(new_ids, torch.tensor([len(text)])).outputs
    assert torch.allclose(after[..., : before.shape[2]], before, atol=1e-6)
    weights = named_tensors(loaded.network)
    assert not torch.equal(weights["members.0.head.weight"], first["members.0.head.weight"])
    borders = "members.0.encoder.embedding.weight"
    assert not torch.equal(weights[borders][-2:], first[borders][-2:])


def test_a_classifier_keeps_the_network_of_its_language_model(finished: Path) -> None:
    with pytest.raises(ConfigError, match="hidden_size is 16 there, got 99"):
        LanguageModelSource(finished).options({"hidden_size": 99})
    with pytest.raises(RunError, match="is a language model, not a classifier"):
        Classifier.load(finished)


def test_members_differ_and_their_mean_probability_counts() -> None:
    model = prepared(members=3).model
    model.network.eval()
    ids, lengths = model._batch(model.examples(["vikulf"], ["north"]).texts["text"], np.array([0]))
    each = model.network(ids, lengths).softmax(-1)[:, 0]
    assert len(each.unique(dim=0)) == 3
    found = model.probabilities(["vikulf"])[0]
    assert np.allclose(found, each.mean(0).detach().numpy(), atol=1e-6)


def test_freezing_all_levels_is_refused() -> None:
    with pytest.raises(ConfigError, match="freeze must be below 3"):
        ClassifierRunConfig.from_options({"freeze": 3})
