"""Labelled texts from files or memory, and their validation against a model's labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from nextchar.config import ClassifierRunConfig, TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.in_memory import files_or_items, labels_in, refuse_file_options, texts_in
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
_FILE_DEFAULTS = {"text": "text", "label": "label", "layout": "auto"}

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
        Files, folders or glob patterns; or texts, with ``labels``; or existing items.
    config
        How to decode bytes.
    labels
        The label of each text in memory.
    text, label
        The table columns: names, or numbers from 1.
    layout
        The layout of other files; see ``read_labelled``.
    note
        Called with a line for each irregularity of a file.

    Raises
    ------
    TextError
        A file cannot be read.
    ConfigError
        The numbers of labels and texts differ.
    """
    of_files = {"text": text, "label": label, "layout": layout}
    if labels is not None:
        refuse_file_options(of_files, _FILE_DEFAULTS)
        texts, names = texts_in(data), labels_in(labels)
        if len(names) != len(texts):
            raise ConfigError(f"{len(texts)} texts need as many labels; got {len(names)}")
        pairs = enumerate(zip(texts, names, strict=True), 1)
        return [LabelledText(f"text {number}", *pair) for number, pair in pairs]
    files, items = files_or_items(data, LabelledText, "labelled texts")
    if items:
        refuse_file_options(of_files, _FILE_DEFAULTS)
        return items
    return read_labelled(files, config, layout=layout, text=text, label=label, note=note)


def read_texts(
    path: Input, column: str, config: TextConfig, *, note: Note = no_note
) -> list[LabelledText]:
    """Return texts without labels: a table column, or the lines of another file or of ``-``.

    Empty lines are texts too, so that outputs and input lines correspond.

    Raises
    ------
    TextError
        The errors are those of ``read_labelled``.
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
    """Return items with texts truncated to ``max_length``, if ``cut`` is set.

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
            f"{first}{more}: at most {most:,} are allowed (increase {as_option('max_length')}, or "
            f"truncate texts with {as_option('cut', True)})"
        )
    tell(listeners, Noticed(message=f"{first}{more}: the first {most:,} of each are read"))
    return [dataclasses.replace(item, text=_beginning(item.text, most)) for item in items]


def _beginning(text: str, most: int) -> str:
    """Return the beginning of a text, without a partial grapheme cluster at its end."""
    return text[: boundary_at_most(text, min(most, len(text)))]


def in_known_form(form: NormalForm, items: Sequence[LabelledText]) -> list[LabelledText]:
    """Return items with their texts in the normal form of a vocabulary."""
    return [dataclasses.replace(item, text=form.of(item.text)) for item in items]


def known_items(
    names: Sequence[str],
    items: Sequence[LabelledText],
    *,
    skip_unseen: bool,
    listeners: Sequence[Listener],
) -> list[LabelledText]:
    """Return the items with a label from ``names``.

    Items without a label are omitted, with a note. With ``skip_unseen``, items with other labels
    are omitted as well.

    Raises
    ------
    TextError
        A label is not in ``names``, or no item is left.
    """
    labelled = [item for item in items if item.label]
    if len(labelled) < len(items):
        message = f"{len(items) - len(labelled):,} items without a label are left out"
        tell(listeners, Noticed(message=message))
    known = frozenset(names)
    unseen = [item for item in labelled if item.label not in known]
    if unseen:
        _unseen(names, unseen, skip=skip_unseen, listeners=listeners)
        labelled = [item for item in labelled if item.label in known]
    if not labelled:
        raise TextError("there is nothing to evaluate: no item has a label of the classifier")
    return labelled


def tell_unknown(
    vocabulary: Vocabulary, items: Sequence[LabelledText], listeners: Sequence[Listener]
) -> None:
    """Report the number of unknown symbols in items, and the location of the first."""
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
    one, several = "item has a label", "items have labels"
    message = f"{counted(len(unseen), one, several)} not seen in training: {named}"
    if not skip:
        known = ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)
        raise TextError(
            f"{message} (the first: {unseen[0].place}); known are {known}; "
            f"{as_option('skip_unseen', True)} omits such items"
        )
    tell(
        listeners,
        Noticed(message=f"{message}; {'it is' if len(unseen) == 1 else 'they are'} left out"),
    )
