"""Small labelled texts that the tests make themselves."""

from __future__ import annotations

import random
from typing import Any

from nextchar.text.labelled import LabelledText

# A network and a training that take a moment.
TINY: dict[str, Any] = {
    "hidden_size": 8, "embedding_size": 6, "batch_size": 8, "epochs": 3, "precision": "float32",
    "ngrams": 2, "ngram_bag": 0, "ngram_buckets": 64, "ema_decay": 0.0, "dropout": 0.2,
    "linear_rows": 0,
}  # fmt: skip
TINY_WORDS = tuple(
    word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))
)

_SYLLABLES = {
    "north": ("ska", "vik", "ulf", "gard", "stor", "dal"),
    "south": ("ola", "ini", "amo", "etta", "ora", "ucci"),
    "west": ("mac", "gil", "bride", "owen", "lin", "ean"),
}


def names(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Make up names whose syllables tell their label."""
    draw = random.Random(seed)
    made: dict[str, str] = {}
    while len(made) < count:
        label = draw.choice(list(_SYLLABLES))
        made["".join(draw.choices(_SYLLABLES[label], k=draw.randint(1, 4)))] = label
    return list(made.items())


def items(count: int, seed: int = 1) -> list[LabelledText]:
    return [LabelledText(f"line {n}", *pair) for n, pair in enumerate(names(count, seed), 1)]
