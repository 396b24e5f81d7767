"""A text is read in the form that was learned, whatever form it comes in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import Config, VocabularyKind
from nextchar.errors import UnknownSymbolsError
from nextchar.language_model.model import LanguageModel
from nextchar.text.normal_forms import NormalForm
from nextchar.text.vocabulary import ByteVocabulary, learn

TEXT = "Café, naïve; 한국어 값\n"
NFD = unicodedata.normalize("NFD", TEXT)


@pytest.mark.parametrize("kind", ["char", "jamo"])
def test_decomposed_text_is_composed_for_who_knows_it_composed(kind: VocabularyKind) -> None:
    assert NormalForm(learn(kind, [TEXT], 1), "none").of(NFD) == TEXT


def test_composed_text_is_decomposed_for_who_knows_it_decomposed() -> None:
    form = NormalForm(learn("char", [NFD], 1), "none")
    assert form.of(TEXT) == NFD
    assert form.of(NFD) == NFD


def test_what_is_known_and_what_no_form_makes_known_stay() -> None:
    form = NormalForm(learn("char", ["éabc\u0301e"], 1), "none")
    assert form.of("e\u0301éö§o\u0308") == "e\u0301éö§o\u0308"
    assert NormalForm(ByteVocabulary(), "none").of(NFD) == NFD
    assert form.of("é\udc80") == "é\udc80"


def test_the_form_of_the_training_is_given_to_every_text() -> None:
    vocabulary = learn("char", [TEXT, NFD], 1)
    assert NormalForm(vocabulary, "nfc").of(NFD) == TEXT
    assert NormalForm(vocabulary, "none").of(NFD) == NFD


@given(st.lists(st.text(st.sampled_from("eé\u0301\u1112\u1161\u11ab한o🇰🇷a\n\r")), max_size=6))
def test_pieces_are_read_as_the_whole_is(pieces: list[str]) -> None:
    form = NormalForm(learn("char", ["é한ea\n\r🇰🇷"], 1), "none")
    assert "".join(form.chunks(pieces)) == form.of("".join(pieces))


@pytest.mark.parametrize("normalization", ["none", "nfc"])
def test_a_language_model_reads_either_form_alike(normalization: str) -> None:
    options = {"hidden_size": 8, "embedding_size": 4, "normalization": normalization}
    made = LanguageModel.create(Config.from_options(options), learn("char", [TEXT], 1))
    assert made.generate(NFD, length=5, seed=1) == made.generate(TEXT, length=5, seed=1)
    assert made.generate_batch(NFD, samples=1, length=5, seed=1) == [
        made.generate(TEXT, length=5, seed=1)
    ]
    assert made.evaluate(NFD).nats == pytest.approx(made.evaluate(TEXT).nats)
    assert made.evaluate(list(NFD)).characters == len(TEXT) - 1
    assert made.score(NFD).text == TEXT
    assert made.complete(NFD[:5]) == made.complete("Café")
    assert made.search(NFD[:5], length=3) == made.search("Café", length=3)
    stop = unicodedata.normalize("NFD", "한")
    assert made.generate("C", length=200, stop=stop, seed=3) == made.generate(
        "C", length=200, stop="한", seed=3
    )
    with pytest.raises(UnknownSymbolsError, match=r"the first at line 2, column 2;"):
        made.evaluate(["aa\n", "au\u0308bc"], unknown="error")
