"""The page with experts: it writes, predicts and measures with the counts of the run."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nextchar
from nextchar.config import SymbolKind
from nextchar.errors import ConfigError
from nextchar.experts import REACH
from nextchar.experts.experts import Experts
from nextchar.export.document import model_page, packed_model
from nextchar.export.expert_packing import pack_experts
from nextchar.generation.engine import TextGenerator
from nextchar.generation.prompts import start_of
from nextchar.generation.sampling import Sampling
from nextchar.generation.uniforms import Uniforms
from nextchar.language_model.model import LanguageModel
from nextchar.nn.quantization import with_int8_weights
from tests.browser import open_browser
from tests.conftest import TINY_OPTIONS, Run, english, korean
from tests.export.conftest import Engine, run_engine
from tests.export.test_document import element
from tests.export.test_page_in_browser import ask, opened

KINDS: tuple[SymbolKind, ...] = ("char", "byte", "jamo")
LENGTH = 2000  # characters written
TEMPERATURE = 0.8
# Text of the training, words beyond the reach, words in other cases and languages, and surprises.
TEXT = (
    f"The old dog sees a TREE. {'dog' * (REACH // 2)} finds the... never, the cat\n\n\n"
    "나는 오늘 학교에 간다. 너는 값을 읽고\n the red dog 우리는 ʼn 1984 \t likes it’s\n"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[SymbolKind, LanguageModel]:
    folder = tmp_path_factory.mktemp("with experts")
    (folder / "text.txt").write_text(english(20_000) + korean(12_000), encoding="utf-8")
    found = {}
    for kind in KINDS:
        options = {**TINY_OPTIONS, "vocabulary": kind, "cell": "lstm", "layers": 2}
        nextchar.train(folder / "text.txt", folder / kind, **options)
        found[kind] = LanguageModel.load(folder / kind)
    return found


def experts_of(model: LanguageModel) -> Experts:
    assert model.experts is not None
    return model.experts


def ids_of(model: LanguageModel, text: str) -> list[int]:
    ids: list[int] = model.vocabulary.encode(text, unknown="skip").tolist()
    return ids


def int8_logits(model: LanguageModel, ids: list[int]) -> np.ndarray[Any, Any]:
    """Return the network's logits after each symbol, [N, V]."""
    network = with_int8_weights(model.network)
    with torch.inference_mode():
        logits, _ = network(torch.tensor(ids).unsqueeze(1), network.initial_state(1, ids[0]))
    values: np.ndarray[Any, Any] = logits.squeeze(1).numpy()
    return values


def mixtures(model: LanguageModel, ids: list[int], logits: Any) -> np.ndarray[Any, Any]:
    """Return ln p of the package's mixture after each symbol, [N, V]."""
    ends = np.arange(1, len(ids) + 1)
    return experts_of(model).reader("fixed").predictions(np.array(ids), ends, logits)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_the_counts_of_the_run(
    kind: SymbolKind, models: dict[SymbolKind, LanguageModel]
) -> None:
    experts = experts_of(models[kind])
    found = {
        each.name.removeprefix("experts."): np.frombuffer(each.data, each.values.dtype)
        for each in pack_experts(experts)
    }
    tables = experts.tables
    starts = [0, *np.cumsum(found["starts"], dtype=np.int64)]
    directories = [0, *np.cumsum(1 << tables.bits)]
    for table, (begin, end) in enumerate(itertools.pairwise(tables.directories)):
        places = starts[directories[table] : directories[table + 1] + 1]
        assert (np.array(places) - tables.offsets[table] == tables.starts[begin:end]).all()
    assert [0, *np.cumsum(found["first"], dtype=np.int64)] == tables.first.tolist()
    for name in ("tags", "symbols", "counts"):
        assert (found[name] == getattr(tables, name)).all()
    assert (found["discounts"] == tables.discounts.ravel()).all()
    assert (found["inside"] == experts.words.inside).all()
    assert (found["folded"] == experts.words.folded).all()
    for name, weights in experts.weights._asdict().items():
        assert (found[f"weights.{name}"] == weights.ravel()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_mixture_is_that_of_the_package(
    kind: SymbolKind, models: dict[SymbolKind, LanguageModel], engine: Engine
) -> None:
    model = models[kind]
    ids = ids_of(model, TEXT + english(600, seed=9) + korean(300, seed=9))
    shape = (len(ids), len(model.vocabulary))
    logits = np.random.default_rng(3).normal(0, 3, shape).astype(np.float32)
    logits[::7] *= 0.01  # predictions of a high entropy
    logits[::5] += 100
    asked = {"call": "mixtures", "ids": ids, "logits": logits.tolist()}
    found = np.array(engine([asked], model, experts="fixed")[0])
    expected = mixtures(model, ids, logits)
    # Far below the likeliest symbols, float32 itself has larger steps.
    assert (np.abs(found - expected) <= 1e-5 * np.maximum(1, np.abs(expected) / 10)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_what_the_package_writes(
    kind: SymbolKind, models: dict[SymbolKind, LanguageModel], engine: Engine
) -> None:
    model = models[kind]
    options: dict[str, Any] = {"length": LENGTH, "temperature": TEMPERATURE, "seed": 5}
    call = {"call": "write", "text": "The ", "options": options}
    written = engine([call], model, experts="fixed")[0]
    plain = engine([call], model, experts="fixed", simd=False)[0]
    alone = engine([call], model)[0]
    assert written["text"] == plain["text"] != alone["text"]
    expected = model.generate("The ", **options, weights="int8", experts="fixed")
    if "The " + written["text"] != expected:
        _require_rounding(model, written["symbols"])


def _require_rounding(model: LanguageModel, symbols: list[int]) -> None:
    """Require that the first other symbol was drawn within rounding of a boundary."""
    start = start_of(model.vocabulary, "The ", "error")
    generator = TextGenerator(
        model.network, torch.from_numpy(start.context.astype(np.int64)),
        Sampling(temperature=TEMPERATURE), [5], excluded_first=start.inside, weights="int8",
        mixture=model.mixture_of("fixed"),
    )  # fmt: skip
    expected = generator.write(len(symbols))[:, 0].tolist()
    pairs = zip(symbols, expected, strict=True)
    place = next(n for n, (one, other) in enumerate(pairs) if one != other)
    ids = start.context.tolist() + symbols[:place]
    exact = _cumulative(mixtures(model, ids, int8_logits(model, ids))[-1])
    rounded = _cumulative(
        run_engine([{"call": "logits", "ids": ids}], model, experts="fixed")[0][-1]
    )
    uniform = Uniforms([5]).draw(place + 1)[place, 0]
    first, last = sorted((symbols[place], expected[place]))
    rounding = np.abs(exact - rounded).max() + 1e-6
    assert place > 0
    assert rounding < 0.01
    assert np.abs(exact[first:last] - uniform).min() <= rounding, (place, uniform)


def _cumulative(logits: Any) -> np.ndarray[Any, Any]:
    scaled = np.asarray(logits, float) / TEMPERATURE
    shares = np.exp(scaled - scaled.max())
    return np.cumsum(shares / shares.sum())


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_texts_that_are_read_on_are_those_of_the_mixture(
    kind: SymbolKind, models: dict[SymbolKind, LanguageModel], engine: Engine
) -> None:
    model = models[kind]
    ids = ids_of(model, english(300, seed=4) + korean(150, seed=4))
    expected = mixtures(model, ids, int8_logits(model, ids))
    lengths = [130, 200, len(ids), 70, 3]
    asked = {"call": "reread", "texts": [ids[:length] for length in lengths]}
    for length, answer in zip(lengths, engine([asked], model, experts="fixed")[0], strict=True):
        assert np.abs(np.exp(answer["logits"]) - np.exp(expected[length - 1])).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_likeliest_characters_are_those_of_the_mixture(
    kind: SymbolKind, models: dict[SymbolKind, LanguageModel], engine: Engine
) -> None:
    model = models[kind]
    ids = ids_of(model, english(300, seed=4) + "나는 오늘 학")
    asked = {"call": "likely", "ids": ids, "options": {"count": 5, "temperature": 1}}
    found = [
        each
        for each in engine([asked], model, experts="fixed")[0]
        if each["text"] == "교" or each["text"].isascii()  # no part of a character
    ]
    assert "교" in [each["text"] for each in found]
    begins = model.vocabulary.starts_character
    for each in found:
        new = model.vocabulary.encode(each["text"]).tolist()
        logarithms = mixtures(model, ids + new, int8_logits(model, ids + new))
        shares = np.exp(logarithms.astype(float))[len(ids) - 1 :]
        expected = math.prod(shares[n, v] for n, v in enumerate(new)) / shares[0, begins].sum()
        grows = kind == "jamo" and len(new) > 1
        ends = shares[-1, begins].sum() if grows else 1
        assert each["probability"] == pytest.approx(expected * ends, rel=1e-2)


def test_logarithms_are_exact(engine: Engine) -> None:
    values = np.concatenate([np.geomspace(1e-30, 1e30, 4001), np.linspace(0.5, 2, 401)])
    found = np.array(engine([{"call": "log", "values": values.tolist()}])[0])
    assert np.abs(found - np.log(values)).max() < 2e-14
    near = np.abs(values - 1) < 0.5
    assert np.abs(found[near] - np.log(values[near])).max() < 2e-16


def test_a_run_without_experts_has_no_such_page(
    models: dict[SymbolKind, LanguageModel], tmp_path: Path, nextchar: Run
) -> None:
    path = models["char"]._run
    assert path is not None
    for name in ("config.json", "vocabulary.json", "model.safetensors"):
        (tmp_path / name).write_bytes((path / name).read_bytes())
    with pytest.raises(ConfigError, match="the run has no experts"):
        packed_model(LanguageModel.load(tmp_path), "fixed")
    out = tmp_path / "page.html"
    line = nextchar("export", "page", tmp_path, out, "--experts", "fixed").problem()
    assert "the run has no experts: --experts must be none; got fixed" in line
    other = models["byte"]._run
    assert other is not None
    (tmp_path / "experts.safetensors").write_bytes((other / "experts.safetensors").read_bytes())
    line = nextchar("export", "page", tmp_path, out, "--experts", "fixed").problem()
    assert "belongs to another vocabulary than the run" in line
    assert not out.exists()
    nextchar("export", "page", tmp_path, out).succeeded()


def test_the_command_tells_that_the_page_has_pieces_of_the_text(
    models: dict[SymbolKind, LanguageModel], tmp_path: Path, nextchar: Run
) -> None:
    run, out = models["char"]._run, tmp_path / "page.html"
    assert "training text" not in nextchar("export", "page", run, out).succeeded()
    assert json.loads(element(out.read_text(), "manifest"))["experts"] is None
    small = out.stat().st_size
    said = nextchar("export", "page", run, out, "--experts", "fixed", "--force").succeeded()
    assert "do not publish the page of a private text" in said
    assert f"{out.stat().st_size:,} bytes" in said
    assert out.stat().st_size > small
    values = nextchar(
        "export", "page", run, out, "--experts", "fixed", "--force", "--json"
    ).values()
    assert values["experts"] == "fixed"


def test_the_page_measures_and_writes_with_experts(
    models: dict[SymbolKind, LanguageModel],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    model = models["jamo"]
    text = english(200, seed=6) + korean(100, seed=6)
    ids = ids_of(model, text)
    logarithms = mixtures(model, ids, int8_logits(model, ids))[:-1]
    bits = -logarithms[np.arange(len(ids) - 1), ids[1:]].astype(float) / math.log(2)
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        page = opened(browser, model, tmp_path, prompt="나는 ", experts="fixed")
        call = f"score({json.dumps(text)}, () => {{}}).then((s) => [s.total, s.perCharacter])"
        total, per_character = ask(page, call)
        assert total == pytest.approx(bits.sum(), abs=1e-3 * len(ids))
        begins = model.vocabulary.starts_character[ids[1:]].sum()
        assert per_character == pytest.approx(bits.sum() / begins, abs=1e-3)
        assert "pieces of it" in page.value("document.getElementById('facts').textContent")
        page.click("button[lang=ko]")
        assert "일부" in page.value("document.getElementById('facts').textContent")
        page.click(".paragraph")
        page.wait("!document.getElementById('back').disabled")
        written = page.value("document.getElementById('text').value")
        expected = model.generate("나는 ", length=300, temperature=0.8, seed=1, weights="int8")
        assert expected.startswith(written)
        assert page.problems == []


def test_a_page_without_experts_does_not_tell_of_them(
    models: dict[SymbolKind, LanguageModel],
) -> None:
    page = model_page(models["char"], {}, title="A")
    names = [each["name"] for each in json.loads(element(page, "manifest"))["tensors"]]
    assert not [name for name in names if name.startswith("experts.")]
