"""``nextchar crossval``: a table, and the same as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TINY, Run


def test_folds_are_shown_with_mean_and_deviation(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    command = ("crossval", texts / "english.txt", "--out", tmp_path / "out", "--folds", "2", *TINY)
    outcome = nextchar(*command)
    printed = outcome.succeeded()
    assert "fold 2/2: characters 3,000 to 6,000 held out" in outcome.err
    rows = [line.replace(" ", "").split("|") for line in printed.splitlines()]
    assert ["1", "0–3,000", "0", "30"] in [row[1:5] for row in rows]
    assert "| mean ± sd |" in printed
    values = nextchar(*command, "--json", "--quiet").values()
    assert [fold["start_char"] for fold in values["folds"]] == [0, 3000]
    assert f"{values['bits_per_char_mean']:.3f} ± {values['bits_per_char_sd']:.3f}" in printed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--folds", "1"), "folds must be at least 2 to cross-validate; got 1"),
        (("--folds", "5000"), "too short for 5000 folds: it has 6000 characters"),
        (("--patience", "-1"), "patience must be at least 0"),
    ],
)
def test_what_cannot_be_is_one_line(
    nextchar: Run, texts: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    outcome = nextchar("crossval", texts / "english.txt", "--out", tmp_path / "out", *arguments)
    assert reason in outcome.problem()
    assert not (tmp_path / "out").exists()


def test_only_what_the_user_set_is_told_to_have_no_effect_and_only_once(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    command = ("crossval", texts / "english.txt", "--folds", "2", *TINY)
    outcome = nextchar(*command, "--out", tmp_path / "plain")
    outcome.succeeded()
    assert "note:" not in outcome.err
    outcome = nextchar(*command, "--out", tmp_path / "idle", "--momentum", "0.5")
    outcome.succeeded()
    notes = [line for line in outcome.err.splitlines() if "note:" in line]
    assert notes == ["note: without effect: momentum needs optimizer sgd"]
