"""The transduction task: creates and trains runs of a transducer from pairs of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from nextchar.config import TransducerRunConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.runs.task import Start
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_task import ItemTask, PreparedItems, held_out_items
from nextchar.tasks.split import train_validation_split
from nextchar.tasks.transduction.model import Transducer
from nextchar.tasks.transduction.pairs import (
    Columns,
    Pair,
    PairData,
    PairFormat,
    formats_of,
    pairs_of,
)
from nextchar.tasks.transduction.symbols import PairCodec
from nextchar.text.notes import counted
from nextchar.training.events import Listener, Noticed, Preparing, noting, tell


class TransductionTask(ItemTask):
    """Train a transducer on pairs of texts.

    All pairs with the same source are in the same part of the train/validation split.
    """

    key = "transduce"
    command = "nextchar transduce train"
    unit = Transducer.unit
    model_type = item_model = Transducer

    def reader(
        self,
        data: PairData,
        start: Start,
        *,
        columns: Columns | Sequence[str] | None = None,
        file_format: PairFormat = "auto",
        **options: object,
    ) -> Callable[[], PreparedItems[Transducer]]:
        """Check the options of ``Transducer.train``, and return the reader of the items."""
        if formats_of(data, file_format) == {"cmudict"}:
            options = {"target_vocabulary": "token", **options}
        config = TransducerRunConfig.from_options(options)

        def read() -> PreparedItems[Transducer]:
            pairs = pairs_of(
                data,
                config.items.reading,
                columns=columns,
                file_format=file_format,
                note=noting(start.listeners),
            )
            return prepare(pairs, config, start)

        return read


TASK = TransductionTask()


def prepare(
    pairs: Sequence[Pair], config: TransducerRunConfig, start: Start
) -> PreparedItems[Transducer]:
    """Return an untrained transducer for pairs, and the encoded pairs.

    Raises
    ------
    TextError
        There are no pairs, or all are too long.
    """
    listeners = start.listeners
    learned, held = _divided(_short_enough(pairs, config, listeners), config)
    tell(listeners, Preparing(stage="encoding", fraction=0.0))
    symbols = PairCodec.learn(learned, config)
    train, validation = symbols.examples(learned), symbols.examples(held)
    tell(listeners, Preparing(stage="encoding", fraction=1.0))
    return PreparedItems(Transducer(config, symbols), train, validation)


def held_out(run: str | Path, model: Transducer) -> Examples:
    """Return the validation part of a run; raise ``TextError`` if it is empty."""
    examples = held_out_items(Path(run), model)
    if not len(examples):
        raise TextError(f"{run} has no validation part: name a file of pairs to evaluate on")
    return examples


def sampled(examples: Examples, count: int, seed: int) -> Examples:
    """Return a random sample of at most ``count`` items, in their order."""
    if count < 1 or seed < 0:
        raise ConfigError(f"sample must be at least 1 and seed at least 0; got {count} and {seed}")
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
    """Split the pairs by source into a training and a validation part."""
    sources = list(dict.fromkeys(pair.source for pair in pairs))
    fraction, seed = config.items.validation_fraction, config.training.seed
    _, held = train_validation_split(len(sources), fraction, seed)
    held_sources = {sources[place] for place in held.tolist()}
    learned = [pair for pair in pairs if pair.source not in held_sources]
    return learned, [pair for pair in pairs if pair.source in held_sources]
