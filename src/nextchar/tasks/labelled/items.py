"""Labelled texts: read from files or taken from memory, and checked against a model's labels."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence

from nextchar.config import ClassifierRunConfig, TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.text.files import Input
from nextchar.text.graphemes import boundary_at_most
from nextchar.text.labelled import LabelledText, Layout, read_labelled
from nextchar.text.lines import read_lines
from nextchar.text.normal_forms import NormalForm
from nextchar.text.notes import Note, counted, no_note
from nextchar.text.reading import STANDARD_INPUT
from nextchar.text.tables import kind_of
from nextchar.text.unknown import UnknownSymbols
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.events import Listener, Noticed, tell

_NAMED = 5

LabelledData = Input | Sequence[Input] | Sequence[LabelledText]


def labelled_items(
    data: LabelledData,
    config: TextConfig,
    *,
    labels: Sequence[object] | None = None,
    text: str = "text",
    label: str = "label",
    layout: Layout = "auto",
    note: Note = no_note,
) -> list[LabelledText]:
    """Return labelled texts, in order.

    Parameters
    ----------
    data
        Files, folders or patterns; or texts, with ``labels``; or items already read.
    config
        How bytes are decoded.
    labels
        The label of each text in memory.
    text, label
        The columns of tables: names, or numbers from 1.
    layout
        How other files are read; see ``read_labelled``.
    note
        Called with a line for each irregularity of a file.

    Raises
    ------
    TextError
        A file cannot be read.
    ConfigError
        There are not as many labels as texts.
    """
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    if labels is not None:
        if len(labels) != len(given):
            raise ConfigError(f"{len(given)} texts need as many labels; got {len(labels)}")
        pairs = enumerate(zip(given, labels, strict=True), 1)
        return [LabelledText(f"text {n}", str(each), str(name)) for n, (each, name) in pairs]
    items = [each for each in given if isinstance(each, LabelledText)]
    if items:
        return items
    paths = [each for each in given if not isinstance(each, LabelledText)]
    return read_labelled(paths, config, layout=layout, text=text, label=label, note=note)


def read_texts(
    path: Input, column: str, config: TextConfig, *, note: Note = no_note
) -> list[LabelledText]:
    """Read texts without labels: a column of a table, or each line of another file, or of ``-``.

    An empty line is a text too, so that what is said of them stands in their lines.

    Raises
    ------
    TextError
        As ``read_labelled``.
    """
    if str(path) != STANDARD_INPUT and kind_of(str(path)) is not None:
        return read_labelled([path], config, layout="columns", text=column, label=None, note=note)
    name = "standard input" if str(path) == STANDARD_INPUT else path
    return [
        LabelledText(f"{name}, line {number}", line.strip())
        for number, line in enumerate(read_lines(str(path), config), 1)
    ]


def checked_lengths(
    items: Sequence[LabelledText], config: ClassifierRunConfig, listeners: Sequence[Listener]
) -> list[LabelledText]:
    """Cut texts that are too long, if ``cut`` is set.

    Raises
    ------
    TextError
        A text is too long, and ``cut`` is not set.
    """
    most = config.items.max_length
    long = [item for item in items if len(item.text) > most]
    if not long:
        return list(items)
    first = f"{long[0].place} has {len(long[0].text):,} characters"
    more = f", and {len(long) - 1} more are too long" if len(long) > 1 else ""
    if not config.classifier.cut:
        raise TextError(
            f"{first}{more}: at most {most:,} are taken (a larger {as_option('max_length')} takes "
            f"more, {as_option('cut', True)} reads their beginnings)"
        )
    tell(listeners, Noticed(message=f"{first}{more}: the first {most:,} of each are read"))
    return [dataclasses.replace(item, text=_beginning(item.text, most)) for item in items]


def _beginning(text: str, most: int) -> str:
    """Return the beginning of a text, cut between grapheme clusters."""
    return text[: boundary_at_most(text, min(most, len(text)))]


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
    """Return the items whose label is one of ``names``.

    Items without a label are left out, with a note; with ``skip_unseen``, so are those with another
    label.

    Raises
    ------
    TextError
        A label is unknown, or no item is left.
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
