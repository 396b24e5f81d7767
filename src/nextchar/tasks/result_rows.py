"""The result of a training as rows of names and values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nextchar.rendering.training_words import duration

if TYPE_CHECKING:
    from nextchar.language_model.result import TrainingResult
    from nextchar.tasks.result import ItemResult

Rows = list[tuple[str, str]]


def language_model_rows(result: TrainingResult) -> Rows:
    """Return the rows of a language model."""
    perplexity = math.exp(result.nats_per_char)
    return [
        ("run", str(result.run)),
        ("parameters", f"{result.parameters:,}"),
        ("steps", _steps(result)),
        ("speed", f"{result.chars_per_second:,.0f} chars/s"),
        ("train", _loss(result.train_nats_per_char, "char")),
        ("best", f"{_loss(result.nats_per_char, 'char')}, perplexity {perplexity:.3f}"),
    ]


def item_rows(result: ItemResult) -> Rows:
    """Return the rows of a model that learned from items."""
    held_out = f"{result.held_out:,} held out" if result.held_out else "none held out"
    return [
        ("run", str(result.run)),
        ("parameters", f"{result.parameters:,}"),
        ("items", f"{result.items:,} for training, {held_out}"),
        ("steps", f"{_steps(result)}, {result.epochs:.3g} epochs"),
        ("speed", f"{result.chars_per_second:,.0f} chars/s"),
        ("train", _loss(result.train_nats, result.unit)),
        ("best", _loss(result.nats, result.unit)),
        *(_figure(name, value) for name, value in result.figures.items()),
    ]


def _steps(result: TrainingResult | ItemResult) -> str:
    is_whole = result.steps == result.steps_planned
    early = "" if is_whole else f" of {result.steps_planned:,} (stopped early)"
    spent = duration(result.seconds)
    return f"{result.steps:,}{early} in {spent}, best at {result.best_step:,}"


def _loss(nats: float, unit: str) -> str:
    return f"{nats:.4f} nats/{unit}, {nats / math.log(2):.4f} bits/{unit}"


def _figure(name: str, value: float) -> tuple[str, str]:
    title = name.replace("_", " ")
    if name.endswith("_error_rate"):
        return title, f"{100 * value:.2f} %"
    return title, f"{value:.4f}"
