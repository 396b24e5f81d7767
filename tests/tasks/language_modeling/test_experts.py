"""Experts of whole runs: counted when a training ends, and mixed when a text is measured."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.evaluation.exact import read_in_order
from nextchar.evaluation.mixture import sum_mixed
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.training import train
from nextchar.run_files.expert_files import load_experts
from nextchar.tasks.language_modeling.data import held_out_pieces, open_corpus
from nextchar.training.checkpoint import EXPERTS_FILE
from tests.conftest import TINY_OPTIONS, Run, contents, english

TINY: dict[str, Any] = {**TINY_OPTIONS, "hidden_size": 8, "steps": 5}
TINY_WORDS = [
    word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))
]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a text that is long enough to hold out pieces; tests only read it."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "text.txt").write_text(english(115_000))
    train(folder / "text.txt", folder / "run", **TINY)
    return folder / "run"


def measured(nextchar: Run, run: Path, *words: object) -> dict[str, Any]:
    return nextchar("evaluate", run, *words, "--no-compressors", "--json").values()


def test_training_counts_the_text_and_says_so(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = nextchar("train", texts / "english.txt", "--out", run, *TINY_WORDS)
    outcome.succeeded()
    assert "experts: counts of 5,400 symbols in" in outcome.err
    assert "mixed with the same weights everywhere" in outcome.err
    model = LanguageModel.load(run)
    assert model.experts is not None
    assert model.experts.M == 8


def test_the_mixture_is_fitted_on_held_out_text(long: Path) -> None:
    experts = LanguageModel.load(long).experts
    assert experts is not None
    assert len(held_out_pieces(open_corpus(long), LanguageModel.load(long).config.experts)) == 32
    assert np.ptp(experts.weights.symbols, axis=0).max() > 0.01
    # The held-out text is counted as well, after the fit.
    ids = np.asarray(open_corpus(long).original)
    bigrams = len(set(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True)))
    tables = experts.tables
    entries = tables.first[tables.offsets[2]] - tables.first[tables.offsets[1]]
    assert int(entries) == bigrams


def test_evaluation_uses_fixed_experts_unless_told_otherwise(nextchar: Run, long: Path) -> None:
    usual = measured(nextchar, long)
    assert usual["experts"] == "fixed"
    fixed = measured(nextchar, long, "--experts", "fixed")
    assert usual["nats_per_char"] == fixed["nats_per_char"]
    alone = measured(nextchar, long, "--experts", "none")
    assert alone["experts"] == "none"
    assert "network_nats_per_char" not in alone
    assert usual["network_nats_per_char"] == pytest.approx(alone["nats_per_char"], abs=1e-4)
    assert usual["nats_per_char"] < alone["nats_per_char"] - 0.5


@pytest.mark.parametrize("use", ["fixed", "adaptive"])
def test_exact_evaluation_measures_the_network_beside_the_mixture(
    use: str, nextchar: Run, finished: Path
) -> None:
    mixed = measured(nextchar, finished, "--exact", "--experts", use)
    alone = measured(nextchar, finished, "--exact", "--experts", "none")
    assert mixed["experts"] == use
    assert mixed["network_nats_per_char"] == pytest.approx(alone["nats_per_char"], abs=1e-6)
    assert mixed["nats_per_char"] < alone["nats_per_char"]


def test_streams_and_a_single_pass_measure_nearly_the_same_mixture(
    nextchar: Run, finished: Path
) -> None:
    parallel = measured(nextchar, finished, "--experts", "fixed")
    exact = measured(nextchar, finished, "--experts", "fixed", "--exact")
    assert parallel["nats_per_char"] == pytest.approx(exact["nats_per_char"], abs=0.01)


def test_adaptive_experts_learn_from_the_text(
    nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.txt").write_text("qzxjw kvb! " * 100)
    words = (tmp_path / "other.txt", "--unknown", "skip")
    fixed = measured(nextchar, finished, *words, "--experts", "fixed")
    adaptive = measured(nextchar, finished, *words, "--experts", "adaptive")
    assert adaptive["experts"] == "adaptive"
    assert adaptive["nats_per_char"] < 0.5 * fixed["nats_per_char"]


@pytest.mark.parametrize("use", ["none", "fixed", "adaptive"])
def test_scores_add_up_to_the_evaluation(
    use: str, nextchar: Run, finished: Path, tmp_path: Path
) -> None:
    text = tmp_path / "other.txt"
    text.write_text(english(700, seed=4))
    scored = nextchar("score", finished, text, "--experts", use, "--json").values()
    figures = measured(nextchar, finished, text, "--exact", "--experts", use)
    assert scored["experts"] == use
    total = figures["bits_per_char"] * figures["characters"]
    assert scored["bits"] == pytest.approx(total, rel=1e-5)


def test_a_training_without_experts_makes_no_file(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("--experts", "none", *TINY_WORDS)
    nextchar("train", texts / "english.txt", "--out", run, *words).succeeded()
    assert not (run / EXPERTS_FILE).exists()
    assert measured(nextchar, run)["experts"] == "none"
    for use in ("fixed", "adaptive"):
        line = nextchar("evaluate", run, "--experts", use).problem()
        assert "the run has no experts" in line


def test_experts_do_not_change_the_network(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> None:
    # A text that is too short for held-out pieces is read as a whole.
    without = tmp_path / "without"
    train(texts / "english.txt", without, **{**TINY_OPTIONS, "experts": "none"})
    one, other = (measured(nextchar, run, "--experts", "none") for run in (finished, without))
    assert one["nats_per_char"] == other["nats_per_char"]


def test_damaged_experts_are_refused(nextchar: Run, run: Path, tmp_path: Path) -> None:
    path = run / EXPERTS_FILE
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    for words in (("evaluate", run), ("score", run, "-", "--experts", "fixed")):
        line = nextchar(*words, stdin=b"the dog").problem(2)
        assert "experts.safetensors is damaged" in line
    assert measured(nextchar, run, "--experts", "none")["experts"] == "none"


def test_resets_exclude_experts(nextchar: Run, finished: Path) -> None:
    assert measured(nextchar, finished, "--reset-every", 10)["experts"] == "none"
    words = ("--reset-every", 10, "--experts", "fixed")
    line = nextchar("evaluate", finished, *words).problem()
    assert "reset_every" in line.replace("-", "_")


def test_lost_experts_are_counted_again(nextchar: Run, long: Path, tmp_path: Path) -> None:
    run = shutil.copytree(long, tmp_path / "run")
    before = contents(run)
    (run / EXPERTS_FILE).unlink()
    nextchar("train", "--resume", run).succeeded()
    after = contents(run)
    assert after[str(EXPERTS_FILE)] == before[str(EXPERTS_FILE)]
    assert after["model.safetensors"] == before["model.safetensors"]


def test_resuming_a_finished_run_leaves_its_experts(nextchar: Run, run: Path) -> None:
    stamp = (run / EXPERTS_FILE).stat().st_mtime_ns
    nextchar("train", "--resume", run).succeeded()
    assert (run / EXPERTS_FILE).stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("vocabulary", "context", "expected"),
    [("char", None, 8), ("byte", None, 10), ("jamo", None, 10), ("char", 2, 2), ("byte", 16, 16)],
)
def test_the_longest_context_is_an_option(
    vocabulary: str, context: int | None, expected: int, texts: Path, tmp_path: Path
) -> None:
    options = {**TINY, "vocabulary": vocabulary, "expert_context": context}
    train(texts / "korean.txt", tmp_path / "run", **options)
    model = LanguageModel.load(tmp_path / "run")
    longest = load_experts(tmp_path / "run", model.vocabulary).M
    assert longest == expected


def test_the_size_of_the_counts_is_an_option(texts: Path, tmp_path: Path) -> None:
    train(texts / "english.txt", tmp_path / "run", **TINY, expert_megabytes=0.05)
    experts = LanguageModel.load(tmp_path / "run").experts
    assert experts is not None
    assert 10_000 < experts.tables.nbytes < 51_000


def test_the_pieces_of_a_pass_are_mixed_like_one_text(finished: Path) -> None:
    model = LanguageModel.load(finished)
    assert model.experts is not None
    ids = model.vocabulary.encode(english(9_000, seed=6))
    logits = torch.cat([each for each, _ in read_in_order(model.network, [ids])]).float().numpy()
    ends = np.arange(1, len(ids))
    for adaptive in (False, True):
        whole = model.experts.reader("adaptive" if adaptive else "fixed").nats(ids, ends, logits)
        found = sum_mixed(
            read_in_order(model.network, [ids]),
            model.experts.reader("adaptive" if adaptive else "fixed"),
        )
        assert found.mixed == pytest.approx(float(whole.sum()), rel=1e-9)
