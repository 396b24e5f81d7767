"""The classes that have a display, and their registration with IPython; imports nothing else."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

_INSPECTION = "nextchar.inspection."
# The functions of ``displays``, by the classes that they show.
DISPLAYS = {
    "nextchar.evaluation.result.Evaluation": "of_evaluation",
    "nextchar.evaluation.score.Score": "of_score",
    "nextchar.language_model.model.LanguageModel": "of_model",
    "nextchar.language_model.result.TrainingResult": "of_training",
    "nextchar.tasks.result.ItemResult": "of_items",
    f"{_INSPECTION}embedding_space.EmbeddingSpace": "of_inspection",
    f"{_INSPECTION}error_comparison.ErrorComparison": "of_inspection",
    f"{_INSPECTION}error_report.ErrorReport": "of_inspection",
    f"{_INSPECTION}gates.GateReport": "of_inspection",
    f"{_INSPECTION}gradient_comparison.GradientComparison": "of_inspection",
    f"{_INSPECTION}gradient_flow.GradientFlow": "of_inspection",
    f"{_INSPECTION}memory.MemoryReport": "of_inspection",
    f"{_INSPECTION}probe.Probe": "of_inspection",
    f"{_INSPECTION}temperature.TemperatureReport": "of_inspection",
    f"{_INSPECTION}training.TrainingCourse": "of_inspection",
    f"{_INSPECTION}units.UnitReport": "of_inspection",
}


def register(shell: Any) -> None:  # noqa: ANN401  (IPython's own type)
    """Let a running IPython show the results of nextchar."""
    formatters = shell.display_formatter.formatters
    for path, display in DISPLAYS.items():
        module, _, name = path.rpartition(".")
        formatters["text/html"].for_type_by_name(module, name, partial(_shown, display))
        if path.startswith(_INSPECTION):
            formatters["text/plain"].for_type_by_name(module, name, _print_words)


def _shown(display: str, value: object) -> str:
    displays = importlib.import_module("nextchar.notebook.displays")
    shown: str = getattr(displays, display)(value)
    return shown


def _print_words(report: Any, printer: Any, _is_cycle: bool) -> None:  # noqa: ANN401
    """Print the words of an inspection, where there is no HTML."""
    printer.text("\n".join(report.lines()))
