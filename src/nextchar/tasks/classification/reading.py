"""Texts from files, with labels to learn from or without, to be given some.

The layouts of files are those of ``text.labelled``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nextchar.config import TextConfig
from nextchar.text.files import Input
from nextchar.text.labelled import LabelledText, Layout, read_labelled
from nextchar.text.lines import read_lines
from nextchar.text.notes import Note, no_note
from nextchar.text.reading import STANDARD_INPUT
from nextchar.text.tables import kind_of


@dataclass(frozen=True, kw_only=True)
class LabelledFiles:
    """How items are found in files.

    Attributes
    ----------
    text_column, label_column
        The columns of tables: names, or numbers from 1.
    layout
        How other files are read.
    """

    text_column: str = "text"
    label_column: str = "label"
    layout: Layout = "auto"

    def items(
        self, inputs: Sequence[Input], config: TextConfig, *, note: Note = no_note
    ) -> list[LabelledText]:
        """Read all items of files, folders and patterns, in their order; see ``read_labelled``."""
        return read_labelled(
            inputs,
            config,
            layout=self.layout,
            text=self.text_column,
            label=self.label_column,
            note=note,
        )


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
