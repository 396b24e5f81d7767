"""Cross-validation: each fold held out once, nothing of it learned, gone on with."""

from __future__ import annotations

import dataclasses
import math
import statistics
from pathlib import Path
from typing import Any

import pytest

from nextchar.errors import ConfigError, InputError, RunError
from nextchar.experiments import CrossValidation, FoldFigures, crossval
from nextchar.language_model.training import train
from nextchar.run_files.model_files import load_config, load_vocabulary
from nextchar.runs.training import history
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.training.checkpoint import LAST_FILE, load_tensors
from tests.conftest import TINY_OPTIONS, contents, english

FEW: dict[str, Any] = {**TINY_OPTIONS, "steps": 4, "validate_every": 2}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(english(3000))
    return path


def test_every_fold_is_held_out_once(text: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    result = crossval(text, out, folds=3, announce=lines.append, seed=7, **FEW)
    assert lines[1] == "fold 2/3: characters 1,000 to 2,000 held out"
    held_out = []
    for number, fold in enumerate(result.folds, 1):
        run = out / "runs" / f"fold-{number}"
        assert (fold.fold, fold.start, fold.end) == (number, 1000 * (number - 1), 1000 * number)
        config = load_config(run)
        assert (config.text.folds, config.text.fold, config.training.seed) == (3, number, 7)
        held_out.append(load_vocabulary(run).decode(open_corpus(run).validation))
        rows = [row["validation_nats_per_char"] for row in history(run)]
        assert (fold.nats_per_char, fold.last_nats_per_char) == (min(rows), rows[-1])
    assert "".join(held_out) == text.read_text()
    assert (out / "table.md").read_text() == result.markdown()


def test_a_cross_validation_goes_on_where_it_stopped(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    class Stop(Exception):  # noqa: N818
        pass

    def stop(event: object) -> None:
        if (out / "results" / "fold-1.json").exists():
            raise Stop

    with pytest.raises(Stop):
        crossval(text, out, folds=2, listeners=[stop], **FEW)
    before = contents(out / "runs" / "fold-1")
    whole = crossval(text, out, folds=2, **FEW)
    assert contents(out / "runs" / "fold-1") == before
    assert crossval(text, out, folds=2, **FEW) == whole
    with pytest.raises(RunError, match="holds another cross-validation, with other folds:"):
        crossval(text, out, folds=3, **FEW)
    with pytest.raises(RunError, match="with other options"):
        crossval(text, out, folds=2, **{**FEW, "steps": 5})


def test_with_minutes_the_first_run_is_planned_for_all(text: Path, tmp_path: Path) -> None:
    text.write_text(english(400))  # So short that a hundred epochs end long before the minutes.
    sizes: dict[str, Any] = {"hidden_size": 8, "batch_size": 4, "sequence_length": 8}
    crossval(text, tmp_path / "out", folds=2, minutes=0.3, **sizes)
    first, second = (load_config(tmp_path / "out" / "runs" / f"fold-{n}") for n in (1, 2))
    assert first.network == second.network
    assert dataclasses.replace(first.training, minutes=None) == second.training


def test_the_text_of_a_fold_changes_nothing_that_is_learned(tmp_path: Path) -> None:
    """Not the weights, not the vocabulary: even where the fold has symbols of its own."""
    around = english(2000)
    runs = []
    for number, held_out in enumerate([english(1000, seed=2), "완전히 다른 글! " * 100]):
        path = tmp_path / f"{number}.txt"
        path.write_text(around[:1000] + held_out[:1000] + around[1000:], encoding="utf-8")
        runs.append(tmp_path / f"run-{number}")
        train(path, runs[-1], folds=3, fold=2, **{**FEW, "validate_every": 4})
    assert load_vocabulary(runs[0]) == load_vocabulary(runs[1])
    learned = [load_tensors(run / LAST_FILE)[0] for run in runs]
    assert learned[0].keys() == learned[1].keys()
    assert all((learned[0][name] == learned[1][name]).all() for name in learned[0])
    losses = [history(run)[-1]["validation_nats_per_char"] for run in runs]
    assert losses[0] != losses[1]


def losses_after(first: str, tmp_path: Path, **options: Any) -> list[float]:
    """Read 1,000 other characters after some, window by window, and give their losses.

    With a rate that moves no weight, they depend on the state alone.
    """
    path, run = tmp_path / "text.txt", tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
    path.write_text(first + english(1000, seed=9) + english(1000, seed=8))
    sizes = {"batch_size": 1, "sequence_length": 100, "steps": 20, "validate_every": 1}
    train(path, run, **{**FEW, **sizes, "learning_rate": 1e-30, **options})
    return [row["train_nats_per_char"] for row in history(run)[10:]]


def test_nothing_is_carried_over_the_border_that_a_fold_leaves(tmp_path: Path) -> None:
    firsts = [english(1000, seed=3), english(1000, seed=4)]
    over_a_border = [losses_after(first, tmp_path, folds=3, fold=2) for first in firsts]
    assert over_a_border[0] == over_a_border[1]
    without = [losses_after(first, tmp_path, validation_fraction=0.1) for first in firsts]
    assert without[0] != without[1]


def figures(fold: int, nats: float, last: float) -> FoldFigures:
    return FoldFigures(
        fold=fold, start=0, end=9, unknown=1, parameters=5, steps=4, seconds=1.0,
        nats_per_char=nats, last_nats_per_char=last, train_nats_per_char=nats,
    )  # fmt: skip


def test_mean_and_deviation_are_those_of_the_folds() -> None:
    nats, last = [1.0, 1.2, 1.7], [1.1, 1.2, 1.9]
    result = CrossValidation(
        tuple(figures(n, a, b) for n, (a, b) in enumerate(zip(nats, last, strict=True), 1))
    )
    values = result.to_dict()
    assert values["nats_per_char_mean"] == pytest.approx(1.3)
    assert values["nats_per_char_sd"] == pytest.approx(math.sqrt(0.13))
    assert values["bits_per_char_sd"] == pytest.approx(math.sqrt(0.13) / math.log(2))
    assert values["last_bits_per_char_mean"] == pytest.approx(1.4 / math.log(2))
    assert values["last_bits_per_char_sd"] == pytest.approx(statistics.stdev(last) / math.log(2))
    last_row = [cell.strip() for cell in result.markdown().splitlines()[-1].split("|")]
    assert last_row[1:-1] == ["mean ± sd", "", "", "", "", "1.876 ± 0.520", "2.020 ± 0.629", ""]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"folds": 1}, "folds must be at least 2"),
        ({"folds": 2000}, "too short for 2000 folds: it has 3000 characters, they need 4000"),
        ({"fold": 2}, "fold cannot be set; got 2"),
        ({"validation_fraction": 0.1}, "validation_fraction and test_fraction must be 0"),
        ({"hiden_size": 3}, "did you mean 'hidden_size'"),
        ({"folds": 3, "batch_size": 900}, "the training part is too small"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    options: dict[str, Any], reason: str, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason):
        crossval(text, tmp_path / "out", **{**FEW, **options})
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="name files instead of -"):
        crossval("-", tmp_path / "out")
