"""``nextchar bigram``: the baseline, its table, its picture."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Run, english


def test_the_held_out_part_is_that_of_training(nextchar: Run, finished: Path, texts: Path) -> None:
    figures = nextchar("bigram", texts / "english.txt", "--json").values()
    trained = nextchar("evaluate", finished, "--json").values()
    assert figures["characters"] == trained["characters"]
    assert figures["bits_per_char"] == pytest.approx(figures["nats_per_char"] / math.log(2))
    assert figures["bits_per_char"] < figures["unigram_bits_per_char"] < math.log2(30)
    assert next(iter(figures["successors"])) == " "
    assert figures["successors"]["e"][" "] > 0.2
    assert len(figures["sample"]) == 200


def test_the_measure_is_that_of_the_counts(nextchar: Run, tmp_path: Path) -> None:
    text = english(1000)
    (tmp_path / "text.txt").write_text(text)
    figures = nextchar("bigram", tmp_path / "text.txt", "--json", "--smoothing", 1).values()
    symbols = sorted(set(text))
    counts = np.ones((len(symbols), len(symbols)))
    for before, after in pairwise(text[:900]):
        counts[symbols.index(before), symbols.index(after)] += 1
    table = np.log(counts / counts.sum(axis=1, keepdims=True))
    nats = [
        table[symbols.index(before), symbols.index(after)] for before, after in pairwise(text[900:])
    ]
    assert figures["nats_per_char"] == pytest.approx(-np.mean(nats))


def test_the_table_the_network_and_the_sample_are_shown(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    outcome = nextchar(
        "bigram", texts / "english.txt", "--network", 60, "--picture", tmp_path / "table.svg"
    )
    shown = outcome.succeeded()
    assert "bits/char" in shown
    assert "  e → ␣ 0." in shown
    assert "␣ → " in shown
    assert "      50 steps" in shown
    assert "  the counts" in shown
    assert (tmp_path / "table.svg").read_text().startswith("<?xml")
    assert outcome.err == ""


@pytest.mark.parametrize("kind", ["byte", "jamo"])
def test_korean_is_learned_in_other_symbols(nextchar: Run, texts: Path, kind: str) -> None:
    figures = nextchar("bigram", texts / "korean.txt", "--vocabulary", kind, "--json").values()
    assert figures[f"bits_per_{kind}"] < figures["bits_per_char"]
    assert figures["characters"] > 250


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--smoothing", "0"), "smoothing must be above 0"),
        (("--length", "-1"), "--length must be at least 0"),
        (("--validation-fraction", "1"), "validation_fraction"),
        (("--picture", "table.gif"), "ends in .png, .svg, .pdf"),
        (("--vocabulary", "word"), "'word'"),
        (("--min-count", "100000"), "smaller --min-count"),
    ],
)
def test_bad_options_are_one_line(
    nextchar: Run, texts: Path, options: tuple[str, ...], words: str
) -> None:
    assert words in nextchar("bigram", texts / "english.txt", *options, "--quiet").problem()


def test_texts_of_no_use_are_one_line(nextchar: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "one.txt").write_text("a" * 50)
    assert "empty" in nextchar("bigram", tmp_path / "empty.txt").problem()
    assert "one distinct symbol" in nextchar("bigram", tmp_path / "one.txt").problem()
    assert "no such file" in nextchar("bigram", tmp_path / "gone.txt").problem()


def test_all_of_a_text_can_be_learned_and_nothing_measured(nextchar: Run, texts: Path) -> None:
    shown = nextchar("bigram", texts / "english.txt", "--validation-fraction", 0).succeeded()
    assert "held out" not in shown
    assert "of " in shown


def test_the_first_network_step_is_no_better_than_nothing(nextchar: Run, texts: Path) -> None:
    figures = nextchar("bigram", texts / "english.txt", "--network", 3, "--json").values()
    nats = figures["network_train_nats_per_symbol"]
    assert nats[0] == pytest.approx(math.log(figures["symbols"]))
    assert nats == sorted(nats, reverse=True)
    assert nats[-1] > figures["train_nats_per_symbol"]
