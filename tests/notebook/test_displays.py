"""What a notebook shows of each result, and how IPython finds it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nextchar
import nextchar.inspection
from nextchar.errors import NextcharError
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.result import TrainingResult
from nextchar.notebook import fragments
from nextchar.notebook.registration import DISPLAYS, register
from tests.conftest import english

pytest.importorskip("matplotlib")
TEXT = english(400, seed=2)


class Shell:
    """As much of a shell of IPython as displays need."""

    def __init__(self) -> None:
        formatters = pytest.importorskip("IPython.core.formatters")
        self.display_formatter: Any = formatters.DisplayFormatter()

    def shown(self, value: object) -> str:
        """Give the HTML of a value."""
        data, _ = self.display_formatter.format(value)
        html: str = data["text/html"]
        return html


@pytest.fixture
def shell() -> Shell:
    found = Shell()
    register(found)
    return found


@pytest.fixture(scope="module")
def model(finished: Path) -> LanguageModel:
    return LanguageModel.load(finished)


def result_of(run: Path) -> TrainingResult:
    return TrainingResult(
        run=run,
        steps=30,
        steps_planned=40,
        best_step=20,
        nats_per_char=2.0,
        train_nats_per_char=1.5,
        parameters=1234,
        characters=1920,
        seconds=3.0,
        chars_per_second=640.0,
    )


def test_a_training_is_a_table_and_a_curve(shell: Shell, finished: Path) -> None:
    html = shell.shown(result_of(finished))
    for text in ("1,234", "30 of 40 (stopped early)", "2.0000 nats/char", "Learning curve"):
        assert text in html


def test_a_training_whose_run_is_gone_is_a_table(shell: Shell, tmp_path: Path) -> None:
    html = shell.shown(result_of(tmp_path / "<b>gone"))
    assert "1,234" in html
    assert "Learning curve" not in html
    assert "<b>" not in html


def test_an_evaluation_a_score_and_a_model_are_shown(shell: Shell, model: LanguageModel) -> None:
    evaluation = model.evaluate(TEXT)
    assert f"{evaluation.bits_per_char:.4f}" in shell.shown(evaluation)
    assert "bits per character" in shell.shown(model.score(TEXT))
    assert f"{model.parameters:,}" in shell.shown(model)


def test_an_inspection_is_words_and_a_picture(shell: Shell, model: LanguageModel) -> None:
    report = model.inspect.gates(TEXT)
    html = shell.shown(report)
    assert report.lines()[0].split()[0] in html
    assert 'src="data:image/png;base64,' in html


def test_where_there_is_no_html_an_inspection_is_words(shell: Shell, model: LanguageModel) -> None:
    report = model.inspect.gates(TEXT)
    data, _ = shell.display_formatter.format(report, include={"text/plain"})
    assert data == {"text/plain": "\n".join(report.lines())}


def test_without_matplotlib_an_inspection_is_words(
    shell: Shell, model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise NextcharError("pictures need matplotlib")

    monkeypatch.setattr(fragments, "require_drawing", missing)
    html = shell.shown(model.inspect.memory(TEXT))
    assert "<pre" in html
    assert "<img" not in html


def test_every_inspection_with_a_picture_has_a_display() -> None:
    modules = [
        importlib.import_module(f"nextchar.inspection.{each.name}")
        for each in pkgutil.iter_modules(nextchar.inspection.__path__)
    ]
    drawn = {
        f"{module.__name__}.{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and hasattr(value, "plot")
        if value.__module__ == module.__name__
    }
    assert drawn == {name for name in DISPLAYS if name.startswith("nextchar.inspection.")}


def test_every_class_with_a_display_exists() -> None:
    for path in DISPLAYS:
        module, _, name = path.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert found.__module__ == module


@pytest.mark.parametrize("is_running", [True, False])
def test_importing_nextchar_registers_the_displays_if_ipython_runs(
    is_running: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell()
    ipython = SimpleNamespace(get_ipython=lambda: shell if is_running else None)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    nextchar._register_displays()
    html = shell.display_formatter.formatters["text/html"]
    assert (len(html.deferred_printers) == len(DISPLAYS)) == is_running
