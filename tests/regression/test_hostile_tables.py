"""Hostile tables: each is read, or refused by one line, within bounds of time and memory."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import random
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from nextchar.config import TextConfig
from nextchar.errors import NextcharError
from nextchar.text.labelled import read_labelled
from nextchar.text.tables import read_table
from tests.conftest import Run

LONGEST_MESSAGE = 600
MOST_SECONDS = 20  # of one table; a machine with other work is several times slower
HUGE = 1 << 20


def _objects(*values: object) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in values).encode()


# Large tables, by name: the cost of each must grow with its size alone.
LARGE: dict[str, Callable[[], bytes]] = {
    "columns.csv": lambda: b",".join(b"c%d" % n for n in range(100_000)) + b",text,label\n",
    "columns_without_names.csv": lambda: 20 * (b"," * 100_000 + b"\n"),
    "rows_of_other_columns.csv": lambda: 20 * (b"a;b," * 50_000 + b"\n"),
    "equal_names.csv": lambda: b"text," * 100_000 + b"label\n",
    "long_field.csv": lambda: b"text,label\n" + b"a" * (10 * HUGE) + b",b\nc,d\n",
    "long_name.csv": lambda: b"text" * HUGE + b",label\nx,y\n",
    "long_label.csv": lambda: b"text,label\na," + b"l" * (5 * HUGE) + b"\nb,c\n",
    "wide_row.csv": lambda: b"text,label\n" + b"a," * HUGE + b"\n",
    "open_quote.csv": lambda: b'text,label\n"abc,b\n' + b"x,y\n" * 200_000,
    "quotes.csv": lambda: b"text,label\n" + b'"' * (2 * HUGE + 1) + b",b\n",
    "quoted_separators.csv": lambda: b"text,label\n" + b'",' * HUGE + b"\n",
    "quotes.tsv": lambda: b"text\tlabel\n" + b'"' * HUGE + b"\tb\n",
    "quoted_header.tsv": lambda: b'"' * HUGE + b"\na\tb\n",
    "spaces.tsv": lambda: b" " * HUGE + b"\tlabel\n",
    "blank_lines.csv": lambda: b"\n" * 500_000,
    "blank_lines_inside.csv": lambda: b"text,label\n" + b"\n" * 500_000 + b"a,b\n",
    "returns.csv": lambda: b"text,label\r" + b"\r" * 500_000 + b"a,b\r",
    "separators.csv": lambda: b"," * (2 * HUGE) + b"\n",
    "line_breaks_in_quotes.csv": lambda: b'text,label\n"' + b"\n" * HUGE + b'",c\n',
    "nested.jsonl": lambda: b"[" * 100_000 + b"\n",
    "nested_objects.jsonl": lambda: b'{"text":' * 50_000 + b"\n",
    "keys.jsonl": lambda: _objects({f"k{n}": 1 for n in range(100_000)}),
    "new_keys.jsonl": lambda: _objects(*({f"k{n}": 1} for n in range(50_000))),
    "long_key.jsonl": lambda: b'{"' + b"k" * (5 * HUGE) + b'":1}\n',
    "long_value.jsonl": lambda: b'{"text":"' + b"a" * (10 * HUGE) + b'","label":"b"}\n',
    "no_object.jsonl": lambda: b"x" * (10 * HUGE) + b"\n",
    "long_number.jsonl": lambda: b'{"text":"a","label":' + b"9" * HUGE + b"}\n",
}


def _read(path: Path) -> str | None:
    """Read a table; return the message if it is refused. All texts must be encodable."""
    notes: list[str] = []
    try:
        items = read_labelled([path], TextConfig(), note=notes.append)
    except NextcharError as error:
        notes.append(error.for_command_line)
        items = []
    for item in items:
        (item.text + item.label).encode()
    for note in notes:
        assert len(note.splitlines()) == 1, note
        assert len(note) < LONGEST_MESSAGE + len(str(path))
        note.encode()
    return None if items else notes[-1]


@pytest.mark.parametrize("name", LARGE)
def test_a_large_table_costs_time_in_proportion(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(LARGE[name]())
    began = time.monotonic()
    _read(tmp_path / name)
    assert time.monotonic() - began < MOST_SECONDS


@pytest.mark.parametrize("name", ["quoted_header.tsv", "quotes.tsv", "rows_of_other_columns.csv"])
def test_a_large_table_costs_memory_in_proportion(tmp_path: Path, name: str) -> None:
    content = LARGE[name]()
    (tmp_path / name).write_bytes(content)
    gc.collect()
    tracemalloc.start()
    _read(tmp_path / name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(content) + (64 << 20)


SMALL: dict[str, bytes] = {
    "nul.csv": b"text,label\n\0\0,a\nb\0,c\n",
    "declared.csv": b"sep=;\ntext;label\na;b\nc;d\n",
    "declared_quote.csv": b'sep="\ntext"label\na"b\n',
    "declared_nul.csv": b"sep=\0\ntext\0label\na\0b\n",
    "declared_return.csv": b"sep=\rtext\rlabel\n",
    "bom.csv": b"\xef\xbb\xbftext,label\na,b\nc,d\n",
    "boms.csv": b"\xef\xbb\xbf" * 3 + b"text,label\na,b\n",
    "mixed.csv": "text,label\né,b\n".encode() + b"\xe9,c\n",
    "truncated.csv": "text,label\né,é".encode()[:-1],
    "only_header.csv": b"text,label\n",
    "nothing.csv": b"",
    "text_after_quote.csv": b'text,label\n"a"b,c\n',
    "surrogate_bytes.csv": b"text,label\n\xed\xa0\x80,b\n",
    "surrogate_label.jsonl": b'{"text":"a","label":"\\ud800"}\n{"text":"b","label":"x"}\n',
    "surrogate_text.jsonl": b'{"text":"\\udfff","label":"x"}\n{"text":"b","label":"y"}\n',
    "surrogate_key.jsonl": b'{"\\ud800":"a"}\n',
    "surrogate_inside.jsonl": b'{"text":{"a":"\\ud800"},"label":"c"}\n',
    "surrogate_halves.jsonl": b'{"text":"\\ud83d\\ude00","label":"\\ude00\\ud83d"}\n',
    "repeated_keys.jsonl": b'{"text":"a","text":"b","label":1,"label":2}\n',
    "long_integer.jsonl": b'{"text":"a","label":' + b"9" * 5000 + b"}\n",
    "long_exponent.jsonl": b'{"text":"a","label":1e999999}\n',
    "constants.jsonl": b'{"text":"a","label":Infinity}\n{"text":NaN,"label":-Infinity}\n',
    "deep_label.jsonl": b'{"text":"a","label":' + b"[" * 900 + b"]" * 900 + b"}\n",
    "array.jsonl": b'[{"text":"a","label":"b"}]\n',
    "bare.jsonl": b"1\n",
    "unfinished.jsonl": b'{"text":"a","label":"b"\n',
}
REFUSED = {
    "surrogate_label.jsonl": "lone surrogate U\\+D800",
    "surrogate_text.jsonl": "lone surrogate U\\+DFFF",
    "surrogate_halves.jsonl": "lone surrogate U\\+DE00",
    "surrogate_bytes.csv": "not utf-8",
    "surrogate_inside.jsonl": "must be text or a number",
    "deep_label.jsonl": "must be text or a number",
    "nothing.csv": "empty",
}


@pytest.mark.parametrize("name", SMALL)
def test_a_small_table_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SMALL[name])
    problem = _read(tmp_path / name)
    if name in REFUSED:
        assert problem is not None
        assert re.search(REFUSED[name], problem)


_PIECES = [
    *(b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b'"', b'""', b" ", b"\0", b"\xef\xbb\xbf"),
    *(b"text", b"label", b"a", b"1", b"-", b"sep=;", b"\xed\xa0\x80", b"\xff", "é가😀".encode()),
    *(b"{", b"}", b"[", b"]", b":", b'"text":', b'"label":', b'"\\ud800"', b"null", b"1e999"),
    *(b"9" * 400, b"x" * 5000, b"," * 300, b"[" * 3000, b'{"text":"a","label":"b"}\n'),
]


def _table(draw: random.Random, kind: str) -> bytes:
    """Return random pieces, most often after a header or inside an object."""
    pieces = b"".join(draw.choices(_PIECES, k=draw.randint(1, 60)))
    separator = {"csv": b",", "tsv": b"\t"}.get(kind)
    if separator is None:
        return draw.choice([pieces, b'{"text":' + pieces + b',"label":"b"}\n'])
    header = separator.join([b"text", b"label"]) + b"\n"
    return draw.choice([b"", b"\n" * 60, b"sep=;\n"]) + draw.choice([b"", header]) + pieces


def _fuzz(folder: Path, seed: int, count: int) -> None:
    draw = random.Random(seed)
    for number, kind in zip(range(count), itertools.cycle(["csv", "tsv", "jsonl"]), strict=False):
        path = folder / f"{number}.{kind}"
        path.write_bytes(_table(draw, kind))
        _read(path)
        if kind != "jsonl":
            with contextlib.suppress(NextcharError):
                read_table(path, TextConfig(), kind="csv" if kind == "csv" else "tsv")
        path.unlink()


def test_five_hundred_random_tables_are_read_or_refused(tmp_path: Path) -> None:
    _fuzz(tmp_path, 1, 500)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_more_random_tables_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    _fuzz(tmp_path, seed, 1000)


TRAINED = [
    "surrogate_label.jsonl",
    "surrogate_text.jsonl",
    "deep_label.jsonl",
    "mixed.csv",
    "nothing.csv",
]


@pytest.mark.parametrize("command", ["classify", "condition", "transduce", "tag"])
@pytest.mark.parametrize("name", TRAINED)
def test_a_task_refuses_a_hostile_table_in_one_line(
    nextchar: Run, tmp_path: Path, command: str, name: str
) -> None:
    (tmp_path / name).write_bytes(SMALL[name])
    columns = {
        "transduce": ["--source", "text", "--target", "label"],
        "tag": ["--columns", "text,label"],
    }
    arguments = [*columns.get(command, []), "--out", tmp_path / "run", "--steps", "1"]
    problem = nextchar(command, "train", tmp_path / name, *arguments).problem(2)
    assert len(problem) < LONGEST_MESSAGE + len(str(tmp_path))
    assert not (tmp_path / "run").exists()
