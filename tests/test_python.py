"""The Python interface: wrong arguments are one line, and models say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextchar
from nextchar.config import ClassifierRunConfig, Config, TransducerRunConfig
from nextchar.config.condition import ConditionRunConfig
from nextchar.errors import ConfigError, UnknownSymbolsError
from nextchar.language_model.bigram import BigramModel
from nextchar.language_model.model import LanguageModel
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.conditioning.data import prepare
from nextchar.tasks.conditioning.generative import GenerativeClassifier
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.conditioning.model import ConditionalModel
from nextchar.tasks.transduction.model import Transducer
from nextchar.tasks.transduction.pairs import Pair
from nextchar.tasks.transduction.symbols import PairCodec
from nextchar.text.vocabulary import learn
from tests.tasks.tagging.models import untrained

SMALL: dict[str, Any] = {"hidden_size": 8, "embedding_size": 4}
MODEL: Any = LanguageModel.create(Config.from_options(SMALL), learn("char", ["abc \n"], 1))
TAGGER: Any = untrained("case")
CLASSIFIER: Any = Classifier(
    ClassifierRunConfig.from_options({**SMALL, "ngrams": 1, "ngram_bag": 0}),
    learn("char", ["abc"], 1, unknown=True),
    LabelSet(("x", "y"), (1, 1)),
)
_PAIRS = [Pair("ab", "ba"), Pair("ac", "ca")]
_TRANSDUCTION = TransducerRunConfig.from_options(SMALL)
TRANSDUCER: Any = Transducer(_TRANSDUCTION, PairCodec.learn(_PAIRS, _TRANSDUCTION))
_CONDITION = ConditionRunConfig.from_options({**SMALL, "validation_fraction": 0})
CONDITIONAL: Any = ConditionalModel(
    _CONDITION, prepare(Items.of(["ab", "ba"], labels=["x", "y"]), _CONDITION).model.symbols
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MODEL.generate(length=10.5), r"length must be an integer.*; got 10\.5"),
        (lambda: MODEL.generate(length="10"), "length must be an integer.*; got '10'"),
        (lambda: MODEL.generate(length=True), "length must be an integer.*; got True"),
        (lambda: MODEL.generate(temperature="0.5"), r"temperature must be a number; got '0\.5'"),
        (lambda: MODEL.generate(top_k=2.5), r"top_k must be an integer; got 2\.5"),
        (lambda: MODEL.generate(None), "prompt must be text; got None"),
        (lambda: MODEL.generate(["a"]), r"prompt must be text; got \['a'\]"),
        (lambda: MODEL.generate(b"a"), "prompt must be text; got b'a'"),
        (lambda: MODEL.generate(seed=1.5), "seed must be an integer or None; got"),
        (lambda: MODEL.generate(stop=3), "stop must be text or a list of texts; got 3"),
        (lambda: MODEL.generate(stop=["a", 3]), "stop must be text or a list of texts; got"),
        (
            lambda: MODEL.generate(unknown="drop"),
            "unknown must be one of error, skip, replace; got 'drop'",
        ),
        (
            lambda: MODEL.generate(unknown=np.array(["error", "skip"])),
            r"unknown must be one of error, skip, replace; got array\(",
        ),
        (lambda: MODEL.generate(engine="fast"), "engine must be one of"),
        (lambda: MODEL.generate(lines=None), "lines must be an integer; got None"),
        (lambda: MODEL.generate(match=3), "match must be text or None; got 3"),
        (lambda: MODEL.stream(None), "prompt must be text; got None"),
        (lambda: MODEL.generate_batch(samples="2"), "samples must be an integer; got '2'"),
        (lambda: MODEL.generate_batch(), "generate_batch needs samples; missing: samples"),
        (lambda: MODEL.search(width=2.0), r"width must be an integer; got 2\.0"),
        (lambda: MODEL.search(diversity="1"), "diversity must be a number; got '1'"),
        (lambda: MODEL.complete(None), "prompt must be text; got None"),
        (lambda: MODEL.complete("a", count="5"), "count must be an integer; got '5'"),
        (lambda: MODEL.evaluate(None), "text must be text or a list of texts; got None"),
        (lambda: MODEL.evaluate(Path("a.txt")), "text must be text or a list of texts; got"),
        (lambda: MODEL.evaluate("abc", reset_every=1.5), "reset_every must be an integer"),
        (lambda: MODEL.evaluate("abc", adaptation=True), "adaptation must be Adaptation or None"),
        (lambda: MODEL.score(["a", "b"]), r"text must be text; got \['a', 'b'\]"),
        (lambda: MODEL.score("abc", alternatives=2.5), "alternatives must be an integer"),
        (lambda: MODEL.score("abc").anomalies("x"), "count must be an integer; got 'x'"),
        (lambda: nextchar.Adaptation(rate="1"), "rate must be a number; got '1'"),  # type: ignore[arg-type]
        (lambda: LanguageModel.load(None), "run must be text or a path; got None"),  # type: ignore[arg-type]
        (lambda: LanguageModel.load(), "load needs run; missing: run"),  # type: ignore[call-arg]
        (lambda: TAGGER.apply(None), "text must be text; got None"),
        (lambda: TAGGER.apply(["a"]), r"text must be text; got \['a'\]"),
        (lambda: TAGGER.tag(5), "text must be text; got 5"),
        (lambda: TAGGER.apply("a", keep="yes"), "keep must be True or False; got 'yes'"),
        (lambda: CLASSIFIER.predict("abc"), "texts must be a list of texts; got 'abc'"),
        (lambda: CLASSIFIER.predict(["a", None]), "texts must be a list of texts; got"),
        (lambda: CLASSIFIER.probabilities(None), "texts must be a list of texts; got None"),
        (lambda: TRANSDUCER.apply(None), "texts must be text or a list of texts; got None"),
        (lambda: TRANSDUCER.apply(["ab"], beam="5"), "beam must be an integer; got '5'"),
        (lambda: TRANSDUCER.attention(["ab"]), "text must be text; got"),
        (lambda: CONDITIONAL.generate("x", None), "prompt must be text; got None"),
        (lambda: CONDITIONAL.given("x", strength="2"), "strength must be a number; got '2'"),
        (lambda: CONDITIONAL.log_likelihoods("ab"), "texts must be a list of texts; got 'ab'"),
        (lambda: nextchar.augment(None), "text must be text; got None"),  # type: ignore[arg-type]
        (lambda: nextchar.augment("a", seed="1"), "seed must be an integer"),  # type: ignore[arg-type]
        (lambda: nextchar.train("a.txt", 5), "out must be text or a path; got 5"),  # type: ignore[arg-type]
        (lambda: nextchar.train("a.txt"), "train needs data and out; missing: out"),  # type: ignore[call-arg]
        (
            lambda: nextchar.Classifier.train(text="review", label="stars"),  # type: ignore[call-arg]
            "train needs data and out; missing: data, out",
        ),
        (
            lambda: nextchar.Classifier.train("a.csv", "out", text=["a", "b"]),  # type: ignore[arg-type]
            "text must be text; got",
        ),
        (lambda: nextchar.Tagger.train(), "train needs data and out; missing: data, out"),  # type: ignore[call-arg]
    ],
)
def test_an_argument_of_a_wrong_type_is_named_in_one_line(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_is_as_good_as_an_annotated_type_is_taken() -> None:
    assert MODEL.generate("a", length=np.int64(3), seed=np.int64(1)) == MODEL.generate(
        "a", length=3, seed=1
    )
    assert len(MODEL.generate("a", length=3, temperature=1)) == 4
    assert CLASSIFIER.predict(np.array(["a", "b"])) == CLASSIFIER.predict(("a", "b"))
    assert MODEL.evaluate(iter(["abc", "cab"])).nats == pytest.approx(MODEL.evaluate("abccab").nats)


def test_a_misspelt_argument_names_its_nearest_neighbour() -> None:
    with pytest.raises(ConfigError, match="unknown option 'promt': did you mean 'prompt'"):
        MODEL.complete("a", promt="a")


def test_messages_speak_python() -> None:
    with pytest.raises(UnknownSymbolsError, match='unknown="skip" drops them'):
        MODEL.generate("§")


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (MODEL, "<LanguageModel: lstm, 1 layer of 8, 5 symbols (char), {} parameters>"),
        (TAGGER, "<Tagger: lstm, 1 layer of 12, restores case, "),
        (CLASSIFIER, "<Classifier: lstm, 1 layer of 8, 4 symbols (char), 2 labels, "),
        (TRANSDUCER, "<Transducer: lstm, 1 layer of 8, "),
        (CONDITIONAL, "<ConditionalModel: gru, 1 layer of 8, "),
        (GenerativeClassifier(CONDITIONAL), "<GenerativeClassifier: gru, 1 layer of 8, "),
        (BigramModel.of(MODEL.vocabulary, MODEL.vocabulary.encode("abab")),
         "<BigramModel: 5 symbols (char), smoothing 0.1>"),
        (MODEL.vocabulary, "<CharVocabulary: 5 symbols>"),
        (MODEL.score("abcab"), "<Score: 4 characters, "),
    ],
)  # fmt: skip
def test_a_model_or_a_result_says_what_it_is(thing: object, expected: str) -> None:
    shown = repr(thing)
    assert shown.startswith(expected.format(f"{MODEL.parameters:,}"))
    assert len(shown) < 150


def test_files_are_measured_as_the_command_measures_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfabc cab\n")
    (tmp_path / "b.txt").write_text("ab ab", encoding="utf-8")
    found = MODEL.evaluate_file(tmp_path)
    assert found.nats == pytest.approx(MODEL.evaluate("abc cab\nab ab").nats)
    assert found.characters == 12
    several = MODEL.evaluate_file([tmp_path / "a.txt", str(tmp_path / "b.txt")], exact=True)
    assert several.nats == pytest.approx(found.nats, rel=1e-3)
    (tmp_path / "c.txt").write_text("ab\na§", encoding="utf-8")
    with pytest.raises(UnknownSymbolsError, match=r"c\.txt, line 2, column 2; unknown=\"skip\""):
        MODEL.evaluate_file(tmp_path / "c.txt", unknown="error")
    assert MODEL.evaluate_file(tmp_path / "c.txt").skipped_symbols == 1


def test_a_tagger_and_a_classifier_are_trained_by_one_call(tmp_path: Path) -> None:
    tiny: dict[str, Any] = {**SMALL, "steps": 2, "batch_size": 4, "precision": "float32"}
    (tmp_path / "text.txt").write_text("One Day\nTwo Nights\n" * 5)
    result = nextchar.Tagger.train(
        tmp_path / "text.txt", tmp_path / "tag", restore="case", ngrams=1, window=32, **tiny
    )
    assert (result.unit, result.steps) == ("label", 2)
    assert nextchar.Tagger.load(tmp_path / "tag").apply("one day").lower() == "one day"
    rows = "".join(f"{w},{w}x\n" for w in ("good", "fine", "bad", "poor") for _ in range(3))
    (tmp_path / "data.csv").write_text("stars,review\n" + rows.replace("fine,", "good,"))
    made = nextchar.Classifier.train(
        tmp_path / "data.csv", tmp_path / "classify", text="review", label="stars", **tiny
    )
    assert made.unit == "item"
    assert set(Classifier.load(tmp_path / "classify").label_names) == {"good", "bad", "poor"}
