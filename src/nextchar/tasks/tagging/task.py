"""The tagging task: creates and trains runs of a tagger from plain text or labelled files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.config import TaggerRunConfig
from nextchar.errors import ConfigError, as_option
from nextchar.runs.task import Start
from nextchar.tasks.in_memory import files_or_items
from nextchar.tasks.item_task import ItemTask, PreparedItems
from nextchar.tasks.split import train_validation_split
from nextchar.tasks.tagging.encoding import encode_items
from nextchar.tasks.tagging.items import Item, TaggingData, tagging_items
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.tagging.model import TagModel
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.tasks.tagging.tagger import Tagger
from nextchar.text import vocabulary as vocabularies
from nextchar.text.notes import counted
from nextchar.training.events import Noticed, noting, tell

_ENOUGH_STEPS, _MOST_EPOCHS = 1500, 60


class TaggingTask(ItemTask):
    """Train a tagger: a label for each character."""

    key = "tag"
    command = "nextchar tag train"
    unit = TagModel.unit
    model_type = Tagger
    item_model = TagModel

    def reader(
        self, data: TaggingData, start: Start, *, columns: Sequence[str] = (), **options: object
    ) -> Callable[[], PreparedItems[TagModel]]:
        """Check the options of ``Tagger.train``, and return the reader of the items."""
        config = TaggerRunConfig.from_options(options)

        def read() -> PreparedItems[TagModel]:
            restoration = Restoration(config.tagging.kinds) if config.tagging.kinds else None
            if restoration is not None and files_or_items(data, Item, "items")[1]:
                raise ConfigError(f"{as_option('restore')} is for plain text; items have labels")
            items = tagging_items(
                data,
                config.items.reading,
                restoration,
                columns=columns,
                note=noting(start.listeners),
            )
            chosen = config
            if not options.keys() & {"epochs", "steps", "minutes"}:
                chosen = config.with_options(epochs=_usual_epochs(config, len(items)))
            return prepare(items, chosen, start)

        return read


TASK = TaggingTask()


def prepare(
    items: Sequence[Item], config: TaggerRunConfig, start: Start
) -> PreparedItems[TagModel]:
    """Return an untrained tagger for items, and the encoded items."""
    learned, held_out = split(items, config.items.validation_fraction, config.training.seed)
    window = config.tagging.window
    vocabulary = vocabularies.learn(
        _kind(config), ("".join(item.characters) for item in learned), config.items.min_count,
        unknown=True,
    )  # fmt: skip
    model = TagModel(config, vocabulary, TagSet.of(items, config.tagging))
    longer = sum(len(item.characters) > window for item in items)
    if longer:
        pieces = counted(longer, "item is", "items are") + " read in overlapping pieces"
        note = f"{pieces}: longer than the window of {window:,} characters"
        tell(start.listeners, Noticed(message=note))
    parts = (
        encode_items(part, vocabulary, model.labels.names, window) for part in (learned, held_out)
    )
    return PreparedItems(model, *parts)


def split(items: Sequence[Item], fraction: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Split items into a training and a validation part.

    ``fraction`` is the validation share of the distinct texts. Items with equal texts are in the
    same part, even if their labels differ.
    """
    group: dict[tuple[str, ...], int] = {}
    groups: NDArray[np.int64] = np.array(
        [group.setdefault(item.characters, len(group)) for item in items], dtype=np.int64
    )
    _, held_out = train_validation_split(len(group), fraction, seed)
    is_held_out = np.isin(groups, held_out)
    parts = zip(items, is_held_out, strict=True)
    learned: list[Item] = []
    other: list[Item] = []
    for item, held in parts:
        (other if held else learned).append(item)
    return learned, other


def _usual_epochs(config: TaggerRunConfig, items: int) -> float:
    """Return the default number of epochs, increased for small data sets."""
    usual = config.items.epochs or 1.0
    enough = _ENOUGH_STEPS * config.training.batch_size / items
    return max(usual, min(_MOST_EPOCHS, math.ceil(enough)))


def _kind(config: TaggerRunConfig) -> Any:  # noqa: ANN401  (words are rejected earlier)
    return config.items.vocabulary
