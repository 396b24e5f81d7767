"""The progress of a training in a notebook."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.errors import NextcharError
from nextchar.notebook import progress
from nextchar.training.events import Noticed, Preparing, StepDone, Validated
from tests.conftest import TINY_OPTIONS


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """A cell of a notebook; every update is shown."""
    found = Cell()
    monkeypatch.setattr(pytest.importorskip("IPython.display"), "display", found.display)
    monkeypatch.setattr(progress, "_REFRESH_SECONDS", 0.0)
    return found


class Cell:
    """The output of a cell, which keeps all that it has shown."""

    def __init__(self) -> None:
        self.displays = 0
        self.shown: list[str] = []

    def display(self, value: Any, *, display_id: bool) -> Cell:
        """Show something that can change."""
        assert display_id
        self.displays += 1
        self.update(value)
        return self

    def update(self, value: Any) -> None:
        """Show something else in its place."""
        self.shown.append(value.data)


def step(number: int) -> StepDone:
    return StepDone(
        step=number,
        steps=100,
        epochs=1.5,
        train_nats=2.25,
        unit="char",
        learning_rate=0.01,
        gradient_norm=1.0,
        chars_per_second=27_100.0,
        seconds_left=65.0,
    )


def validated(sample: str | None = None) -> Validated:
    return Validated(
        step=50,
        steps=100,
        train_nats=2.0,
        validation_nats=2.5,
        unit="char",
        figures={},
        learning_rate=0.01,
        gradient_norm=1.0,
        gradient_norms={},
        chars_per_second=27_100.0,
        seconds=30.0,
        is_best=True,
        sample=sample,
    )


def test_a_step_shows_the_time_left_and_a_bar(cell: Cell) -> None:
    listener = nextchar.NotebookProgress()
    listener(step(10))
    assert '<progress value="0.100">10%</progress>' in cell.shown[-1]
    assert "1:05 left · step 10 of 100 · train 2.250 nats · 27.1k chars/s" in cell.shown[-1]


def test_one_output_changes_in_place(cell: Cell) -> None:
    listener = nextchar.NotebookProgress()
    listener(Preparing(stage="reading", fraction=0.5))
    for number in range(1, 6):
        listener(step(number))
    assert (cell.displays, len(cell.shown)) == (1, 6)
    assert "reading" in cell.shown[0]
    assert "reading" not in cell.shown[-1]


def test_validations_notes_and_samples_stay(cell: Cell) -> None:
    listener = nextchar.NotebookProgress()
    listener(Noticed(message="the text is <short>"))
    listener(validated(sample="<b>one\ntwo"))
    listener(step(51))
    for text in ("note: the text is &lt;short&gt;", "val 2.500 nats", "&lt;b&gt;one\ntwo"):
        assert text in cell.shown[-1]


def test_after_a_validation_no_time_is_left_to_wait_for(cell: Cell) -> None:
    listener = nextchar.NotebookProgress()
    listener(step(49))
    listener(validated())
    assert "left" not in cell.shown[-1]
    assert "step 50 of 100" in cell.shown[-1]


def test_steps_are_shown_at_intervals(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_REFRESH_SECONDS", 1000.0)
    listener = nextchar.NotebookProgress()
    for number in range(1, 6):
        listener(step(number))
    assert len(cell.shown) == 1


def test_the_bar_of_a_preparation_is_cleared_at_its_end(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_REFRESH_SECONDS", 1000.0)
    listener = nextchar.NotebookProgress()
    listener(Preparing(stage="reading", fraction=0.5))
    assert "reading" in cell.shown[-1]
    listener(Preparing(stage="reading", fraction=1.0))
    assert "reading" not in cell.shown[-1]


def test_it_follows_a_training(cell: Cell, texts: Path, tmp_path: Path) -> None:
    listener = nextchar.NotebookProgress()
    nextchar.train(texts / "english.txt", tmp_path / "run", listeners=[listener], **TINY_OPTIONS)
    assert "step 30/30  train" in cell.shown[-1]
    assert "note: experts: counts" in cell.shown[-1]
    assert "<progress" not in cell.shown[-1]
    assert cell.displays == 1


def test_without_ipython_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NextcharError, match="pip install 'nextchar\\[notebook\\]'"):
        progress.NotebookProgress()
