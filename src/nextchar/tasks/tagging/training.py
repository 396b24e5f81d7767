"""From texts, or files with labels, to a run of a tagger."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.config import TaggerRunConfig
from nextchar.config.arguments import checked
from nextchar.tasks.runs import ItemResult, resume_items, train_items
from nextchar.tasks.split import hold_out
from nextchar.tasks.tagging.encoding import encode_items
from nextchar.tasks.tagging.items import Item, read_items
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.tagging.model import TagModel
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.text import vocabulary as vocabularies
from nextchar.text.notes import counted
from nextchar.training.events import Listener, Noticed, noting, tell
from nextchar.training.folder import in_the_way_error, is_in_the_way

_ENOUGH_STEPS, _MOST_PASSES = 1500, 60


@checked
def train_tagger(
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    columns: Sequence[str] = (),
    listeners: Sequence[Listener] = (),
    **options: Any,  # noqa: ANN401
) -> ItemResult:
    """Train a tagger.

    Parameters
    ----------
    data
        Files, folders or patterns: plain text with ``restore``, else files with labels; see
        ``items.read_items``. Items of which the characters are the same are held out together.
    out
        The run directory to make.
    columns
        Of tables, those that are read.
    listeners
        Called with each event of the training.
    options
        Those of ``TaggerRunConfig``.

    Raises
    ------
    ConfigError, TextError, RunError
        Bad options, bad data, or something that stands in the way.
    """
    began = time.monotonic()
    config = TaggerRunConfig.from_options(options)
    if is_in_the_way(Path(out)):
        raise in_the_way_error(Path(out))
    given = [data] if isinstance(data, str | Path) else data
    restoration = Restoration(config.tagging.kinds) if config.tagging.kinds else None
    items = read_items(
        given, config.items.reading, restoration, columns=columns, note=noting(listeners)
    )
    if not options.keys() & {"epochs", "steps", "minutes"}:
        config = config.with_options(epochs=_usual_epochs(config, len(items)))
    return train_on(items, out, config, listeners=listeners, began=began)


def train_on(
    items: Sequence[Item],
    out: str | Path,
    config: TaggerRunConfig,
    *,
    listeners: Sequence[Listener] = (),
    began: float | None = None,
) -> ItemResult:
    """Train a tagger on items; see ``train_tagger``.

    The time budget ``minutes`` starts at ``began`` (``time.monotonic``), or now.
    """
    began = time.monotonic() if began is None else began
    learned, held_out = split(items, config.items.validation_fraction, config.training.seed)
    window = config.tagging.window
    vocabulary = vocabularies.learn(
        _kind(config), ("".join(item.characters) for item in learned), config.items.min_count,
        unknown=True,
    )  # fmt: skip
    model = TagModel(config, vocabulary, TagSet.of(items, config.tagging))
    longer = sum(len(item.characters) > window for item in items)
    if longer:
        what = counted(longer, "item is", "items are")
        note = f"{what} read in overlapping pieces: longer than the window of {window:,} characters"
        tell(listeners, Noticed(message=note))
    train, validation = (
        encode_items(part, vocabulary, model.labels.names, window) for part in (learned, held_out)
    )
    return train_items(model, train, validation, Path(out), listeners=listeners, began=began)


@checked
def resume_tagger(
    run: str | Path,
    *,
    listeners: Sequence[Listener] = (),
    **more: Any,  # noqa: ANN401
) -> ItemResult:
    """Resume a run, or train it further for ``steps`` or ``minutes``; see ``resume_items``."""
    return resume_items(TagModel, Path(run), listeners=listeners, **more)


def split(items: Sequence[Item], fraction: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Hold out a share of the distinct texts: no text is in both parts, whatever its labels."""
    group: dict[tuple[str, ...], int] = {}
    groups: NDArray[np.int64] = np.array(
        [group.setdefault(item.characters, len(group)) for item in items], dtype=np.int64
    )
    _, held_out = hold_out(len(group), fraction, seed)
    is_held_out = np.isin(groups, held_out)
    parts = zip(items, is_held_out, strict=True)
    learned: list[Item] = []
    other: list[Item] = []
    for item, held in parts:
        (other if held else learned).append(item)
    return learned, other


def _usual_epochs(config: TaggerRunConfig, items: int) -> float:
    """Give more epochs over few items, which a network would hardly have begun to learn."""
    usual = config.items.epochs or 1.0
    enough = _ENOUGH_STEPS * config.training.batch_size / items
    return max(usual, min(_MOST_PASSES, math.ceil(enough)))


def _kind(config: TaggerRunConfig) -> Any:  # noqa: ANN401  (words were refused)
    return config.items.vocabulary
