"""Taggers that are trained, resumed, loaded and measured."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nextchar
from nextchar.config import TaggerRunConfig
from nextchar.errors import ConfigError, Interrupted, RunError
from nextchar.tasks.tagging.encoding import encode_items
from nextchar.tasks.tagging.items import Item
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.tagging.tagger import Tagger
from nextchar.tasks.tagging.task import split
from nextchar.training.events import Event, Listener, Noticed, StepDone
from tests.conftest import english, korean, require_same_training
from tests.tasks.tagging.models import SMALL, items_of, untrained


def trained(out: Path, *listeners: Listener, characters: int = 3000, **options: Any) -> Any:
    text = out.with_suffix(".txt")
    text.write_text(korean(characters), encoding="utf-8")
    return Tagger.train(text, out, listeners=listeners, **{**SMALL, "restore": "spaces", **options})


@pytest.mark.parametrize("vocabulary", ["char", "jamo", "byte"])
def test_spaces_are_learned_with_every_kind_of_symbols(tmp_path: Path, vocabulary: str) -> None:
    options: dict[str, Any] = {"hidden_size": 24, "epochs": 15, "learning_rate": 0.02, "window": 64}
    result = trained(tmp_path / "run", vocabulary=vocabulary, **options)
    assert result.figures["f1"] > 0.97
    tagger = nextchar.Tagger.load(tmp_path / "run")
    assert tagger.apply("나는학교에간다.\n너는집에온다.") == "나는 학교에 간다.\n너는 집에 온다."
    text = tmp_path / "new.txt"
    text.write_text(korean(500, seed=5), encoding="utf-8")
    measured = tagger.evaluate([text])
    assert measured.scores.overall.f1 > 0.97
    assert measured.scores.parts["␣"] == measured.scores.overall


@pytest.mark.parametrize("options", [{}, {"ngrams": 3}, {"bidirectional": False, "layers": 2}])
def test_a_training_that_was_interrupted_resumes_bit_for_bit(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    trained(tmp_path / "whole", **options)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 9:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nextchar tag train --resume"):
        trained(tmp_path / "cut", stop, **options)
    Tagger.resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_case_and_punctuation_are_learned_together(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(english(8000))
    options = {**SMALL, "hidden_size": 24, "epochs": 10, "learning_rate": 0.02, "window": 128}
    Tagger.train(text, tmp_path / "run", restore="case+punctuation", **options)
    tagger = nextchar.Tagger.load(tmp_path / "run")
    assert tagger.apply("the dog sees a cat\r\n") == "The dog sees a cat.\r\n"
    assert set(tagger.evaluate([text]).scores.parts) == {"upper", "."}


def test_labels_of_files_are_learned(tmp_path: Path) -> None:
    draw = random.Random(1)
    words = ["".join(draw.choices("abcde", k=draw.randint(1, 9))) for _ in range(150)]
    path = tmp_path / "vowels.tsv"
    path.write_text("\n\n".join("\n".join(f"{c}\t{c in 'ae'}" for c in word) for word in words))
    options = {**SMALL, "epochs": 20, "learning_rate": 0.02, "outside": "False"}
    result = Tagger.train(path, tmp_path / "run", **options)
    assert result.figures["f1"] == 1
    assert nextchar.Tagger.load(tmp_path / "run").tag("bad") == [
        ("b", "False"), ("a", "True"), ("d", "False"),
    ]  # fmt: skip


def test_strangers_at_the_evaluation_are_counted(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    tagger = nextchar.Tagger.load(tmp_path / "run")
    measured = tagger.evaluate_items([Item(("", "Ж", "나"), ("", "   ", ""))])
    assert measured.unknown_characters == 1
    assert measured.unseen_labels == {"   ": 1}
    assert measured.scores.overall.actual == 1
    assert measured.scores.overall.true_positives == 0
    assert measured.scores.items_correct == 0


def test_a_text_is_never_in_both_parts() -> None:
    draw = random.Random(1)
    items = [Item((str(draw.randint(0, 30)),), (str(draw.randint(0, 1)),)) for _ in range(200)]
    learned, held_out = split(items, 0.3, 0)
    assert not {item.characters for item in learned} & {item.characters for item in held_out}
    assert len(learned) + len(held_out) == 200
    assert held_out


def test_one_label_is_nothing_to_learn(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("abc\nde\n")
    with pytest.raises(ConfigError, match="two labels, got one: spaces: there is nothing to"):
        Tagger.train(text, tmp_path / "run", restore="spaces")
    assert not (tmp_path / "run").exists()


def test_few_items_are_learned_from_more_often(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"{number} a" for number in range(20)))
    options = {name: value for name, value in SMALL.items() if name != "epochs"}
    result = Tagger.train(text, tmp_path / "run", restore="spaces", **options)
    assert result.epochs == 60


def test_items_longer_than_the_window_are_told(tmp_path: Path) -> None:
    told: list[Event] = []
    trained(tmp_path / "run", told.append, window=16)
    notes = [event.message for event in told if isinstance(event, Noticed)]
    assert any("longer than the window of 16 characters" in note for note in notes)


def test_a_bidirectional_network_sees_what_follows_and_another_does_not() -> None:
    for both in (True, False):
        network = untrained("spaces", bidirectional=both).model.network
        ids = torch.randint(0, 20, (9, 1), generator=torch.Generator().manual_seed(1))
        other = ids.clone()
        other[5] += 1
        lengths, places = torch.tensor([9]), torch.arange(9).unsqueeze(1)
        logits, changed = network(ids, lengths, places), network(other, lengths, places)
        assert torch.equal(logits[:5], changed[:5]) is not both
        assert not torch.equal(logits[5:], changed[5:])


def test_an_item_has_the_same_labels_whatever_stands_beside_it() -> None:
    tagger = untrained("spaces", ngrams=3)
    text, other = "나는 학교에 간다", "x" * 40
    alone = tagger.apply(text)
    assert tagger.apply(f"{other}\n{text}\n{other}").split("\n")[1] == alone


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"restore": "vowels"}, "restore must be spaces, case, diacritics, punctuation"),
        ({"restore": "case+case"}, "each once"),
        ({"restore": "spaces", "transitions": "bio"}, "'bio' needs labelled files"),
        ({"vocabulary": "word"}, "characters are labelled"),
        ({"vocabulary": "byte", "min_count": 2}, "min_count cannot be set"),
        ({"vocabulary": "byte", "symbol_dropout": 0.1}, "symbol_dropout cannot be set"),
        ({"window": 8}, "window must be at least 16"),
        ({"outside": ""}, "outside must be a label"),
    ],
)
def test_impossible_choices_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TaggerRunConfig.from_options(options)


def test_one_hot_symbols_have_no_runs() -> None:
    assert TaggerRunConfig.from_options({"input": "onehot"}).tagging.ngrams == 1
    with pytest.raises(ConfigError, match="ngrams 2 needs input 'embedding'"):
        TaggerRunConfig.from_options({"input": "onehot", "ngrams": 2})
    assert untrained("case", input="onehot").apply("abc").lower() == "abc"


def test_bio_needs_labels_that_are_made_so() -> None:
    config = TaggerRunConfig.from_options({})
    labels = TagSet.of([Item(("a", "b"), ("X", "O"))], config.tagging)
    with pytest.raises(ConfigError, match="'bio' needs labels O, B-… and I-…, got 'X'"):
        labels.grammar("bio")


def test_labels_that_never_followed_each_other_are_not_given() -> None:
    tagger = untrained(None, transitions="seen")
    seen = tagger.model.labels.seen
    number = {name: place for place, name in enumerate(tagger.labels)}
    numbers = [number[label] for _, label in tagger.tag("xyz leo aaa lll" * 3)]
    assert seen.follows[numbers[:-1], numbers[1:]].all()


def test_labels_are_kept_whole_and_damage_is_found() -> None:
    labels = untrained("case+punctuation").model.labels
    config = TaggerRunConfig.from_options({"restore": "case+punctuation"}).tagging
    again = TagSet.from_dict(labels.to_dict(), config)
    assert again.names == labels.names
    assert np.array_equal(again.seen.follows, labels.seen.follows)
    for damaged in ({}, {**labels.to_dict(), "labels": ["b", "a"]}, {"labels": 3}):
        with pytest.raises(RunError, match="labels of the run are damaged"):
            TagSet.from_dict(damaged, config)


def test_places_stand_at_the_last_symbol_of_their_character() -> None:
    tagger = untrained("spaces", vocabulary="jamo")
    examples = encode_items(items_of("한a", "spaces"), tagger.model.vocabulary, tagger.labels, 16)
    assert examples.texts["places"][0].tolist() == [0, 3, 4]
    symbols = examples.texts["symbols"][0].tolist()
    known = len(tagger.model.vocabulary)
    assert (symbols[0], symbols[-1], len(symbols)) == (known, known + 1, 6)


def test_deep_networks_of_another_cell_can_label() -> None:
    tagger = untrained("spaces", cell="gru", layers=2, residual=True)
    assert tagger.apply("나는 학교에").replace(" ", "") == "나는학교에"


def test_items_of_another_run_are_not_taken(tmp_path: Path) -> None:
    trained(tmp_path / "run")
    with pytest.raises(RunError, match="is a tagger, not a language model"):
        nextchar.LanguageModel.load(tmp_path / "run")


def test_items_can_be_given_from_python(tmp_path: Path) -> None:
    items = [Item(tuple("abab"), tuple("xyxy")), Item(tuple("ba"), tuple("yx"))] * 10
    result = Tagger.train(items, tmp_path / "run", **{**SMALL, "validation_fraction": 0})
    assert result.held_out == 0
    assert result.figures == {}
