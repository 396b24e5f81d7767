"""Preparation of labelled texts: cleaning, train/validation split, encoding, untrained classifier.

A ``Noticed`` event reports every omitted item with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nextchar.config import ClassifierRunConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.classification.linear import MOST_LOGITS, rows_for
from nextchar.tasks.classification.model import LINEAR, WEIGHT, Classifier
from nextchar.tasks.classification.pretrained import LanguageModelSource
from nextchar.tasks.classification.symbols import symbol_count
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_task import PreparedItems
from nextchar.tasks.labelled.items import checked_lengths
from nextchar.tasks.split import train_validation_split
from nextchar.text import vocabulary as vocabularies
from nextchar.text.batches import ItemBatches
from nextchar.text.labelled import LabelledText
from nextchar.text.notes import counted
from nextchar.training.events import Listener, Noticed, Preparing, tell

# Limits of the weights from n-grams to labels: for each n-gram in the training texts, and in total.
VOTES_PER_OCCURRENCE, LEAST_VOTES, MOST_VOTES = 8, 1 << 22, 1 << 24
MOST_CHOSEN_WEIGHTS = 1 << 24  # of a linear part whose rows are given


def prepare(
    items: Sequence[LabelledText],
    config: ClassifierRunConfig,
    *,
    source: LanguageModelSource | None = None,
    listeners: Sequence[Listener] = (),
) -> PreparedItems[Classifier]:
    """Return an untrained classifier for items, and the encoded items.

    Parameters
    ----------
    items
        The items as read. Duplicates and items without a text or a label are omitted.
    config
        The whole configuration, completed from the source if there is one.
    source
        A language model to initialise from.
    listeners
        Notified of omitted items.

    Raises
    ------
    TextError
        There is no usable item, only one label, a label with nothing but empty texts, or a text
        that is too long.
    ConfigError
        The linear part is too large for so many labels.
    """
    usable = _usable(checked_lengths(items, config, listeners), listeners)
    if not config.classifier.keep_duplicates:
        usable = _distinct(usable, listeners)
    labels = LabelSet.of([item.label for item in usable])
    named = labels.numbers([item.label for item in usable])
    learned, held_out = train_validation_split(
        len(usable), config.items.validation_fraction, config.training.seed, labels=named
    )
    completed = _with_linear_rows(config, usable, len(labels), listeners)
    train = [usable[place] for place in learned]
    completed = _with_ngram_buckets(completed, train, len(labels), listeners)
    model = _model(train, completed, source, listeners)
    weights = np.array([item.weight for item in usable], dtype=np.float32)
    examples = model.encoded([i.text for i in usable], [i.label for i in usable])
    if model.network.linear is not None:
        given = model.network.linear.learn(
            [item.text for item in usable],
            named,
            seed=config.training.seed,
            importance=weights,
            progress=lambda part: tell(
                listeners, Preparing(stage="fitting the linear part", fraction=part)
            ),
        )
        examples = Examples(examples.texts, {**examples.arrays, LINEAR: given})
    if (weights != 1).any():
        examples = Examples(examples.texts, {**examples.arrays, WEIGHT: weights})
    parts = examples.subset(learned), examples.subset(held_out)
    model.count_ngrams(parts[0])
    _bound_epochs(model, parts[0], listeners)
    _tell_size(model, parts[0], listeners)
    return PreparedItems(model, *parts)


def _with_linear_rows(
    config: ClassifierRunConfig,
    items: Sequence[LabelledText],
    labels: int,
    listeners: Sequence[Listener],
) -> ClassifierRunConfig:
    """Set ``linear_rows``, the size of the linear part, from the data if it is not given.

    Raises
    ------
    ConfigError
        It is given, and too large for so many labels.
    """
    rows = config.classifier.linear_rows
    if rows is None:
        rows = rows_for([item.text for item in items], labels, seed=config.training.seed)
        if rows == 0:
            message = f"{len(items):,} items with {labels:,} labels are too many for a linear part"
            tell(listeners, Noticed(message=f"{message}: the network learns alone"))
    rounded = 1 << max(1, (rows - 1).bit_length()) if rows else 0
    if rounded * labels > MOST_CHOSEN_WEIGHTS or (rows and len(items) * labels > MOST_LOGITS):
        raise ConfigError(
            f"{as_option('linear_rows', rows)} is too large for {len(items):,} items with "
            f"{labels:,} labels: rows times labels may be {MOST_CHOSEN_WEIGHTS:,}, and items times "
            f"labels {MOST_LOGITS:,} ({as_option('linear_rows', 0)} leaves the linear part out)"
        )
    return config.with_options(linear_rows=rounded)


def _with_ngram_buckets(
    config: ClassifierRunConfig,
    train: Sequence[LabelledText],
    labels: int,
    listeners: Sequence[Listener],
) -> ClassifierRunConfig:
    """Reduce ``ngram_buckets`` if the n-grams' weights for each label are too many for the texts.

    The network stores the weights, their gradients and moments, and their average: about 40 bytes
    for each.
    """
    own = config.classifier
    if own.ngram_bag == 0:
        return config
    occurrences = own.ngram_bag * sum(len(item.text) for item in train)
    most = max(LEAST_VOTES, min(MOST_VOTES, VOTES_PER_OCCURRENCE * occurrences))
    buckets = 1 << max(0, (most // labels).bit_length() - 1)
    if own.ngram_buckets * labels <= most or buckets >= own.ngram_buckets:
        return config
    message = f"{own.ngram_buckets:,} n-gram buckets with {labels:,} labels are too many weights "
    message += f"for {sum(len(item.text) for item in train):,} characters: reduced to {buckets:,}"
    tell(listeners, Noticed(message=message))
    return config.with_options(ngram_buckets=buckets)


def _bound_epochs(model: Classifier, train: Examples, listeners: Sequence[Listener]) -> None:
    """Reduce the number of epochs if the texts are long, but not below one."""
    most, epochs = model.config.classifier.most_symbols, model.config.items.epochs
    if most == 0 or epochs is None:
        return
    fitting = max(1.0, most / max(1, int(model.lengths(train).sum())))
    if fitting < epochs:
        model.config = model.config.with_options(epochs=round(fitting, 2))
        message = f"{fitting:.3g} epochs instead of {epochs:g}, about {most:,} symbols"
        tell(listeners, Noticed(message=f"{message} ({as_option('epochs')} sets another number)"))


def _usable(items: Sequence[LabelledText], listeners: Sequence[Listener]) -> list[LabelledText]:
    """Return the items that have a text and a label, and report the others."""
    usable = [item for item in items if item.text and item.label]
    missing = [item for item in items if not (item.text and item.label)]
    if missing:
        field = "text" if missing[0].label else "label"
        tell(listeners, _left_out(missing, f"no text or no label (the first, no {field}: "))
    if not usable:
        raise TextError("there is nothing to learn from: no item has a text and a label")
    _require_text_of_each_label(usable, missing)
    return usable


def _require_text_of_each_label(
    usable: Sequence[LabelledText], missing: Sequence[LabelledText]
) -> None:
    learned = {item.label for item in usable}
    empty = [item for item in missing if item.label and item.label not in learned]
    if empty:
        label = empty[0].label
        count = sum(item.label == label for item in empty)
        texts = "its only text is" if count == 1 else f"all its {count:,} texts are"
        raise TextError(
            f"the label {label!r} has no text to learn from: {texts} empty (the first: "
            f"{empty[0].place})"
        )


def _distinct(items: Sequence[LabelledText], listeners: Sequence[Listener]) -> list[LabelledText]:
    """Remove duplicates. Equal texts with different labels are all kept."""
    first: dict[tuple[str, str], LabelledText] = {}
    repeated = []
    for item in items:
        if (item.text, item.label) in first:
            repeated.append(item)
        else:
            first[item.text, item.label] = item
    if repeated:
        tell(listeners, _left_out(repeated, "duplicate text and label (the first: "))
    texts = len({item.text for item in first.values()})
    if texts < len(first):
        several = counted(len(first) - texts, "text occurs", "texts occur")
        message = f"{several} with more than one label; all are kept"
        tell(listeners, Noticed(message=message))
    return list(first.values())


def _left_out(items: Sequence[LabelledText], why: str) -> Noticed:
    left_out = counted(len(items), "item is", "items are")
    return Noticed(message=f"{left_out} left out: {why}{items[0].place})")


def _model(
    train: Sequence[LabelledText],
    config: ClassifierRunConfig,
    source: LanguageModelSource | None,
    listeners: Sequence[Listener],
) -> Classifier:
    labels = LabelSet.of([item.label for item in train], [item.weight for item in train])
    texts, options = [item.text for item in train], config.items
    if source is None:
        kind, least = options.vocabulary, options.min_count
        vocabulary = vocabularies.learn(kind, texts, least, unknown=True)
        return Classifier(config, vocabulary, labels)
    vocabulary, origin = source.vocabulary(texts, options.min_count)
    model = Classifier(config, vocabulary, labels, origin=origin)
    source.fill(model.network.networks[0], origin.known)
    new = symbol_count(vocabulary) - len(origin.known)
    tell(
        listeners,
        Noticed(
            message=f"initialised from {source.run}, with "
            f"{counted(new, 'new symbol', 'new symbols')}"
        ),
    )
    return model


def _tell_size(model: Classifier, train: Examples, listeners: Sequence[Listener]) -> None:
    training, lengths = model.config.training, model.lengths(train)
    batches = ItemBatches(
        lengths=lengths,
        batch_size=training.batch_size,
        seed=training.seed,
        pool=model.config.items.pool,
    )
    tell(
        listeners,
        Noticed(
            message=f"{len(train):,} items with {len(model.labels)} labels, "
            f"{np.mean(lengths):.1f} symbols on average; {batches.padding(0):.1%} of the "
            "computation is padding"
        ),
    )
