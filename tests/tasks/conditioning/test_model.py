"""Texts with a beginning, a condition and an end: learned, written, measured, resumed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from nextchar.errors import ConfigError, Interrupted, RunError, TextError
from nextchar.language_model.model import LanguageModel
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.conditioning.likelihood import nats_under, nats_under_own
from nextchar.tasks.conditioning.model import ConditionalModel
from nextchar.tasks.conditioning.symbols import TEXT
from nextchar.tasks.examples import ItemBatch
from nextchar.tasks.result import ItemResult
from nextchar.training.events import Event, Listener, StepDone
from tests.conftest import require_same_training
from tests.tasks.conditioning.items import LETTERS, LONG, SMALL, items, numbers, untrained, words


def trained(out: Path, *listeners: Listener, **options: object) -> ItemResult:
    return ConditionalModel.train(items(), out, listeners=listeners, **{**SMALL, **options})


@pytest.mark.parametrize("label", LETTERS)
def test_what_is_written_has_the_condition_and_ends_by_itself(
    model: ConditionalModel, label: str
) -> None:
    texts = model.generator(label).generate_batch(samples=40, seed=1)
    assert all("\n" not in text for text in texts)
    assert np.mean([len(text) <= 8 for text in texts]) > 0.9
    letters = "".join(texts)
    assert sum(letter in LETTERS[label] for letter in letters) / len(letters) > 0.9


def test_the_language_model_of_a_condition_writes_the_same(model: ConditionalModel) -> None:
    plain = model.given("soft")
    assert isinstance(plain, LanguageModel)
    line = plain.generate(lines=1, seed=5)
    assert line
    assert line.removesuffix("\n") == model.generate("soft", seed=5)


def test_every_decoder_takes_the_model_of_a_condition(model: ConditionalModel) -> None:
    generator = model.generator("hard")
    assert generator.generate(seed=3) == "".join(generator.stream(seed=3))
    assert generator.generate("kt", seed=3).startswith("kt")
    matched = generator.generate_batch(samples=10, seed=1, match="[kt]{3}")
    assert all(len(text) == 3 and set(text) <= {"k", "t"} for text in matched)
    found = generator.search(width=4)
    forbidden = generator.search(width=4, forbid=found[0].text)
    assert found[0].text not in [each.text for each in forbidden]
    assert found[0].log_probability >= found[-1].log_probability
    score = model.given("hard").score("\n" + found[0].text + "\n")
    # A search never writes <unk>, and divides by what is left.
    assert -found[0].log_probability / np.log(2) == pytest.approx(score.total_bits, abs=0.05)


@pytest.mark.slow
def test_the_compiled_loops_write_what_torch_writes(model: ConditionalModel) -> None:
    generator = model.generator("hard")
    for seed in range(3):
        texts = {generator.generate(seed=seed, engine=engine) for engine in ("plain", "compiled")}
        assert len(texts) == 1


def test_a_text_that_has_to_match_never_runs_over_its_end(model: ConditionalModel) -> None:
    texts = model.generator("soft").generate_batch(samples=30, seed=1, match=r"(.|\s){7,9}")
    assert all(7 <= len(text) <= 9 for text in texts)


def test_none_is_any_text_and_needs_to_have_been_trained(model: ConditionalModel) -> None:
    assert set("".join(model.generator(None).generate_batch(samples=60, seed=1))) > set("aktbe")
    always = untrained(items(), condition_dropout=0)
    with pytest.raises(ConfigError, match="condition_dropout 0"):
        always.given(None)
    with pytest.raises(ConfigError, match="condition_dropout 0"):
        always.given("soft", strength=2)


def test_strength_goes_from_any_text_over_the_condition_and_beyond() -> None:
    model = untrained(items())
    tables = {
        strength: model.given("soft", strength=strength).network.get_parameter("embedding.weight")
        for strength in (0, 1, 2)
    }
    any_text = model.given(None).network.get_parameter("embedding.weight")
    assert torch.equal(tables[0], any_text)
    assert torch.allclose(tables[2] - tables[1], tables[1] - tables[0], atol=1e-6)


def test_no_text_is_empty() -> None:
    model = untrained(items())
    with torch.no_grad():  # An end at every place, as far as the network goes.
        model.network.head.bias[model.symbols.vocabulary.encode("\n")[0]] += 8
    texts = model.generator("soft").generate_batch(samples=20, seed=1)
    assert {len(text) for text in texts} == {1}
    assert model.generator("soft").search(width=3)[0].text
    assert model.generate("soft", "a", seed=1) == "a"


def test_each_item_is_measured_as_if_it_were_alone(model: ConditionalModel) -> None:
    texts, labels = words(20, seed=7)
    encoded = model.symbols.encoded(texts)
    column = Items.of(texts, labels=labels).column(model.symbols.conditions)
    vectors = model.symbols.conditions.vectors(column)
    together = nats_under_own(model.network, encoded, lambda some: vectors[some])
    for index in range(20):
        plain = model.given(labels[index])
        alone = nats_under(plain.network, encoded.subset([index]))[0]
        assert together[index] == pytest.approx(alone, abs=1e-4)
        edges = f"\n{texts[index]}\n"
        assert alone / np.log(2) == pytest.approx(plain.score(edges).total_bits, abs=1e-3)


def test_the_worth_of_a_label_is_measured(model: ConditionalModel) -> None:
    result = model.evaluate(items(100, seed=9))
    figures = result.to_dict()
    assert result.bits_per_char < figures["unknown_label_bits_per_char"]
    assert result.bits_per_char < figures["unconditional_bits_per_char"]
    assert figures["other_condition_bits_per_char"] > figures["unconditional_bits_per_char"]
    assert result.label_bits == pytest.approx(np.log2(3), abs=0.2)
    assert result.characters == sum(len(text) + 1 for text in words(100, seed=9)[0])
    nats = model.measure(model.symbols.examples(items(100, seed=9))).nats
    assert nats == pytest.approx(result.nats / result.characters, abs=1e-5)


def test_numbers_are_followed(tmp_path: Path) -> None:
    texts, _ = words(800)
    options = {**SMALL, **LONG, "hidden_size": 32}
    names = ("length", "vowels")
    ConditionalModel.train(
        texts, tmp_path / "run", features=numbers(texts), feature_names=names, **options
    )
    model = ConditionalModel.load(tmp_path / "run")
    lengths = [
        np.mean([len(t) for t in model.generator([n, 0.0]).generate_batch(samples=40, seed=1)])
        for n in (2, 4, 6)
    ]
    assert lengths[0] < 3 < lengths[1] < 5 < lengths[2]
    vowels = "".join(model.generator({"vowels": 1.0}).generate_batch(samples=40, seed=1))
    assert sum(letter in LETTERS["soft"] for letter in vowels) / len(vowels) > 0.9
    figures = model.evaluate(Items.of(texts[:50], features=numbers(texts[:50])))
    assert figures.unknown_label_nats is None
    assert figures.other_nats > figures.nats
    with pytest.raises(ConfigError, match="has no labels"):
        model.log_likelihoods(["aa"])


@pytest.mark.parametrize("stop_at", [1, 9])
def test_a_run_that_was_interrupted_resumes_bit_for_bit(stop_at: int, tmp_path: Path) -> None:
    trained(tmp_path / "whole")

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nextchar condition train --resume"):
        trained(tmp_path / "cut", stop)
    ConditionalModel.resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_texts_with_line_breaks_end_with_a_control_character(tmp_path: Path) -> None:
    given = items(300, edge="\n!")
    ConditionalModel.train(given, tmp_path / "run", **{**SMALL, **LONG})
    model = ConditionalModel.load(tmp_path / "run")
    assert model.symbols.boundary == "\x1e"
    texts = model.generator("soft").generate_batch(samples=20, seed=1)
    assert np.mean([text.endswith("\n!") for text in texts]) > 0.8
    assert all("\x1e" not in text for text in texts)


def test_a_text_that_holds_the_mark_of_the_end_is_refused() -> None:
    given = Items.of(["a\nb", "c\x1ed"], labels=["x", "y"])
    with pytest.raises(TextError, match=r"text 2: the text contains U\+001E"):
        untrained(given)
    model = untrained(items())
    with pytest.raises(TextError, match="text 1: the text contains a line break"):
        model.evaluate(Items.of(["a\nb"], labels=["soft"]))


def test_equal_items_are_held_out_together() -> None:
    from nextchar.config.condition import ConditionRunConfig
    from nextchar.tasks.conditioning.data import prepare

    texts, labels = words(200)
    prepared = prepare(
        Items.of(texts * 2, labels=labels * 2),
        ConditionRunConfig.from_options({**SMALL, "validation_fraction": 0.3}),
    )
    decoded = [
        {
            (tuple(part.texts[TEXT][index].tolist()), int(part.arrays["label"][index]))
            for index in range(len(part))
        }
        for part in (prepared.train, prepared.validation)
    ]
    assert decoded[0].isdisjoint(decoded[1])
    assert len(prepared.train) + len(prepared.validation) == 400
    assert 90 < len(prepared.validation) < 150


def test_dropping_conditions_draws_from_the_steps_own_generator() -> None:
    model = untrained(items(), condition_dropout=0.5, dropout=0.0)
    model.network.train()
    examples = model.symbols.examples(items())
    indices = np.arange(40)
    state = torch.random.get_rng_state()
    losses = [
        float(
            model.compute_loss(
                examples, ItemBatch.share(indices), torch.Generator().manual_seed(seed)
            ).nats
        )
        for seed in (1, 1, 2)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_reported_loss_is_of_characters_whatever_the_symbols() -> None:
    texts = ["가나", "닭", "값을", "hé"] * 8
    given = Items.of(texts, labels=["x", "y"] * 16)
    for vocabulary in ("char", "jamo", "byte"):
        model = untrained(given, vocabulary=vocabulary, dropout=0.0, condition_dropout=0.0)
        examples = model.symbols.examples(given)
        assert int(model.symbols.characters(examples.texts[TEXT]).sum()) == 8 * (3 + 2 + 3 + 3)
        nats = model.compute_loss(examples, ItemBatch.share(np.arange(32)), torch.Generator()).nats
        assert float(nats) == pytest.approx(model.measure(examples).nats, rel=1e-4)
        assert model.generate("x", seed=1, length=5) is not None


@pytest.mark.parametrize("name", ["conditions.json", "vocabulary.json"])
def test_damaged_symbols_are_one_line(run: Path, tmp_path: Path, name: str) -> None:
    import shutil

    copy = shutil.copytree(run, tmp_path / "run")
    (copy / name).write_text("{}")
    with pytest.raises(RunError, match="run"):
        ConditionalModel.load(copy)


def test_words_are_not_written() -> None:
    with pytest.raises(ConfigError, match="vocabulary must be char, byte or jamo"):
        untrained(items(), vocabulary="word")
