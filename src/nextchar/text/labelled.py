"""Texts with labels, from the shapes in which people have them.

    columns  CSV, TSV or JSON lines: a column of texts and one of labels
    files    one file a label, which is its name without the ending; each line is a text
    lines    "label text" in each line: the label ends at the first space or tab

White space around texts and labels is not theirs, and a line of nothing else is no item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError
from nextchar.text.files import Input, find_files
from nextchar.text.reading import STANDARD_INPUT
from nextchar.text.tables import kind_of, read_rows, whole_text

Layout = Literal["auto", "columns", "files", "lines"]


@dataclass(frozen=True)
class LabelledText:
    """A text as it was read.

    Attributes
    ----------
    place
        Where it stands, for messages: ``"data.csv, line 17"``.
    text, label
        As they stand there; without a label, it is empty.
    fields
        What other columns of a table were asked for.
    weight
        How much it counts in what is learned; 2 is as if it were there twice.
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
) -> list[LabelledText]:
    """Read texts with their labels.

    Parameters
    ----------
    inputs
        Files, folders, patterns, or ``-`` (lines from standard input).
    config
        Encoding, what to do about decoding errors, normalisation.
    layout
        What the inputs are; ``"auto"`` goes by their names: tables end in .csv, .tsv or .jsonl,
        other files in a folder are one a label, and other files are lines.
    text, label, columns
        The columns of tables. Where ``label`` is ``None``, nothing has a label, and a line that
        is no row of a table is a text as it stands.

    Raises
    ------
    TextError
        Something cannot be read, or has no item.
    ConfigError
        The layout does not fit the inputs.
    """
    items = [
        item
        for given in inputs
        for file in _files(given)
        for item in _of_file(
            file, config, _layout(layout, given, file), text=text, label=label, columns=columns
        )
    ]
    if not items:
        raise TextError(f"there is no item in {', '.join(map(str, inputs))}")
    return items


def _files(given: Input) -> Sequence[Input]:
    return [STANDARD_INPUT] if given == STANDARD_INPUT else find_files([given])


def _layout(layout: Layout, given: Input, file: Input) -> Layout:
    if layout != "auto":
        return layout
    if kind_of(str(file)) is not None:
        return "columns"
    return "files" if given != STANDARD_INPUT and Path(given).is_dir() else "lines"


def _of_file(
    file: Input,
    config: TextConfig,
    layout: Layout,
    *,
    text: str,
    label: str | None,
    columns: Sequence[str],
) -> Iterator[LabelledText]:
    if layout == "columns":
        return _of_table(file, config, text, label, columns)
    if columns:
        raise ConfigError(
            f"columns {', '.join(columns)} are of tables (.csv, .tsv, .jsonl); got {file}"
        )
    return _of_lines(file, config, layout, labelled=label is not None)


def _of_table(
    file: Input, config: TextConfig, text: str, label: str | None, columns: Sequence[str]
) -> Iterator[LabelledText]:
    kind = kind_of(str(file))
    if kind is None:
        raise TextError(f"{file} is no table: its name must end in .csv, .tsv or .jsonl")
    wanted = [text, *([] if label is None else [label]), *columns]
    for row in read_rows(str(file), wanted, config, kind=kind):
        first, *others = (field.strip() for field in row.fields)
        named = others.pop(0) if label is not None else ""
        yield LabelledText(row.place, first, named, tuple(others))


def _of_lines(
    file: Input, config: TextConfig, layout: Layout, *, labelled: bool
) -> Iterator[LabelledText]:
    own = _label_of(file) if layout == "files" and labelled else ""
    for number, line in enumerate(whole_text(str(file), config).split("\n"), 1):
        written = line.strip()
        if not written:
            continue
        place = f"{file}, line {number}"
        if own or not labelled:
            yield LabelledText(place, written, own)
            continue
        name, *rest = written.split(maxsplit=1)
        if not rest:
            raise TextError(
                f"{place} has no text behind its label {name[:40]!r}: a line is a label, a space "
                "and a text (--layout files: one file a label)"
            )
        yield LabelledText(place, rest[0], name)


def _label_of(file: Input) -> str:
    if file == STANDARD_INPUT:
        raise ConfigError("standard input has no name: --layout files is for files, each a label")
    name = Path(file).name.removesuffix(".gz")
    return Path(name).stem
