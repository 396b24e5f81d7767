"""From items to an untrained conditional model, and the encoded items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.config.condition import ConditionRunConfig
from nextchar.errors import TextError, as_option
from nextchar.tasks.conditioning.conditions import Conditions, Features, LabelCondition
from nextchar.tasks.conditioning.items import Items
from nextchar.tasks.conditioning.model import ConditionalModel
from nextchar.tasks.conditioning.symbols import TextCodec, boundary_of
from nextchar.tasks.item_task import PreparedItems
from nextchar.tasks.split import hold_out
from nextchar.training.events import Listener, Noticed, tell

_LISTED = 8


def prepare(
    items: Items, config: ConditionRunConfig, listeners: Sequence[Listener] = ()
) -> PreparedItems[ConditionalModel]:
    """Split items, and learn from the training part which symbols and conditions there are.

    Equal items (a text and its label) are held out together, so that none that is measured was
    learned from; a share of each label is held out.

    Raises
    ------
    TextError
        A text is too long, holds the boundary, or there is only one label.
    """
    _require_lengths(items, config.items.max_length)
    train, held_out = _split(items, config)
    conditions = _conditions(items, train, listeners)
    shown = ", ".join(conditions.names[:_LISTED]) + (" …" * (len(conditions.names) > _LISTED))
    counted = f"{len(items):,} texts, {len(conditions.names)} {conditions.kind}: {shown}"
    tell(listeners, Noticed(message=counted))
    texts = [items.texts[index] for index in train]
    symbols = TextCodec.learned(texts, boundary_of(items), conditions, config)
    examples = symbols.examples(items)
    model = ConditionalModel(config, symbols)
    return PreparedItems(model, examples.subset(train), examples.subset(held_out))


def _require_lengths(items: Items, longest: int) -> None:
    for text, place in zip(items.texts, items.places, strict=True):
        if len(text) > longest:
            raise TextError(
                f"{place}: the text has {len(text):,} characters, and {as_option('max_length')} is "
                f"{longest:,}: cut it, or give a larger one"
            )


def _split(items: Items, config: ConditionRunConfig) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw what is held out, of distinct items; with labels, of each label's."""
    labels = items.labels or [""] * len(items)
    pairs = list(zip(labels, items.texts, strict=True))
    distinct = {pair: index for index, pair in enumerate(dict.fromkeys(pairs))}
    names = {label: index for index, label in enumerate(sorted(set(labels)))}
    _, held = hold_out(
        len(distinct),
        config.items.validation_fraction,
        config.training.seed,
        labels=[names[label] for label, _ in distinct],
    )
    is_held = np.isin([distinct[pair] for pair in pairs], held)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _conditions(
    items: Items, train: NDArray[np.int64], listeners: Sequence[Listener]
) -> Conditions:
    if items.features is None:
        labels = items.labels or ()
        return LabelCondition.of([labels[index] for index in train])
    features = items.features[train]
    for number in np.flatnonzero(np.ptp(features, axis=0) == 0):
        tell(listeners, Noticed(message=f"feature {items.names[number]!r} is the same everywhere"))
    return Features.of(items.names, features)
