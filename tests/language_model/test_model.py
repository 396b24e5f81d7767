"""A network and its vocabulary: what only the two together show."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from nextchar.config import Config
from nextchar.errors import ConfigError, TextError
from nextchar.language_model.model import LanguageModel
from nextchar.nn.device import pick_device
from nextchar.run_files.seals import reseal
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, learn


def model(vocabulary: Vocabulary, **options: object) -> LanguageModel:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4, **options})
    return LanguageModel.create(config, vocabulary)


def test_without_a_prompt_every_sample_is_what_its_seed_writes_alone() -> None:
    made = model(CharVocabulary(["x", "y", "z"], unknown=True))
    together = made.generate_batch(samples=4, length=6, seed=3)
    assert together == [made.generate(length=6, seed=3 + index) for index in range(4)]
    assert all(len(text) == 6 and "\ufffd" not in text for text in together)


@pytest.mark.parametrize("kind", ["char", "byte", "jamo"])
def test_a_text_has_its_prompt_and_exactly_its_length(kind: str) -> None:
    made = model(learn(kind, ["가나다 abc\n"], 1))  # type: ignore[arg-type]
    for seed in range(5):
        text = made.generate("다", length=7, seed=seed, temperature=2.0)
        assert text.startswith("다")
        assert len(text) == 8


def test_pieces_join_to_the_text(tmp_path: Path) -> None:
    made = model(learn("jamo", ["한글은 재미있다\n"], 1))
    pieces = list(made.stream("한", length=30, seed=1))
    assert "".join(pieces) == made.generate("한", length=30, seed=1)
    made.save(tmp_path)
    assert LanguageModel.load(tmp_path).generate("한", length=30, seed=1) == "".join(pieces)


def test_bits_per_character_do_not_hang_on_the_pieces_of_the_text() -> None:
    made = model(learn("jamo", ["한글은 재미있다\n"], 1))
    text = "한글은 재미있다\n" * 20
    whole = made.evaluate(text, compressors=True)
    pieces = made.evaluate(list(text), compressors=True)
    assert whole.nats == pytest.approx(pieces.nats)
    assert whole.characters == len(text) - 1
    assert whole.to_dict().keys() == pieces.to_dict().keys()
    assert whole.compressed_bits_per_char == pieces.compressed_bits_per_char
    again = made.evaluate_ids(made.vocabulary.encode(text), compressors=True)
    assert again.nats == pytest.approx(whole.nats)
    assert again.compressed_bits_per_char == whole.compressed_bits_per_char


def test_a_uniform_byte_model_has_eight_bits_a_byte() -> None:
    made = model(ByteVocabulary())
    for parameter in made.network.parameters():
        parameter.data.zero_()
    result = made.evaluate("aé가")
    assert result.bits_per_symbol == pytest.approx(8)
    assert result.characters == 2
    assert result.bits_per_char == pytest.approx(8 * 5 / 2)


def test_skipped_and_unknown_symbols_are_counted() -> None:
    made = model(learn("char", ["aaabbbc"], 2))
    skipped = made.evaluate("abxab", unknown="skip")
    assert (skipped.characters, skipped.skipped_symbols) == (3, 1)
    replaced = made.evaluate("abxab", unknown="replace")
    assert (replaced.characters, replaced.unknown_symbols) == (4, 1)
    raw = "\udcff\udcfe a"
    assert model(ByteVocabulary()).evaluate(raw, unknown="skip").skipped_symbols == 0


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_without_a_prediction_is_refused(text: str) -> None:
    with pytest.raises(TextError, match="nothing to evaluate"):
        model(CharVocabulary(["a", "b"])).evaluate(text)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="auto, cpu or cuda"):
        pick_device("gpu")


LINES = "the old dog sees a cat\nthe big cat finds a tree\n"


def saved(model: LanguageModel, folder: Path) -> LanguageModel:
    folder.mkdir()
    model.save(folder)
    return LanguageModel.load(folder)


def test_without_resets_in_training_a_text_begins_after_a_line_break(tmp_path: Path) -> None:
    made = model(learn("char", [LINES], 1), reset_probability=0.0, hidden_size=32)
    old = saved(made, tmp_path / "old")
    written = made.generate("\nthe", length=20, seed=1)
    assert old.generate("the", length=20, seed=1) == written[1:]
    assert old.generate("\nthe", length=20, seed=1) == written
    assert old.generate(length=20, seed=1) == made.generate(length=20, seed=1)
    assert old.search("the", length=3)[0].text == made.search("\nthe", length=3)[0].text
    assert old.complete("th")[0].text == made.complete("\nth")[0].text
    # Only what follows the first symbol is predicted.
    after = made.score("\n" + LINES)
    assert old.score(LINES).bits[1:] == pytest.approx(after.bits[2:], abs=1e-5)
    assert old.score("\n" + LINES).bits == pytest.approx(after.bits, abs=1e-5)
    total = old.score(LINES).total_bits
    assert old.evaluate(LINES).nats / math.log(2) == pytest.approx(total, rel=1e-5)
    assert old.evaluate(LINES, exact=True).nats / math.log(2) == pytest.approx(total, rel=1e-5)


def test_with_resets_in_training_a_text_begins_with_its_prompt(tmp_path: Path) -> None:
    made = model(learn("char", [LINES], 1))
    new = saved(made, tmp_path / "new")
    assert new.network.begins_after is None
    assert new.generate("the", length=20, seed=1) == made.generate("the", length=20, seed=1)


def test_a_run_older_than_the_resets_was_trained_without_them(tmp_path: Path) -> None:
    made = model(learn("char", [LINES], 1))
    saved(made, tmp_path / "run")
    values = json.loads((tmp_path / "run" / "config.json").read_text())
    del values["training"]["reset_probability"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(values))
    reseal(tmp_path / "run")
    old = LanguageModel.load(tmp_path / "run")
    assert old.config.training.reset_probability == 0
    assert old.network.begins_after == made.vocabulary.encode("\n")[0]
