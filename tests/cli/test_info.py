"""``nextchar info``: what a run is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nextchar.language_model.model import LanguageModel
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
    shutil.rmtree(run / "last")
    assert "hidden_size 16" in nextchar("info", run).succeeded()


@pytest.mark.parametrize("arguments", [(), ("RUN", "--compile")])
def test_info_is_of_a_run_or_compiles(
    nextchar: Run, finished: Path, arguments: tuple[str, ...]
) -> None:
    given = [finished if each == "RUN" else each for each in arguments]
    assert "a run directory, or --compile without one" in nextchar("info", *given).problem()


def in_installation(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in an installation of its own, whose compiled code lies in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "nextchar", *map(str, arguments)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.slow
def test_an_installation_that_was_prepared_compiles_nothing_more(
    texts: Path, tmp_path: Path
) -> None:
    cache, run = tmp_path / "cache", tmp_path / "run"
    prepared = in_installation(cache, "info", "--compile", "--json")
    values = json.loads(prepared.stdout)
    assert values["compiling_seconds"] > 0
    assert {Path(folder).parent for folder in values["folders"]} == {cache}
    again = json.loads(in_installation(cache, "info", "--compile", "--json").stdout)
    assert again["compiling_seconds"] == 0
    train = ("train", texts / "english.txt", "--out", run, "--minutes", "0.02")
    for arguments in (train, ("generate", run, "--length", "1500")):
        outcome = in_installation(cache, *arguments)
        assert outcome.returncode == 0, outcome
        assert "compil" not in outcome.stderr


@pytest.mark.slow
def test_a_first_text_does_not_wait_for_the_compiler_and_the_next_one_has_its_code(
    finished: Path, tmp_path: Path
) -> None:
    command = ("generate", finished, "--length", "700", "--seed", "1")
    first = in_installation(tmp_path, *command)
    assert "compiling the loops of generation in the background" in first.stderr
    compiled = in_installation(tmp_path, *command, "--engine", "compiled")
    later = in_installation(tmp_path, *command)
    assert later.stderr == ""
    assert first.stdout == compiled.stdout == later.stdout


@pytest.mark.parametrize("kind", ["model", "classifier", "tagger", "transducer", "conditional"])
def test_the_learning_curve_of_any_run_is_drawn_with_its_best_step(
    kind: str, nextchar: Run, folders: dict[str, Path], tmp_path: Path
) -> None:
    picture = tmp_path / "curve.svg"
    shown = nextchar("info", folders[kind], "--picture", picture).succeeded()
    best = shown.splitlines()[-1].rpartition("at step ")[2]
    drawn = picture.read_text()
    assert f"best: step {best}, " in drawn
    assert "loss in bits/" in drawn
    rows = nextchar("info", folders[kind], "--json").values()["history"]
    assert int(best.replace(",", "")) in [row["step"] for row in rows]


def test_a_picture_needs_a_run_a_history_and_a_known_format(
    nextchar: Run, run: Path, tmp_path: Path
) -> None:
    assert "--picture is a file that ends in .png" in nextchar(
        "info", run, "--picture", tmp_path / "curve.bmp"
    ).problem()  # fmt: skip
    line = nextchar("info", "--compile", "--picture", tmp_path / "curve.png").problem()
    assert "--compile without one" in line
    (run / "metrics.jsonl").unlink()
    shutil.rmtree(run / "last")
    assert "no history" in nextchar("info", run, "--picture", tmp_path / "curve.png").problem()
    assert list(tmp_path.glob("curve.*")) == []


def test_without_matplotlib_the_command_names_what_to_install(
    nextchar: Run, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    line = nextchar("info", finished, "--picture", tmp_path / "curve.png").problem(1)
    assert "pip install 'nextchar[plots]'" in line
