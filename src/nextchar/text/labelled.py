"""Texts with labels, from the shapes in which people have them.

    table    CSV, TSV or JSON lines with a column of texts and one of labels
    files    one file a label, which is its name without the ending; each line is a text
    lines    "label text" in each line: the label ends at the first space or tab

A line without anything but spaces is no item.
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

Layout = Literal["auto", "table", "files", "lines"]


@dataclass(frozen=True)
class LabelledText:
    """A text as it was read.

    Attributes
    ----------
    text, label
        As they stand there; without a label, it is empty.
    place
        Where it stands, for messages: ``"data.csv, line 17"``.
    fields
        What other columns of a table were asked for.
    """

    text: str
    label: str
    place: str
    fields: tuple[str, ...] = ()


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
        several other files or a folder are one a label, and one file alone is lines.
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
    files: list[Input] = [STANDARD_INPUT] if STANDARD_INPUT in inputs else [*find_files(inputs)]
    chosen = _layout(inputs, files) if layout == "auto" else layout
    if columns and chosen != "table":
        raise ConfigError(f"columns {', '.join(columns)} are of tables (.csv, .tsv, .jsonl)")
    items = [
        item
        for file in files
        for item in (
            _of_table(file, config, text, label, columns)
            if chosen == "table"
            else _of_lines(file, config, chosen, labelled=label is not None)
        )
    ]
    if not items:
        raise TextError(f"no item in {', '.join(map(str, inputs))}")
    return items


def _layout(inputs: Sequence[Input], files: Sequence[Input]) -> Layout:
    tables = [kind_of(str(file)) is not None for file in files]
    if all(tables):
        return "table"
    if any(tables):
        raise ConfigError(
            f"tables and other files do not go together: {files[tables.index(True)]} and "
            f"{files[tables.index(False)]}"
        )
    return "lines" if len(files) == 1 and not Path(inputs[0]).is_dir() else "files"


def _of_table(
    file: Input, config: TextConfig, text: str, label: str | None, columns: Sequence[str]
) -> Iterator[LabelledText]:
    kind = kind_of(str(file))
    if kind is None:
        raise ConfigError(f"a table's name ends in .csv, .tsv or .jsonl; got {file}")
    wanted = [text, *([] if label is None else [label]), *columns]
    for row in read_rows(str(file), wanted, config, kind=kind):
        first, *others = row.fields
        named = others.pop(0) if label is not None else ""
        yield LabelledText(first, named, row.place, tuple(others))


def _of_lines(
    file: Input, config: TextConfig, layout: Layout, *, labelled: bool
) -> Iterator[LabelledText]:
    own = _label_of(file) if layout == "files" and labelled else ""
    for number, line in enumerate(whole_text(str(file), config).split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip():
            continue
        place = f"{file}, line {number}"
        if own or not labelled:
            yield LabelledText(line, own, place)
            continue
        label, *rest = line.split(maxsplit=1)
        if not rest:
            raise TextError(f"{place} must be a label, a space and a text; got {line:.40}")
        yield LabelledText(rest[0], label, place)


def _label_of(file: Input) -> str:
    if file == STANDARD_INPUT:
        raise ConfigError("standard input is one file: it has lines, and no file a label")
    name = Path(file).name.removesuffix(".gz")
    return Path(name).stem
