"""Writing under a constraint: every text satisfies it, with the model's own probabilities."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import Config
from nextchar.errors import ConfigError
from nextchar.generation import engine as engine_module
from nextchar.generation.engine import Engine
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, learn

ENGINES: list[Engine] = ["plain", "compiled", "auto"]
KOREAN = "가각간나낙 닭값다ab\n"


def model(vocabulary: Vocabulary, **options: object) -> LanguageModel:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4, **options})
    made = LanguageModel.create(config, vocabulary)
    with torch.no_grad():
        made.network.head.weight.mul_(4)  # A fresh network is nearly flat.
    return made


ABC = model(CharVocabulary(["a", "b", "c", "\n"], unknown=True))


def probability(made: LanguageModel, text: str, pattern: str, temperature: float) -> float:
    """Multiply what the model says, symbol by symbol, restricted to the expression's prefixes."""
    symbols = ["a", "b", "c", "\n"]
    ids = made.vocabulary.encode("\n" + text)
    logits, _ = made.network(
        torch.from_numpy(ids.astype(np.int64)).unsqueeze(1), made.network.initial_state(1)
    )
    total = 1.0
    for place in range(len(text) + 1):
        row = logits[place, 0].detach().double()
        row[0] = -torch.inf  # <unk>
        shares = (row / temperature).softmax(-1)[1:].tolist()
        allowed = [goes_on(pattern, text[:place] + symbol) for symbol in symbols]
        barred = sum(p for p, ok in zip(shares, allowed, strict=True) if not ok)
        ends = barred if re.fullmatch(pattern, text[:place]) else 0.0
        if place == len(text):
            return total * ends
        symbol = symbols.index(text[place])
        total *= (1 - ends) * shares[symbol] / (1 - barred) if allowed[symbol] else 0.0
    return total


def goes_on(pattern: str, text: str) -> bool:
    """Whether some text of up to three more symbols matches."""
    grown = [text]
    for _ in range(4):
        if any(re.fullmatch(pattern, each) for each in grown):
            return True
        grown = [each + symbol for each in grown for symbol in "abc\n"]
    return False


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_texts_come_as_often_as_the_restricted_model_says(
    engine: Engine, temperature: float
) -> None:
    pattern, samples = "(ab|b)?[ac]{1,2}", 6000
    texts = ABC.generate_batch(
        samples=samples, match=pattern, seed=1, engine=engine, temperature=temperature
    )
    counts = Counter(texts)
    shares = {text: probability(ABC, text, pattern, temperature) for text in counts}
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)  # all but the rarest came
    for text, share in shares.items():
        spread = (samples * share * (1 - share)) ** 0.5
        assert abs(counts[text] - samples * share) < 4.5 * spread + 1, text


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("temperature", [0, 0.7, 1.0])
@pytest.mark.parametrize("vocabulary", ["char", "jamo", "byte"])
def test_every_text_matches_within_its_length(
    engine: Engine, temperature: float, vocabulary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "PLAIN_SYMBOLS", 3)
    made = model(learn(vocabulary, [KOREAN], 1))  # type: ignore[arg-type]
    for pattern, length in (("[가-힣]{2,9} (닭|값)+", 4), (r"(\w+\n){2}", 30), ("가.*각", 12)):
        texts = made.generate_batch(
            "다", samples=5, match=pattern, length=length, seed=3, engine=engine,
            temperature=temperature,
        )  # fmt: skip
        for text in texts:
            assert text[0] == "다"
            assert re.fullmatch(pattern, text[1:]), (pattern, text)
            assert len(text) - 1 <= length


@pytest.mark.parametrize("engine", ENGINES)
def test_samples_of_a_batch_are_what_their_seeds_write_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "PLAIN_SYMBOLS", 2)
    options: dict[str, Any] = {
        "match": "[abc]+(\n[ab]+)?", "length": 20, "engine": engine, "top_k": 3,
    }  # fmt: skip
    together = ABC.generate_batch(samples=6, seed=5, **options)
    assert together == [ABC.generate(seed=5 + index, **options) for index in range(6)]
    assert len({len(text) for text in together}) > 1


def test_streamed_pieces_join_to_the_text() -> None:
    options: dict[str, Any] = {"match": "(ab?|c){5,40}", "seed": 8}
    assert "".join(ABC.stream(**options)) == ABC.generate(**options)


@pytest.mark.parametrize("engine", ENGINES)
def test_forbidden_words_are_not_written(engine: Engine) -> None:
    made = model(learn("char", ["the cat and the dog.\n"], 1))
    text = made.generate("a ca", length=4000, forbid=["a", "t", "cat", "."], seed=1, engine=engine)
    assert not re.search(r"\b(a|t|cat)\b|\.", text[1:])
    assert len(text) == 4004


def test_filters_apply_to_what_is_allowed() -> None:
    # The most probable of the allowed symbols, though another one is the most probable of all.
    free = ABC.generate(length=1, temperature=0)
    held = ABC.generate(match=f"[^{free}]{{1}}", temperature=1, top_k=1, seed=0)
    assert held == ABC.generate(match=f"[^{free}]{{1}}", temperature=0)


def test_a_length_too_short_for_any_match_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"shortest text .* has 4 characters; got length 3"):
        ABC.generate(match="a{4,9}", length=3)


def test_a_byte_model_under_a_constraint_writes_whole_characters() -> None:
    made = model(ByteVocabulary())
    text = made.generate("é", length=50, match=r"[\s\S]*", seed=2)
    assert "\ufffd" not in text


@pytest.mark.parametrize("engine", ["plain", "compiled"])
def test_the_last_syllable_is_as_free_under_forbidden_words_as_without(engine: Engine) -> None:
    made = model(learn("jamo", [KOREAN], 1))
    options: dict[str, Any] = {"samples": 300, "length": 1, "match": "[가-힣]", "engine": engine}
    free = made.generate_batch(seed=1, **options)
    del options["match"]
    held = [t for t in made.generate_batch(seed=1, forbid=["x나x"], **options) if "가" <= t <= "힣"]

    def open_share(texts: list[str]) -> float:
        return sum((ord(text) - ord("가")) % 28 == 0 for text in texts) / len(texts)

    assert len(held) > 20
    assert abs(open_share(held) - open_share(free)) < 0.25
