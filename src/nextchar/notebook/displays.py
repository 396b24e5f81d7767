"""The HTML of each result."""

from __future__ import annotations

from typing import Protocol

from nextchar.errors import NextcharError
from nextchar.evaluation import Evaluation
from nextchar.evaluation.score import Score
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.result import TrainingResult
from nextchar.notebook.fragments import Drawn, heat_map, learning_curve, picture, table, words
from nextchar.rendering.evaluation_rows import evaluation_rows
from nextchar.runs.training import history
from nextchar.tasks.result import ItemResult
from nextchar.tasks.result_rows import item_rows, language_model_rows


class Inspected(Drawn, Protocol):
    """The result of an inspection: words and a picture."""

    def lines(self) -> list[str]:
        """Return it in words."""


def of_training(result: TrainingResult) -> str:
    """Return the metrics and the learning curve of a language model."""
    return table(language_model_rows(result)) + _curve(result, "char")


def of_items(result: ItemResult) -> str:
    """Return the metrics and the learning curve of a model that learned from items."""
    return table(item_rows(result)) + _curve(result, result.unit)


def of_evaluation(result: Evaluation) -> str:
    """Return the figures of an evaluation."""
    return table(evaluation_rows(None, result))


def of_score(score: Score) -> str:
    """Return the text of a score, shaded by its bits."""
    return heat_map(score)


def of_model(model: LanguageModel) -> str:
    """Return the size of a model."""
    vocabulary = model.vocabulary
    return table(
        [
            ("network", model.config.network.summary),
            ("vocabulary", f"{vocabulary.kind}, {len(vocabulary):,} symbols"),
            ("parameters", f"{model.parameters:,}"),
        ]
    )


def of_inspection(report: Inspected) -> str:
    """Return the result of an inspection in words, and its picture."""
    return words(report.lines()) + picture(report)


def _curve(result: TrainingResult | ItemResult, unit: str) -> str:
    """Return the learning curve of a run; nothing if the run is no longer there."""
    try:
        return learning_curve(history(result.run), unit=unit)
    except NextcharError:
        return ""
