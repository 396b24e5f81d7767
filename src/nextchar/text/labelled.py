"""Readers of labelled texts in the common formats.

    columns  CSV, TSV or JSON lines: one column of texts and one of labels
    files    one file per label, named after it; each line is a text
    lines    "label text" on each line: the label ends at the tab, or else at the first space

White space around texts and labels is removed, and blank lines are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.text.compressed import plain_name
from nextchar.text.files import Input, at_home, find_files
from nextchar.text.label_checks import check_labels, refuse_labels_at_end
from nextchar.text.lines import TwoColumns, read_lines
from nextchar.text.notes import Note, no_note
from nextchar.text.reading import STANDARD_INPUT
from nextchar.text.tables import KINDS, kind_of, read_rows

Layout = Literal["auto", "columns", "files", "lines"]


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with its label.

    Attributes
    ----------
    place
        Its location, for messages: ``"data.csv, line 17"``.
    text, label
        The text, and its label; empty if it has none.
    fields
        The fields of the additional columns requested.
    weight
        Its weight in training; 2 is equivalent to two copies.
    """

    place: str
    text: str
    label: str = ""
    fields: tuple[str, ...] = ()
    weight: float = 1.0


def read_labelled(
    inputs: Sequence[Input],
    config: TextConfig,
    *,
    layout: Layout = "auto",
    text: str = "text",
    label: str | None = "label",
    columns: Sequence[str] = (),
    note: Note = no_note,
) -> list[LabelledText]:
    """Read texts with their labels.

    Parameters
    ----------
    inputs
        Files, folders, patterns, or ``-`` (lines from standard input).
    config
        Encoding, treatment of decoding errors, normalisation.
    layout
        The format of the inputs. ``"auto"`` decides by name: files that end in .csv, .tsv or
        .jsonl are tables, other files in a folder are one per label, and other files are lines.
    text, label, columns
        The columns of tables, as for ``read_rows``. If ``label`` is ``None``, the items have no
        labels, and each line of a file that is not a table is a text.
    note
        Called with a line for each irregularity of a file, and for suspicious labels.

    Raises
    ------
    TextError
        A file cannot be read or has no items, or a line does not match the layout.
    ConfigError
        The layout does not match the inputs.
    """
    items: list[LabelledText] = []
    for given in inputs:
        for file in _files(given):
            before = len(items)
            items += _of_file(
                file,
                config,
                _layout(layout, given, file),
                text=text,
                label=label,
                columns=columns,
                note=note,
            )
            if len(items) == before:
                raise TextError(f"{_name(file)} has no items")
    if label is not None:
        check_labels(items, note)
    return items


def _files(given: Input) -> Sequence[Input]:
    return [STANDARD_INPUT] if given == STANDARD_INPUT else find_files([given])


def _layout(layout: Layout, given: Input, file: Input) -> Layout:
    if layout != "auto":
        return layout
    if kind_of(str(file)) is not None:
        return "columns"
    return "files" if given != STANDARD_INPUT and Path(at_home(given)).is_dir() else "lines"


def _of_file(
    file: Input,
    config: TextConfig,
    layout: Layout,
    *,
    text: str,
    label: str | None,
    columns: Sequence[str],
    note: Note,
) -> Iterable[LabelledText]:
    if layout == "columns":
        return _of_table(file, config, text, label, columns, note)
    if columns:
        raise ConfigError(
            f"columns {', '.join(columns)} need a table (.csv, .tsv, .jsonl); got {file}"
        )
    own = _label_of(file) if layout == "files" and label is not None else ""
    if own or label is None:
        return (LabelledText(place, line, own) for place, line in _lines(file, config))
    return _labelled_lines(file, config)


def _of_table(
    file: Input,
    config: TextConfig,
    text: str,
    label: str | None,
    columns: Sequence[str],
    note: Note,
) -> Iterator[LabelledText]:
    kind = kind_of(str(file))
    if kind is None:
        raise TextError(f"{file} is not a table: its name must end in {', '.join(KINDS)}")
    wanted = [text, *([] if label is None else [label]), *columns]
    for row in read_rows(str(file), wanted, config, kind=kind, note=note):
        first, *others = (field.strip() for field in row.fields)
        named = others.pop(0) if label is not None else ""
        yield LabelledText(row.place, first, named, tuple(others))


def _labelled_lines(file: Input, config: TextConfig) -> list[LabelledText]:
    columns = TwoColumns(("label", "text"), f"{as_option('layout', 'files')}: one file per label")
    items = []
    for place, line in _lines(file, config, strip=False):
        label, text = columns.split(line, place)
        items.append(LabelledText(place, text.strip(), label.strip()))
    refuse_labels_at_end(items)
    return items


def _lines(file: Input, config: TextConfig, *, strip: bool = True) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each after its location."""
    for number, line in enumerate(read_lines(str(file), config), 1):
        if line.strip():
            yield f"{_name(file)}, line {number}", line.strip() if strip else line


def _name(file: Input) -> str:
    return "standard input" if file == STANDARD_INPUT else str(file)


def _label_of(file: Input) -> str:
    if file == STANDARD_INPUT:
        raise ConfigError(
            f"{as_option('layout', 'files')} needs files named after their labels: standard input "
            "has no name"
        )
    name = Path(file).name
    return Path(name[: len(plain_name(name))]).stem
