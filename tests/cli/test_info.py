"""``nextchar info``: what a run is."""

from __future__ import annotations

from pathlib import Path

from nextchar.model import LanguageModel
from tests.conftest import Run


def test_info_shows_configuration_vocabulary_and_history(nextchar: Run, finished: Path) -> None:
    outcome = nextchar("info", finished)
    shown = outcome.succeeded()
    assert outcome.err == ""
    assert "hidden_size 16" in shown
    assert "char, " in shown
    assert f"{LanguageModel.load(finished).parameters:,}" in shown
    assert len([line for line in shown.splitlines() if line.strip()[:2] in ("3 ", "30")]) == 2


def test_json_of_info_holds_the_whole_run(nextchar: Run, finished: Path) -> None:
    values = nextchar("info", finished, "--json").values()
    model = LanguageModel.load(finished)
    assert values["parameters"] == model.parameters
    assert values["vocabulary"]["size"] == len(model.vocabulary)
    assert values["config"] == model.config.to_dict()
    assert [row["step"] for row in values["history"]] == list(range(3, 31, 3))
    assert values["history"][-1].keys() >= {
        "train_nats_per_char",
        "train_bits_per_char",
        "validation_nats_per_char",
        "validation_bits_per_char",
        "seconds",
        "chars_per_second",
    }


def test_a_run_without_history_is_still_shown(nextchar: Run, run: Path) -> None:
    (run / "metrics.jsonl").unlink()
    assert "hidden_size 16" in nextchar("info", run).succeeded()
