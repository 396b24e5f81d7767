"""Small items whose label shows in every text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from nextchar.config.condition import ConditionRunConfig
from nextchar.tasks.conditioning.data import prepare
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.conditioning.model import ConditionalModel

LETTERS = {"soft": "aeiou", "hard": "ktpxz", "round": "obdq"}
SMALL: dict[str, Any] = {
    "hidden_size": 24, "embedding_size": 8, "condition_size": 6, "batch_size": 16, "epochs": 2,
    "precision": "float32", "dropout": 0.1,
}  # fmt: skip
LONG: dict[str, Any] = {"epochs": 12, "learning_rate": 0.01}


def words(count: int, seed: int = 1, *, edge: str = "") -> tuple[list[str], list[str]]:
    """Make up words of 2 to 6 letters, each of the letters of its label."""
    draw = random.Random(seed)
    labels = [draw.choice(list(LETTERS)) for _ in range(count)]
    texts = ["".join(draw.choices(LETTERS[label], k=draw.randint(2, 6))) + edge for label in labels]
    return texts, labels


def items(count: int = 120, seed: int = 1, *, edge: str = "") -> Items:
    texts, labels = words(count, seed, edge=edge)
    return Items.of(texts, labels=labels)


def numbers(texts: Sequence[str]) -> list[list[float]]:
    """Give each text's length and its share of vowels."""
    return [[len(text), sum(c in "aeiou" for c in text) / len(text)] for text in texts]


def untrained(given: Items, **options: Any) -> ConditionalModel:
    """Make a model that has learned its symbols, and nothing else."""
    config = ConditionRunConfig.from_options({**SMALL, **options})
    model = ConditionalModel(config, prepare(given, config).model.symbols)
    model.network.eval()
    return model
