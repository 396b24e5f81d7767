"""``nextchar tune``: killed, shared, and the best of it trained again."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.conftest import TINY, Run, Start

pytest.importorskip("optuna")

SEARCH = ("--search", "learning-rate=1e-3..1e-1:log", "--search", "dropout=0,0.2")


def test_a_search_is_shown_and_its_best_options_train(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out, text = tmp_path / "out", texts / "english.txt"
    command = ("tune", text, "--out", out, *TINY, *SEARCH, "--trials", "3")
    outcome = nextchar(*command, "--picture", tmp_path / "search.svg")
    printed = outcome.succeeded()
    assert outcome.err.count("\n") == 3
    assert outcome.err.startswith("trial 1/3  ")
    head = [cell.strip() for cell in printed.splitlines()[0].split("|")]
    assert head[1:-1] == ["trial", "nats/char", "bits/char", "s", "learning_rate", "dropout"]
    assert f"nextchar train TEXT --config {out / 'best.toml'} --out RUN" in printed
    assert (tmp_path / "search.svg").read_bytes().startswith(b"<?xml")
    found = nextchar(*command, "--json", "--quiet").values()
    assert found["counts"] == {"complete": 3, "pruned": 0, "failed": 0, "running": 0}
    best = ("--config", out / "best.toml")
    again = nextchar("train", text, "--out", tmp_path / "again", *best, "--json").values()
    assert again["nats_per_char"] == found["best"]["nats_per_char"]
    longer = nextchar(
        "train", text, "--out", tmp_path / "longer", *best, "--steps", "35", "--json"
    ).values()
    assert longer["steps"] == 35


def test_a_search_that_is_killed_half_way_loses_nothing_and_processes_share_it(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    def command(out: str) -> tuple[object, ...]:
        options = (*TINY, *SEARCH, "--steps", "200", "--trials", "5", "--pruning", "none")
        return ("tune", texts / "english.txt", "--out", tmp_path / out, *options, "--json", "-q")

    journal = tmp_path / "out" / "journal.jsonl"
    killed = start(*command("out"))
    third = tmp_path / "out" / "trials" / "003" / "last" / "training.safetensors"
    killed.wait_until(third.exists)
    killed.send(signal.SIGKILL)
    assert killed.code() == -signal.SIGKILL
    assert b'"trial_id":3' not in journal.read_bytes()
    processes = [start(*command("out")) for _ in range(2)]
    for process in processes:
        process.outcome().succeeded()
    trials = nextchar(*command("out")).values()["trials"]
    whole = nextchar(*command("whole")).values()["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 5
    # What two processes try at the same time depends on which is first; what was before does not.
    for trial, same in zip(trials[:3], whole[:3], strict=True):
        assert trial["options"] == same["options"]
        assert trial["nats_per_char"] == same["nats_per_char"]
    assert not list((tmp_path / "out" / "trials").glob("*.lock"))


def test_the_options_of_a_file_give_way_to_the_command_line(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    config = tmp_path / "options.toml"
    config.write_text('cell = "gru"\nhidden_size = 12\nminutes = 5\n')
    out = tmp_path / "run"
    arguments = ("train", texts / "english.txt", "--out", out, "--config", config)
    nextchar(*arguments, *TINY).succeeded()
    network = json.loads((out / "config.json").read_text())["network"]
    assert (network["cell"], network["hidden_size"]) == ("gru", 16)
    assert "--config" in nextchar("train", "--resume", out, "--config", config).problem()
    config.write_text("hiden_size = 12\n")
    line = nextchar("train", texts / "english.txt", "--out", out, "--config", config).problem()
    assert "options.toml: unknown option 'hiden_size': did you mean 'hidden_size'" in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--search", "dropout"), "--search needs NAME=LOW..HIGH or NAME=VALUE,VALUE"),
        (("--search", "droput=0..1"), "did you mean 'dropout'"),
        (("--search", "dropout=0..1"), "dropout must be at least 0 and below 1; got 1.0"),
        (("--space", "gone.toml"), "cannot read gone.toml"),
        (("--picture", "search.gif"), "ends in .png, .svg, .pdf"),
        (("--method", "gird"), "gird"),
        (("--trials", "0"), "trials must be above 0"),
    ],
)
def test_what_cannot_be_searched_is_one_line(
    nextchar: Run, texts: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    text, out = texts / "english.txt", tmp_path / "out"
    assert reason in nextchar("tune", text, "--out", out, "--steps", "5", *arguments).problem()
    assert not out.exists()
