"""Taggers with weights that nothing has trained, which give many different labels."""

from __future__ import annotations

from typing import Any

import torch

from nextchar.config import TaggerRunConfig
from nextchar.tasks.tagging.items import Item
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.tagging.model import TagModel
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.tasks.tagging.tagger import Tagger
from nextchar.text.vocabulary import learn

WINDOW = 16
SMALL: dict[str, Any] = {
    "hidden_size": 12, "embedding_size": 6, "window": WINDOW, "batch_size": 8,
    "precision": "float32", "epochs": 2, "ngram_buckets": 512,
}  # fmt: skip
TEXT = 'One day, "Élan" said: go  away! 오늘 뭐해? 나는 학교에 간다. Ño, ñandú Łódź.'


def items_of(text: str, restore: str | None) -> list[Item]:
    """Take text apart, or label vowels."""
    if restore is None:
        labels = ["B-v" if c in "aeiou" else "I-v" if c == "l" else "O" for c in text]
        return [Item(tuple(text), tuple(labels))]
    kinds = TaggerRunConfig.from_options({"restore": restore}).tagging.kinds
    characters, labels = Restoration(kinds).split(text)
    return [Item(tuple(characters), tuple(labels))]


def untrained(restore: str | None, **options: Any) -> Tagger:
    """Make a tagger whose weights are large, so that its labels follow from what it reads."""
    config = TaggerRunConfig.from_options({**SMALL, "restore": restore, **options})
    items = items_of(TEXT, restore)
    vocabulary = learn(config.items.vocabulary, [TEXT, TEXT.lower()], 1, unknown=True)
    model = TagModel(config, vocabulary, TagSet.of(items, config.tagging))
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(3)
    model.network.eval()
    return Tagger(model)
