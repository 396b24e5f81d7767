"""Fields of CSV and TSV files, with any separator.

In a CSV file, a field may be quoted; commas, line breaks and doubled quotes inside it are text. In
a TSV file, quotes are ordinary characters, unless all names in the header are quoted; columns are
then selected by these names without the quotes.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nextchar.errors import TextError
from nextchar.text.lines import LONGEST_LINE, lines_of, lines_with_ends
from nextchar.text.reading import TextSource

Separated = Literal["csv", "tsv"]
Record = tuple[int, list[str]]  # the number of its first line, from 1, and its fields
Fits = Callable[[Sequence[Sequence[str]]], bool]

_OWN = {"csv": ",", "tsv": "\t"}
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars (|)"}
_DECLARED = re.compile(r"sep=([^\w\s\"]|\t)\s*", re.IGNORECASE)  # written by Excel above the header
_EXAMINED, _EXAMINED_CHARACTERS = 50, 1 << 20  # lines, and the characters after which they end
_BATCH = 1000  # records
_limit = threading.Lock()  # the field size limit of csv applies to the whole process


@dataclass(frozen=True)
class Layout:
    """The rules that split the lines of a file into fields.

    Attributes
    ----------
    separator
        The field separator.
    quoted
        Whether fields may be quoted.
    skipped
        Number of lines before the first record.
    """

    separator: str
    quoted: bool
    skipped: int = 0

    def records(self, source: TextSource, name: str) -> Iterator[Record]:
        """Return the records of a file, read lazily.

        Raises
        ------
        TextError
            A quote is not closed, or a closing quote is followed by text.
        """
        if self.quoted:
            return _quoted(source, self, name)
        numbered = enumerate(lines_of(source.chunks(), name), 1)
        lines = itertools.islice(numbered, self.skipped, None)
        return ((number, line.split(self.separator)) for number, line in lines)

    def is_of(self, kind: Separated) -> bool:
        """Return whether the separator is the standard one of a kind of file."""
        return self.separator == _OWN[kind]

    @property
    def separators(self) -> str:
        """The name of the separators."""
        return _NAMES.get(self.separator, repr(self.separator))


def layout_of(source: TextSource, kind: Separated, fits: Sequence[Fits]) -> Layout:
    """Detect the layout of a file from its first lines.

    Parameters
    ----------
    source
        The file.
    kind
        The kind of file, by its name.
    fits
        Predicates for acceptable records, strictest first. The first layout that passes is
        returned, or else the standard layout of the kind.
    """
    numbered = enumerate(lines_with_ends(source.chunks(), source.names[0]))
    begun = itertools.dropwhile(lambda each: not each[1].strip("\r\n"), numbered)
    skipped, first = next(begun, (0, ""))
    lines, goes_on = _beginning(first, begun)
    declared = _DECLARED.fullmatch(first) if kind == "csv" else None
    if declared is not None:
        return Layout(declared[1], quoted=True, skipped=skipped + 1)
    own, *others = _possible(kind, first, skipped)
    layouts = [own, *others]
    records = [_first_records(layout, lines, goes_on=goes_on) for layout in layouts]
    for test in fits:
        for layout, read in zip(layouts, records, strict=True):
            if test(read):
                return layout
    return own


def _beginning(first: str, others: Iterator[tuple[int, str]]) -> tuple[list[str], bool]:
    """Return the lines to examine, at least one, and whether there may be more."""
    lines, size = [first], len(first)
    for _, line in others:
        if len(lines) == _EXAMINED or size >= _EXAMINED_CHARACTERS:
            return lines, True
        lines.append(line)
        size += len(line)
    return lines, len(lines) == _EXAMINED


def looks_quoted(field: str) -> bool:
    """Return whether a field is quoted as in CSV files."""
    text = field.strip()
    inner = text[1:-1]
    return len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', "")


def is_quoted(fields: Sequence[str]) -> bool:
    """Return whether all fields are quoted."""
    return all(map(looks_quoted, fields))


def _possible(kind: Separated, first: str, skipped: int) -> list[Layout]:
    """Return the possible layouts of a file, the standard layout of its kind first."""
    quoted = [Layout(each, quoted=True, skipped=skipped) for each in ",;\t|"]
    if kind == "csv":
        return quoted
    header = first.rstrip("\r\n").split("\t")
    others = quoted if is_quoted(header) else [each for each in quoted if each.separator != "\t"]
    return [Layout("\t", quoted=False, skipped=skipped), *others]


def _first_records(layout: Layout, lines: Sequence[str], *, goes_on: bool) -> list[list[str]]:
    if not layout.quoted:
        return [line.rstrip("\r\n").split(layout.separator) for line in lines]
    with _long_fields():
        try:
            records = [fields for fields in csv.reader(lines, delimiter=layout.separator) if fields]
        except csv.Error:  # a field beyond the limit
            return []
    # The last record may continue beyond the lines examined.
    return records[:-1] if goes_on and len(records) > 1 else records


def _quoted(source: TextSource, layout: Layout, name: str) -> Iterator[Record]:
    lines = itertools.islice(lines_with_ends(source.chunks(), name), layout.skipped, None)
    reader = csv.reader(lines, delimiter=layout.separator, strict=True)
    first = layout.skipped + 1
    while True:
        batch: list[Record] = []
        try:
            with _long_fields():
                for fields in itertools.islice(reader, _BATCH):
                    batch.append((first, fields))
                    first = reader.line_num + layout.skipped + 1
        except csv.Error as error:
            if "field limit" in str(error):
                raise _too_long(name, first) from error
            lines = itertools.islice(lines_with_ends(source.chunks(), name), first - 1, None)
            opened = first + _opening_line(lines, layout.separator)
            raise _unclosed(name, opened, reader.line_num + layout.skipped, error) from error
        if not batch:
            return
        yield from batch


def _too_long(name: str, line: int) -> TextError:
    return TextError(
        f"{name}, line {line}: the record that starts here has a field of more than "
        f"{LONGEST_LINE:,} characters: a quote may not be closed"
    )


def _unclosed(name: str, opened: int, line: int, error: csv.Error) -> TextError:
    if "end of data" in str(error):
        return TextError(
            f"{name}, line {opened}: a quoted field starts here and is never closed: a field that "
            "begins with a quote must be quoted, with its own quotes doubled"
        )
    where = "" if line == opened else f" in line {line}"
    return TextError(
        f"{name}, line {opened}: a quoted field starts here, and text follows its closing "
        f"quote{where}: quotes inside a quoted field must be doubled"
    )


def _opening_line(lines: Iterable[str], separator: str) -> int:
    """Return the index of the line with the last opening quote before the error.

    The error is a quote still open at the end of the file, or a closing quote without a separator
    after it.
    """
    opened = 0
    is_open = False
    for number, line in enumerate(lines):
        if '"' not in line:
            continue
        at_start = not is_open
        place = 0
        while place < len(line):
            character = line[place]
            if is_open:
                if character == '"':
                    if line.startswith('""', place):
                        place += 1
                    else:
                        is_open = False
                        if line[place + 1 : place + 2] not in (separator, "\r", "\n", ""):
                            return opened
            elif character == '"' and at_start:
                is_open, opened = True, number
            at_start = character == separator
            place += 1
    return opened


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the field size limit of csv (128 KiB) during the block."""
    with _limit:
        before = csv.field_size_limit(LONGEST_LINE)
        try:
            yield
        finally:
            csv.field_size_limit(before)
