"""From pairs to a run, its exact resuming, and what is loaded from it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextchar import Transducer
from nextchar.errors import ConfigError, Interrupted, RunError, TextError
from nextchar.tasks.result import ItemResult
from nextchar.tasks.transduction.task import (
    held_out,
    sampled,
)
from nextchar.training.events import Event, Noticed, StepDone
from tests.conftest import require_same_training

SMALL: dict[str, Any] = {
    "hidden_size": 16, "embedding_size": 8, "batch_size": 16, "steps": 20, "precision": "float32",
}  # fmt: skip


def reversals(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Make words and their letters backwards."""
    draw = np.random.default_rng(seed)
    words = ["".join(draw.choice(list("abcd"), draw.integers(1, 5))) for _ in range(count)]
    return [(word, word[::-1].upper()) for word in words]


def trained(out: Path, *listeners: Any, **options: Any) -> ItemResult:
    return Transducer.train(reversals(200), out, listeners=listeners, **{**SMALL, **options})


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned to turn words around."""
    out = tmp_path_factory.mktemp("runs") / "learned"
    Transducer.train(
        reversals(2000), out, **{**SMALL, "hidden_size": 32, "steps": 700, "learning_rate": 0.01}
    )
    return out


def test_what_is_learned_is_written(learned: Path) -> None:
    model = Transducer.load(learned)
    found = model.apply(["abca", "bd"], count=2)
    assert [each[0].text for each in found] == ["ACBA", "DB"]
    assert found[0][0].log_probability > found[0][1].log_probability
    assert model.apply("bd", beam=1)[0][0].text == "DB"
    measured = model.evaluate(reversals(100, 5))
    assert measured.sequence_error_rate < 0.1
    assert measured.symbol_error_rate <= measured.sequence_error_rate
    assert len(measured.mismatches) == round(100 * measured.sequence_error_rate)


def test_attention_of_a_reversal_falls_from_the_end_to_the_beginning(learned: Path) -> None:
    found = Transducer.load(learned).attention("abcd")
    assert found.source == tuple("abcd")
    assert found.target == tuple("DCBA")
    assert found.weights.shape == (4, 4)
    assert np.allclose(found.weights.sum(1), 1, atol=1e-6)
    assert found.output.text == "DCBA"


@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.9, "dropout": 0.2, "cell": "lstm"}])
def test_a_run_that_was_interrupted_resumes_bit_for_bit(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    trained(tmp_path / "whole", **options)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nextchar transduce train --resume"):
        trained(tmp_path / "cut", stop, **options)
    Transducer.resume(tmp_path / "cut")
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_the_pairs_of_a_source_are_not_parted(tmp_path: Path) -> None:
    pairs = [(f"{number % 50}", f"{number}") for number in range(200)]
    result = Transducer.train(pairs, tmp_path / "run", **{**SMALL, "steps": 1})
    assert (result.items, result.held_out) == (180, 20)
    model = Transducer.load(tmp_path / "run")
    examples = held_out(tmp_path / "run", model)
    sources = examples.texts["source"]
    assert len({model.symbols.source.decode(sources[item]) for item in range(20)}) == 5
    assert len(sampled(examples, 7, 0)) == 7
    assert len(sampled(examples, 70, 0)) == 20


def test_a_dictionary_has_tokens_as_targets(tmp_path: Path) -> None:
    (tmp_path / "small.dict").write_text("".join(f"w{n} W AH{n % 3}\n" for n in range(40)))
    Transducer.train(tmp_path / "small.dict", tmp_path / "run", **{**SMALL, "steps": 2})
    symbols = json.loads((tmp_path / "run" / "symbols.json").read_text())
    assert symbols["target"]["kind"] == "token"
    assert symbols["target"]["symbols"] == ["AH0", "AH1", "AH2", "W"]


@pytest.mark.parametrize("kind", ["byte", "jamo", "char"])
def test_every_vocabulary_of_sources_and_targets_can_be_used(tmp_path: Path, kind: str) -> None:
    pairs = [(f"{n}월", f"{n} month 값") for n in range(30)]
    options = {**SMALL, "steps": 2, "vocabulary": kind, "target_vocabulary": kind}
    Transducer.train(pairs, tmp_path / "run", **options)
    model = Transducer.load(tmp_path / "run")
    assert isinstance(model.apply(["3월"], max_length=5)[0][0].text, str)


def test_longer_pairs_are_left_out_and_that_is_told(tmp_path: Path) -> None:
    told: list[Event] = []
    result = Transducer.train(
        [*reversals(50), ("a" * 9, "b")], tmp_path / "run", listeners=[told.append],
        **{**SMALL, "steps": 1, "max_length": 8},
    )  # fmt: skip
    assert result.items + result.held_out == 50
    notes = [event.message for event in told if isinstance(event, Noticed)]
    assert notes == ["1 pair is left out, of 51: longer than max_length=8 characters"]


@pytest.mark.parametrize(
    ("texts", "options", "words"),
    [
        ([""], {}, "text 1 is empty, or has no known symbol"),
        (["ab", "a" * 1_000_000], {}, "text 2 has 1,000,000 characters; this run accepts"),
        (["axb"], {}, "unknown symbols 'x'"),
        (["xyz"], {"unknown": "skip"}, "text 1 is empty, or has no known symbol: got 'xyz'"),
        (["ab"], {"beam": 0}, "beam must be at least 1; got 0"),
        (["ab"], {"count": 6}, "count must be 1 to the beam's width of 5; got 6"),
        (["ab"], {"max_length": 0}, "max_length must be at least 1; got 0"),
        (["ab"], {"length_penalty": -1.0}, "length_penalty must be at least 0"),
    ],
)
def test_texts_and_options_that_cannot_be_used_are_refused(
    learned: Path, texts: list[str], options: dict[str, Any], words: str
) -> None:
    with pytest.raises((TextError, ConfigError), match=words):
        Transducer.load(learned).apply(texts, **options)


def test_strangers_can_be_read_as_unknown_or_left_out(learned: Path) -> None:
    model = Transducer.load(learned)
    assert model.apply(["axb"], unknown="replace")[0][0].text
    assert model.apply(["abxd"], unknown="skip") == model.apply(["abd"])


@pytest.mark.parametrize(
    ("pairs", "words"),
    [([], "no pairs were given"), ([("ab", " ")], "pair 1: the target is empty")],
)
def test_pairs_that_cannot_be_measured_are_refused(
    learned: Path, pairs: list[tuple[str, str]], words: str
) -> None:
    with pytest.raises(TextError, match=words):
        Transducer.load(learned).evaluate(pairs)


def test_a_limit_that_is_reached_is_told(learned: Path) -> None:
    (found,) = Transducer.load(learned).apply(["abcd"], beam=1, max_length=2)
    assert len(found[0].text) == 2
    assert found[0].reached_limit


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    for pairs, options, words in [
        ([], {}, "no pairs were given"),
        ([("ab", "c")], {"max_length": 1}, "no pair is left: all 1 are longer"),
        (reversals(20), {"freeze": 40}, "freeze must be below"),
    ]:
        with pytest.raises((TextError, ConfigError), match=words):
            Transducer.train(pairs, tmp_path / "run", **{**SMALL, **options})
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["", "{}", '{"source": {}, "target": {}, "longest_target": 3}'])
def test_damaged_symbols_are_found(learned: Path, tmp_path: Path, damage: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "model.safetensors"):
        (run / name).write_bytes((learned / name).read_bytes())
    (run / "symbols.json").write_text(damage)
    with pytest.raises(RunError, match=r"symbols\.json is damaged"):
        Transducer.load(run)
