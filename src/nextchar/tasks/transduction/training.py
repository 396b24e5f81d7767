"""From pairs of texts to a run that writes the one for the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nextchar.config import TransducerRunConfig
from nextchar.config.arguments import checked
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.examples import Examples
from nextchar.tasks.runs import ItemResult, held_out_items, resume_items, train_items
from nextchar.tasks.split import hold_out
from nextchar.tasks.transduction.model import Transducer
from nextchar.tasks.transduction.pairs import (
    Columns,
    Pair,
    PairFormat,
    format_of,
    read_pairs,
)
from nextchar.tasks.transduction.symbols import PairCodec
from nextchar.text.notes import counted
from nextchar.training.events import Listener, Noticed, Preparing, noting, tell
from nextchar.training.folder import in_the_way_error, is_in_the_way


@checked
def train_transducer(
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    columns: Columns | None = None,
    file_format: PairFormat = "auto",
    listeners: Sequence[Listener] = (),
    **options: Any,  # noqa: ANN401
) -> ItemResult:
    """Learn from the pairs of files; see ``read_pairs`` and ``train_on_pairs``.

    Where all files are of the format ``cmudict`` and nothing else is said, targets are tokens.
    """
    began = time.monotonic()
    paths = [data] if isinstance(data, str | Path) else list(data)
    formats = {format_of(path) if file_format == "auto" else file_format for path in paths}
    if formats == {"cmudict"}:
        options = {"target_vocabulary": "token", **options}
    config = TransducerRunConfig.from_options(options)
    if is_in_the_way(Path(out)):  # Now, and not when all was read.
        raise in_the_way_error(Path(out))
    reading = config.items.reading
    pairs = read_pairs(
        paths, reading, columns=columns, file_format=file_format, note=noting(listeners)
    )
    return train_on_pairs(pairs, out, listeners=listeners, began=began, **options)


@checked
def train_on_pairs(
    pairs: Sequence[tuple[str, str]],
    out: str | Path,
    *,
    listeners: Sequence[Listener] = (),
    began: float | None = None,
    **options: Any,  # noqa: ANN401
) -> ItemResult:
    """Make a run directory and learn pairs in it.

    All pairs of a source are either learned from or held out.

    Parameters
    ----------
    pairs
        Sources and targets.
    out
        The run directory to make; it must not exist yet, or be empty.
    listeners
        Called with each event of the training.
    began
        Start of the time budget ``minutes`` (``time.monotonic``); ``None`` is now.
    **options
        The options of ``TransducerRunConfig``.

    Raises
    ------
    TextError
        No pair is left to learn from.
    ConfigError, RunError, Interrupted, NonFiniteLossError, StorageError
        As ``tasks.runs.train_items``.
    """
    began = time.monotonic() if began is None else began
    config = TransducerRunConfig.from_options(options)
    kept = _short_enough([Pair(*pair) for pair in pairs], config, listeners)
    learned, held_out = _divided(kept, config)
    tell(listeners, Preparing(stage="encoding", fraction=0.0))
    symbols = PairCodec.learn(learned, config)
    train, validation = symbols.examples(learned), symbols.examples(held_out)
    tell(listeners, Preparing(stage="encoding", fraction=1.0))
    model = Transducer(config, symbols)
    return train_items(model, train, validation, Path(out), listeners=listeners, began=began)


@checked
def resume_transducer(
    run: str | Path,
    *,
    listeners: Sequence[Listener] = (),
    **more: Any,  # noqa: ANN401
) -> ItemResult:
    """Resume a run, or train it further for ``steps`` or ``minutes``; see ``resume_items``."""
    return resume_items(Transducer, Path(run), listeners=listeners, **more)


def held_out(run: str | Path) -> Examples:
    """Give the items that a run has held out; ``TextError`` if there are none."""
    examples = held_out_items(Path(run))
    if not len(examples):
        raise TextError(f"{run} has held out nothing: name a file of pairs to evaluate on")
    return examples


def sampled(examples: Examples, count: int, seed: int) -> Examples:
    """Draw some of the items, all if there are fewer."""
    if count < 1 or seed < 0:
        raise ConfigError(f"sample must be at least 1 and seed 0; got {count} and {seed}")
    drawn = np.random.default_rng(seed).permutation(len(examples))[:count]
    return examples.subset(np.sort(drawn))


def _short_enough(
    pairs: Sequence[Pair], config: TransducerRunConfig, listeners: Sequence[Listener]
) -> list[Pair]:
    most = config.items.max_length
    kept = [pair for pair in pairs if max(map(len, pair)) <= most]
    if not kept:
        raise TextError(
            f"no pair is left: all {len(pairs):,} are longer than "
            f"{as_option('max_length', most)} characters"
            if pairs
            else "there is nothing to learn from: no pairs were given"
        )
    if len(kept) < len(pairs):
        left_out = counted(len(pairs) - len(kept), "pair is", "pairs are")
        longer = f"longer than {as_option('max_length', most)} characters"
        tell(listeners, Noticed(message=f"{left_out} left out, of {len(pairs):,}: {longer}"))
    return kept


def _divided(pairs: Sequence[Pair], config: TransducerRunConfig) -> tuple[list[Pair], list[Pair]]:
    """Hold out some of the sources, with all their targets."""
    sources = list(dict.fromkeys(pair.source for pair in pairs))
    fraction, seed = config.items.validation_fraction, config.training.seed
    _, held = hold_out(len(sources), fraction, seed)
    held_sources = {sources[place] for place in held.tolist()}
    learned = [pair for pair in pairs if pair.source not in held_sources]
    return learned, [pair for pair in pairs if pair.source in held_sources]
