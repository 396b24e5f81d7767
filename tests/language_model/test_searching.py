"""Words that complete a text, and texts that follow it: exact probabilities, whole characters."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch

from nextchar.config import Config
from nextchar.errors import ConfigError
from nextchar.language_model.model import LanguageModel
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Vocabulary, learn
from nextchar.text.words import word_symbols


def model(vocabulary: Vocabulary, **options: object) -> LanguageModel:
    config = Config.from_options({"hidden_size": 8, "embedding_size": 4, **options})
    made = LanguageModel.create(config, vocabulary)
    with torch.no_grad():
        made.network.head.weight.mul_(6)
    return made


def probability(made: LanguageModel, prompt: str, text: str) -> float:
    """The model's own, without <unk>."""
    ids = torch.from_numpy(made.vocabulary.encode(prompt + text).astype(np.int64))
    with torch.no_grad():
        logits, _ = made.network(ids.unsqueeze(1), made.network.initial_state(1))
    if made.vocabulary.unknown_id is not None:
        logits[..., made.vocabulary.unknown_id] = -torch.inf
    logs = logits[:-1, 0].double().log_softmax(-1).gather(1, ids[1:, None])
    return math.exp(float(logs[len(made.vocabulary.encode(prompt)) - 1 :].sum()))


LETTERS, REST = "ab", " ."
SMALL = model(CharVocabulary([*LETTERS, *REST], unknown=True))


def every_completion(prompt: str, longest: int) -> dict[str, float]:
    """All completions up to a length, by multiplying out."""
    found = {}
    for n in range(0 if prompt[-1] in LETTERS else 1, longest + 1):
        for letters in itertools.product(LETTERS, repeat=n):
            text = "".join(letters)
            found[text] = sum(probability(SMALL, prompt, text + end) for end in REST)
    return found


@pytest.mark.parametrize("prompt", ["a", "ab b", "ab ", "."])
def test_the_most_probable_words_are_found_with_their_probabilities(prompt: str) -> None:
    found = SMALL.complete(prompt, count=6)
    every = every_completion(prompt, 7)
    best = sorted(every.values(), reverse=True)[:6]
    assert [math.exp(each.log_probability) for each in found] == pytest.approx(best, rel=1e-4)
    assert [every[each.text] for each in found] == pytest.approx(best, rel=1e-4)


def test_two_words_have_what_stands_between_them() -> None:
    found = SMALL.complete("a", count=8, words=2)
    for each in found:
        assert re.fullmatch(r"[ab]*[ .]+[ab]+", each.text)
        exact = sum(probability(SMALL, "a", each.text + end) for end in REST)
        assert math.exp(each.log_probability) == pytest.approx(exact, rel=1e-4)
    every = {
        one + between + other: sum(
            probability(SMALL, "a", one + between + other + end) for end in REST
        )
        for one in ("", "a", "b", "aa", "ab", "ba", "bb")
        for between in (" ", ".", "..", " .", ". ", "  ")
        for other in ("a", "b", "aa", "ab", "ba", "bb")
    }  # fmt: skip
    best = max(every.values())
    assert math.exp(found[0].log_probability) >= best * (1 - 1e-4)


@pytest.mark.parametrize("kind", ["char", "jamo", "byte"])
def test_completions_are_whole_characters_in_every_vocabulary(kind: str) -> None:
    made = model(learn(kind, ["나는 학교에 간다.\n값을 닭을"], 1))  # type: ignore[arg-type]
    for each in made.complete("나는 학", count=3):
        assert 0 < math.exp(each.log_probability) <= 1
        if kind == "jamo":
            assert re.fullmatch("[가-힣ㄱ-ㅎ]?[가-힣ㄱ-ㆎ]*", each.text)


def test_letters_digits_and_apostrophes_are_of_words() -> None:
    vocabulary = CharVocabulary(["a", "é", "1", "'", "_", " ", "-", "\n", "가"], unknown=True)
    assert word_symbols(vocabulary).tolist() == [False] + [True] * 5 + [False] * 3 + [True]
    jamo = learn("jamo", ["가 a"], 1)
    assert word_symbols(jamo).sum() == len(jamo) - 1
    of_bytes = word_symbols(ByteVocabulary())
    assert of_bytes[ord("a")]
    assert of_bytes[0xEA]
    assert not of_bytes[ord(" ")]


def test_completing_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="count must be at least 1; got 0"):
        SMALL.complete("a", count=0)
    with pytest.raises(ConfigError, match="words must be at least 1; got 0"):
        SMALL.complete("a", words=0)


@pytest.mark.parametrize("kind", ["char", "jamo", "byte"])
def test_a_search_gives_texts_of_the_length_and_their_probability(kind: str) -> None:
    made = model(learn(kind, ["가각 나낙\n닭을"], 1))  # type: ignore[arg-type]
    found = made.search("가", width=5, length=3)
    assert len(found) >= 5
    for each in found:
        assert len(each.text) == 3
    assert made.search("가", width=5, length=3) == found


def test_a_search_of_width_one_is_what_argmax_writes() -> None:
    found = SMALL.search("a", width=1, length=30)
    assert found[0].text == SMALL.generate("a", length=30, temperature=0)[1:]
    assert found[0].log_probability == pytest.approx(
        math.log(probability(SMALL, "a", found[0].text)), abs=1e-3
    )


def test_a_search_ends_at_stops_and_lines_and_matches() -> None:
    made = model(CharVocabulary(["a", "b", " ", "\n"]))
    for each in made.search("a", width=6, length=12, stop="ab"):
        assert "ab" not in each.text
    for each in made.search("a", width=6, length=12, lines=1):
        assert each.text.find("\n") in (-1, len(each.text) - 1)
    for each in made.search("a", width=6, length=12, match="[ab]{2,5} a*"):
        assert re.fullmatch("[ab]{2,5} a*", each.text)
    for each in made.search("a ", width=6, length=12, forbid=["a", "bb"]):
        assert not re.search(r"\b(a|bb)\b", each.text)


@pytest.mark.parametrize("kind", ["jamo", "byte"])
@pytest.mark.parametrize(
    ("match", "length"), [("[가-힣]{2}", 2), ("[가각나]", 1), ("(닭|값)을 ?", 3), ("[가-힣 ]*", 2)]
)
def test_a_search_under_a_constraint_gives_whole_characters(
    kind: str, match: str, length: int
) -> None:
    made = model(learn(kind, ["가각 나낙\n닭을 값"], 1))  # type: ignore[arg-type]
    found = made.search(width=6, match=match, length=length, forbid=["가"])
    assert found
    for each in found:
        assert re.fullmatch(match, each.text), each
        assert not re.search(r"\b가\b", each.text)


def test_a_search_finds_stops_as_generation_does() -> None:
    made = model(learn("jamo", ["가각 나낙\n"], 1))
    assert {each.text for each in made.search(match="각", stop="가", width=4, length=5)} == {"각"}
    for stops in (["b", "ab"], ["ab", "b"]):
        found = SMALL.search(match="[ab. ]{4}", stop=stops, width=64, length=9)
        assert found == SMALL.search(match="[ab. ]{4}", stop=stops[::-1], width=64, length=9)
        assert all("b" not in each.text for each in found)


def test_completing_ends_where_words_have_no_end() -> None:
    made = model(CharVocabulary(["a", "c", "g", "t"]))
    assert made.complete("ac") == []


def test_a_completion_leaves_the_last_character_of_the_prompt_whole() -> None:
    made = model(learn("jamo", ["가각 나낙\n"], 1))
    for each in made.complete("가", count=20):
        # No medial or final letter comes first: it would change the syllable before it.
        assert not re.match("[ㅏ-ㅣㄳㄵㄶㄺ-ㅀㅄ]", each.text)
