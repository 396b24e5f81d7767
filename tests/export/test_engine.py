"""The engine of the page computes what the Python package computes."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import SymbolKind
from nextchar.export.kernel import build_kernel
from nextchar.generation.engine import TextGenerator
from nextchar.generation.prompts import start_of
from nextchar.generation.sampling import Sampling, choose, tempered_logits
from nextchar.generation.uniforms import Uniforms
from nextchar.language_model.model import LanguageModel
from nextchar.nn.quantization import with_int8_weights
from nextchar.text.normal_forms import NormalForm
from nextchar.text.vocabulary import Unknown
from tests.export.conftest import (
    ENGLISH,
    KOREAN,
    PAGE,
    Engine,
    made_model,
    run_engine,
)

NETWORKS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "rnn relu": {"cell": "rnn", "activation": "relu"},
    "rnn sigmoid": {"cell": "rnn", "activation": "sigmoid"},
    "rnn layer norm": {"cell": "rnn", "layer_norm": True},
    "lstm": {"cell": "lstm"},
    "lstm layer norm": {"cell": "lstm", "layer_norm": True, "layers": 2},
    "lstm zoneout": {"cell": "lstm", "zoneout": 0.1, "zoneout_cell": 0.2},
    "lstm batch norm residual": {
        "cell": "lstm", "batch_norm": True, "residual": True, "layers": 3, "embedding_size": 24,
    },
    "lstm tied": {"cell": "lstm", "tied": True, "embedding_size": 24},
    "lstm factors": {"cell": "lstm", "embedding_size": 4},
    "peephole vector": {"cell": "peephole_lstm", "layers": 2},
    "peephole matrix": {"cell": "peephole_lstm", "peepholes": "matrix"},
    "gru after": {"cell": "gru", "layers": 2},
    "gru after layer norm": {"cell": "gru", "layer_norm": True, "embedding_size": 4},
    "gru before": {"cell": "gru", "reset": "before", "input": "onehot", "residual": True},
    "gru before layer norm": {"cell": "gru", "reset": "before", "layer_norm": True},
    "min gru": {"cell": "min_gru", "layers": 2},
    "min lstm": {"cell": "min_lstm", "layers": 3},
}  # fmt: skip
TEXTS: dict[SymbolKind, str] = {"char": ENGLISH, "byte": KOREAN, "jamo": KOREAN}
LENGTH = 10_000  # characters written


def test_the_module_is_what_its_source_makes() -> None:
    assert (PAGE / "kernel.wasm").read_bytes() == build_kernel()


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_those_of_the_network(name: str, engine: Engine) -> None:
    model = made_model(**NETWORKS[name])
    ids = model.vocabulary.encode(ENGLISH).tolist()
    expected = _logits(model, ids)
    fast, plain = (engine([{"call": "logits", "ids": ids}], model, simd=simd)[0] for simd in (1, 0))
    assert fast == plain
    error = np.abs(np.array(fast) - expected).max()
    assert error < 2e-3 * np.abs(expected).max()


def _logits(model: LanguageModel, ids: list[int]) -> np.ndarray[Any, Any]:
    """Return the logits [N, V] of the network with int8 weights."""
    network = with_int8_weights(model.network)
    with torch.inference_mode():
        begin = network.initial_state(1, ids[0])
        logits, _ = network(torch.tensor(ids).unsqueeze(1), begin)
    values: np.ndarray[Any, Any] = logits.squeeze(1).numpy()
    return values


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "char") for name in NETWORKS), ("lstm", "byte"), ("gru after", "jamo")],
)
def test_it_writes_what_the_compiled_engine_writes(
    name: str, kind: SymbolKind, engine: Engine
) -> None:
    model = made_model(text=TEXTS[kind], kind=kind, **NETWORKS[name])
    options: dict[str, Any] = {"length": LENGTH, "temperature": 0.8, "seed": 5}
    written = engine([{"call": "write", "text": "", "options": options}], model)[0]
    part = {"call": "write", "text": "", "options": {**options, "length": LENGTH // 5}}
    plain = engine([part], model, simd=False)[0]
    assert written["symbols"][: len(plain["symbols"])] == plain["symbols"]
    expected = _written(model, len(written["symbols"]), seed=5)
    if written["symbols"] != expected:
        _require_rounding(model, written["symbols"], expected, seed=5)
    else:
        assert written["text"] == model.generate(**options, weights="int8", experts="none")


def _written(model: LanguageModel, count: int, *, seed: int) -> list[int]:
    """Return the symbols that the compiled engine with int8 weights writes."""
    start = start_of(model.vocabulary, "", "error")
    generator = TextGenerator(
        model.network,
        torch.from_numpy(start.context.astype(np.int64)),
        Sampling(temperature=0.8),
        [seed],
        excluded_first=start.inside,
        weights="int8",
    )
    symbols: list[int] = generator.write(count)[:, 0].tolist()
    return symbols


def _require_rounding(
    model: LanguageModel, symbols: list[int], expected: list[int], *, seed: int
) -> None:
    """Require that the first other symbol was drawn within rounding of a boundary.

    The boundary between the two symbols lies on one side of the random number with the logits of
    the page, and on the other side with those of torch, which differ a little.
    """
    context = start_of(model.vocabulary, "", "error").context.tolist()
    pairs = zip(symbols, expected, strict=True)
    place = next(n for n, (one, other) in enumerate(pairs) if one != other)
    ids = context + symbols[:place]
    exact = _cumulative(_logits(model, ids)[-1])
    rounded = _cumulative(run_engine([{"call": "logits", "ids": ids}], model)[0][-1])
    uniform = Uniforms([seed]).draw(place + 1)[place, 0]
    first, last = sorted((symbols[place], expected[place]))
    rounding = np.abs(exact - rounded).max() + 1e-6
    assert place > 0
    assert rounding < 0.02
    assert np.abs(exact[first:last] - uniform).min() <= rounding, (place, uniform)


def _cumulative(logits: Any) -> np.ndarray[Any, Any]:
    """Return the cumulative distribution at temperature 0.8, [V]."""
    scaled = np.asarray(logits, float) / 0.8
    shares = np.exp(scaled - scaled.max())
    return np.cumsum(shares / shares.sum())


def test_most_texts_are_the_same_to_the_last_character(engine: Engine) -> None:
    same = 0
    model = made_model(cell="lstm")
    for seed in range(8):
        options: dict[str, Any] = {"length": 2000, "temperature": 1, "seed": seed}
        written = engine([{"call": "write", "text": "The ", "options": options}], model)[0]
        text = model.generate("The ", **options, weights="int8", experts="none")
        same += "The " + written["text"] == text
    assert same >= 6


@pytest.mark.parametrize("quantity", ["h", "c", "i", "f", "g", "o"])
def test_values_are_those_of_the_inspection(quantity: str, engine: Engine) -> None:
    model = made_model(cell="lstm", layers=2)
    ids = model.vocabulary.encode(ENGLISH)
    asked = {"call": "values", "ids": ids.tolist(), "quantity": quantity, "layer": 1}
    found = np.array(engine([asked], model)[0])
    model.network = with_int8_weights(model.network)
    layer = model.inspect.record(ENGLISH).layers[1]
    if quantity in layer.gates:
        expected = layer.gates[quantity]
    else:
        assert layer.c is not None
        expected = layer.h if quantity == "h" else np.tanh(layer.c)
    assert np.abs(found - expected).max() < 1e-3


def test_a_text_that_is_typed_is_read_on(engine: Engine) -> None:
    model = made_model(cell="gru")
    ids = (model.vocabulary.encode(ENGLISH * 3)).tolist()
    changed = [*ids[:130], ids[0], *ids[131:]]
    texts = [ids[:100], ids[:128], ids, changed, changed[:128], changed[:64], changed[:5]]
    answers = engine([{"call": "reread", "texts": texts}], model)[0]
    assert [each["known"] for each in answers] == [0, 100, 128, 128, 64, 0, 0]
    for text, answer in zip(texts, answers, strict=True):
        alone = engine([{"call": "logits", "ids": text}], model)[0][-1]
        assert answer["logits"] == alone


@pytest.mark.parametrize("kind", TEXTS)
def test_the_likeliest_characters_are_found(kind: SymbolKind, engine: Engine) -> None:
    model = made_model(text=TEXTS[kind], kind=kind, cell="lstm")
    ids = model.vocabulary.encode(TEXTS[kind])[:-1].tolist()
    asked = {"call": "likely", "ids": ids, "options": {"count": 4, "temperature": 1}}
    found = engine([asked], model)[0]
    assert len(found) == 4
    assert [each["probability"] for each in found] == sorted(
        (each["probability"] for each in found), reverse=True
    )
    begins = model.vocabulary.starts_character
    first = np.exp(_logits(model, ids)[-1].astype(float))[begins]
    for each in found:
        new = model.vocabulary.encode(each["text"]).tolist()
        logits = _logits(model, ids + new).astype(float)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        head = np.exp(_logits(model, ids)[-1].astype(float)[new[0]]) / first.sum()
        rest = math.prod(shares[len(ids) + n - 1, new[n]] for n in range(1, len(new)))
        grows = kind != "char" and len(new) > 1 and len(new) < (4 if kind == "byte" else 3)
        ends = shares[-1, begins].sum() if grows and kind == "jamo" else 1
        assert each["probability"] == pytest.approx(head * rest * ends, rel=2e-2)


def test_exponentials_are_exact_to_two_units_in_the_last_place(engine: Engine) -> None:
    values = np.concatenate([np.linspace(-700, 700, 4001), np.linspace(-1, 1, 401)])
    found = np.array(engine([{"call": "exp", "values": values.tolist()}])[0])
    assert np.abs(found / np.exp(values) - 1).max() < 5e-16
    assert engine([{"call": "exp", "values": [-800, -1e300]}])[0] == [0, 0]


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**32 - 1, 2**32 + 5, 2**53 - 1])
def test_random_numbers_are_those_of_torch(seed: int, engine: Engine) -> None:
    found = engine([{"call": "uniforms", "seed": seed, "count": 1500}])[0]
    assert found == Uniforms([seed]).draw(1500)[:, 0].tolist()


def test_choices_are_those_of_the_package(engine: Engine) -> None:
    generator = np.random.default_rng(0)
    calls, expected = [], []
    for n in range(400):
        logits = generator.normal(0, 3, 20).round(n % 3).astype(np.float32)
        options = {
            "temperature": [1, 0.5, 1.3, 0][n % 4],
            "topK": [0, 3, 50][n % 3] if n % 4 < 3 else 0,
            "topP": [1, 0.7, 0.2][n // 3 % 3] if n % 4 < 3 else 1,
            "minP": [0, 0.1][n // 9 % 2] if n % 4 < 3 else 0,
        }
        excluded = generator.random(20) < 0.1
        uniform = generator.random()
        calls.append({"call": "choose", "logits": logits.tolist(), "options": options,
                      "uniform": uniform, "excluded": excluded.tolist()})  # fmt: skip
        sampling = Sampling(
            temperature=options["temperature"], top_k=int(options["topK"]),
            top_p=options["topP"], min_p=options["minP"],
        )  # fmt: skip
        masked = torch.from_numpy(np.where(excluded, -np.inf, logits).astype(np.float32))
        tempered = tempered_logits(masked.unsqueeze(0), sampling)
        expected.append(int(choose(tempered, sampling, torch.tensor([uniform]))))
    assert engine(calls) == expected


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("kind", TEXTS)
def test_text_becomes_the_same_ids_and_back(
    kind: SymbolKind, unknown: bool, engine: Engine
) -> None:
    if unknown and kind == "byte":
        return  # no byte is unknown
    vocabulary = made_model(text="가각갂한글ㅋㅏ각 aé\n", kind=kind, unknown=unknown).vocabulary
    form = NormalForm(vocabulary, "none")
    generator = random.Random(0)
    letters = [*"가각갂한글ㅋㅏ각 aé\n😀\u0301x", "e\u0301"]
    texts = ["".join(generator.choices(letters, k=generator.randrange(20))) for _ in range(200)]
    described = vocabulary.to_dict()
    calls: list[dict[str, Any]] = [
        {"call": "encode", "vocabulary": described, "composes": False, "text": text}
        for text in texts
    ]
    for text, found in zip(texts, engine(calls), strict=True):
        ids = [each for ids in found["ids"] for each in ids]
        treatment: Unknown = "skip" if vocabulary.unknown_id is None else "replace"
        assert ids == vocabulary.encode(form.of(text), unknown=treatment).tolist()
        assert "".join(found["characters"]) == form.of(text)


@pytest.mark.parametrize("kind", TEXTS)
def test_any_ids_become_the_same_text_in_pieces(kind: SymbolKind, engine: Engine) -> None:
    vocabulary = made_model(text=KOREAN, kind=kind).vocabulary
    generator = random.Random(1)
    pieces = [
        [[generator.randrange(len(vocabulary)) for _ in range(3)] for _ in range(8)]
        for _ in range(100)
    ]
    calls: list[dict[str, Any]] = [
        {"call": "decode", "vocabulary": vocabulary.to_dict(), "pieces": each} for each in pieces
    ]
    for each, found in zip(pieces, engine(calls), strict=True):
        decoder = vocabulary.decoder()
        text = "".join(decoder.feed(ids) for ids in each) + decoder.flush()
        assert "".join(found) == text
        # What may still change is held back, but for bytes that are no UTF-8.
        if kind != "byte":
            assert found[:-1] == [decoder.feed(ids) for ids in each]


LINES = "\n".join(["This line has some thirty letters, and no end"] * 3)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("\n\nA beginning of this kind.\n\nMore", [len("\n\nA beginning of this kind.\n\n")]),
        ("A short line.\nAnother one.\n \n", [len("A short line.\nAnother one.\n \n")]),
        (f"{LINES}\n“No.”\nNo", [len(f"{LINES}\n“No.”\n")]),
        (f"{LINES}\n아니다。 \n", [len(f"{LINES}\n아니다。 \n")]),
        (f"{LINES}\nno end\n", []),
    ],
)
def test_a_paragraph_ends_at_a_blank_line_or_after_a_sentence(
    engine: Engine, text: str, ends: list[int]
) -> None:
    assert engine([{"call": "ends", "text": text, "until": "paragraph"}]) == [ends]


def test_a_suggestion_has_whole_words(engine: Engine) -> None:
    call = {"call": "ends", "until": "words"}
    assert engine([{**call, "text": " not be n"}, {**call, "text": "n\n"}]) == [[8], [2]]
    texts = [" not be ", " 오늘 학교 ", "unendingly", " a longer beginni", "    ", "word\n"]
    assert engine([{"call": "words", "text": text} for text in texts]) == [
        " not be", " 오늘 학교", "unendingly", " a longer", "    ", "word\n",
    ]  # fmt: skip


def test_a_letter_that_is_shown_alone_is_read_as_it_was_written(engine: Engine) -> None:
    model = made_model(text="크게 앉아\n", kind="jamo")
    ids = model.vocabulary.encode("앉").tolist()
    given = {"call": "encode", "vocabulary": model.vocabulary.to_dict(), "composes": False}
    letters = engine([{**given, "text": model.vocabulary.decode([each])} for each in ids])
    assert [each["ids"] for each in letters] == [[[each]] for each in ids]
