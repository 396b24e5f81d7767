"""Training a classifier from files into a run directory, and measuring it on others."""

from __future__ import annotations

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextchar.config import ClassifierRunConfig
from nextchar.config.arguments import checked
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.classification.data import checked_lengths, prepare
from nextchar.tasks.classification.figures import ClassificationFigures
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.classification.pretrained import LanguageModelSource
from nextchar.tasks.classification.reading import LabelledFiles
from nextchar.tasks.runs import ItemResult, resume_items, train_items
from nextchar.text.files import Input
from nextchar.text.labelled import LabelledText, Layout
from nextchar.text.normal_forms import NormalForm
from nextchar.text.notes import counted
from nextchar.text.unknown import UnknownSymbols
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.events import Listener, Noticed, noting, tell

_NAMED = 5


@checked
def train_classifier(
    inputs: Input | Sequence[Input],
    out: str | os.PathLike[str],
    *,
    text: str = LabelledFiles.text_column,
    label: str = LabelledFiles.label_column,
    layout: Layout = LabelledFiles.layout,
    from_run: str | os.PathLike[str] | None = None,
    listeners: Sequence[Listener] = (),
    **options: Any,  # noqa: ANN401
) -> ItemResult:
    """Train a classifier on labelled texts.

    Parameters
    ----------
    inputs
        Files, folders, patterns, or ``-``.
    out
        The run directory to make; it must not exist yet, or be empty.
    text, label
        The columns of tables.
    layout
        How files are read; see ``read_labelled``.
    from_run
        A language model to begin from: its network and its symbols, to which new ones are added.
        Then texts are read forward alone, unless ``bidirectional`` says otherwise.
    listeners
        Called with each event.
    **options
        The options of ``ClassifierRunConfig``.

    Raises
    ------
    InputError
        The items or an option cannot be used; nothing was written.
    Interrupted, NonFiniteLossError, StorageError
        As ``tasks.runs.train_items``.
    """
    began = time.monotonic()
    begun = None if from_run is None else LanguageModelSource(from_run)
    if begun is not None:
        options = begun.options({"bidirectional": False, "ngrams": 1, "ngram_bag": 0, **options})
    config = ClassifierRunConfig.from_options(options)
    if begun is not None and config.classifier.members > 1:
        raise ConfigError(
            f"{as_option('from_run', begun.run, flag='from')} begins one network, and members is "
            f"{config.classifier.members}"
        )
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    source = LabelledFiles(text_column=text, label_column=label, layout=layout)
    items = source.items(paths, config.items.reading, note=noting(listeners))
    prepared = prepare(items, config, source=begun, listeners=listeners)
    return train_items(
        prepared.model,
        prepared.train,
        prepared.validation,
        Path(out),
        listeners=listeners,
        began=began,
    )


@checked
def resume_classifier(
    run: str | os.PathLike[str],
    *,
    listeners: Sequence[Listener] = (),
    **more: Any,  # noqa: ANN401
) -> ItemResult:
    """Resume a run, or train it further for ``steps`` or ``minutes``; see ``resume_items``."""
    return resume_items(Classifier, Path(run), listeners=listeners, **more)


def evaluate_classifier(
    model: Classifier,
    items: Sequence[LabelledText],
    *,
    skip_unseen: bool = False,
    listeners: Sequence[Listener] = (),
) -> ClassificationFigures:
    """Measure a classifier on labelled texts.

    Parameters
    ----------
    items
        An empty text is an item too; one without a label is left out.
    skip_unseen
        Leave out items whose label the classifier does not know.
    listeners
        Told what is left out, and which symbols are unknown.

    Raises
    ------
    TextError
        A label that the classifier does not know, a text that is too long, or no item.
    """
    labelled = known_items(model.label_names, items, skip_unseen=skip_unseen, listeners=listeners)
    read = in_known_form(model.form, checked_lengths(labelled, model.config, listeners))
    tell_unknown(model.vocabulary, read, listeners)
    return model.figures(model.examples([i.text for i in read], [i.label for i in read]))


def in_known_form(form: NormalForm, items: Sequence[LabelledText]) -> list[LabelledText]:
    """Return items with their texts in the normal form that a vocabulary knows."""
    return [dataclasses.replace(item, text=form.of(item.text)) for item in items]


def known_items(
    names: Sequence[str],
    items: Sequence[LabelledText],
    *,
    skip_unseen: bool,
    listeners: Sequence[Listener],
) -> list[LabelledText]:
    """Give the items whose label is one of ``names``; errors are those of ``evaluate_classifier``.

    Those without a label are left out, and told; those with another one too, if that is wanted.
    """
    labelled = [item for item in items if item.label]
    if len(labelled) < len(items):
        message = f"{len(items) - len(labelled):,} items without a label are left out"
        tell(listeners, Noticed(message=message))
    unseen = [item for item in labelled if item.label not in names]
    if unseen:
        _unseen(names, unseen, skip=skip_unseen, listeners=listeners)
        labelled = [item for item in labelled if item.label in names]
    if not labelled:
        raise TextError("there is nothing to measure: no item has a label of the classifier")
    return labelled


def tell_unknown(
    vocabulary: Vocabulary, items: Sequence[LabelledText], listeners: Sequence[Listener]
) -> None:
    """Note how many symbols of items are read as ``<unk>``, and the place of the first."""
    unknown = UnknownSymbols(vocabulary)
    for item in items:
        unknown.read(item.text, item.place)
    if unknown.count:
        tell(listeners, Noticed(message=unknown.note()))


def _unseen(
    names: Sequence[str],
    unseen: Sequence[LabelledText],
    *,
    skip: bool,
    listeners: Sequence[Listener],
) -> None:
    counts = Counter(item.label for item in unseen)
    named = ", ".join(repr(label) for label, _ in counts.most_common(_NAMED))
    named += ", …" * (len(counts) > _NAMED)
    one, several = "item has a label that was", "items have labels that were"
    what = f"{counted(len(unseen), one, several)} not learned: {named}"
    if not skip:
        known = ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)
        raise TextError(
            f"{what} (the first: {unseen[0].place}); known are {known}; "
            f"{as_option('skip_unseen', True)} leaves them out"
        )
    tell(
        listeners,
        Noticed(message=f"{what}; {'it is' if len(unseen) == 1 else 'they are'} left out"),
    )
