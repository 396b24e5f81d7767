"""Twenty degenerate inputs for every command: one line and an exit code, whatever was given."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import CALLS, SIZES, commands
from tests.conftest import Run

SLOW = pytest.mark.slow
DATA = ("{text.txt}", "{words.csv}", "{packed}")
RUNS = ("{model}", "{classifier}", "{tagger}", "{transducer}", "{conditional}", "{embeddings}")
ALL_CALLS = {**CALLS, "play": "{model}"}
LONGEST_LINE = 1100
ENDLESS = "--length"  # a text of a huge length is written until somebody stops it
FILES = {
    "an empty file": b"",
    "one character": b"x",
    "zero bytes": bytes(300),
    "binary": bytes(range(256)) * 8,
    "one long line": b"x" * 70_000,
}
ARGUMENTS = {
    "a missing file": "TMP/missing",
    "a folder": "TMP/folder",
    "a pipe": "TMP/pipe",
    "a device": "/dev/null",
    "a run of another kind": "OTHER",
    "nothing": "",
    "a very long argument": "x" * 100_000,
    "bytes that are not UTF-8": "\udcff\udc80",
    "escapes and markers": "\x1b[2J\u202e\ufdd0a\ufdd1b\ufdd2\ufdd3\n\n",
    "standard input": "-",
}
NUMBERS = {"a huge number": "9" * 400, "a negative number": "-1", "not a number": "nan"}
OTHERS = ("an unknown option", "an option twice", "no argument", "a place where nothing is written")
KINDS = (*FILES, *ARGUMENTS, *NUMBERS, *OTHERS)
# Of commands that train, these inputs are valid.
TRAINS = (*SIZES, "embeddings train")


FAST_SHARE = 9  # one in so many cases: each command and each kind is there


def marked(name: str, kind: str) -> Any:
    """Return a case; those that take long are slow, and most others too."""
    number = list(ALL_CALLS).index(name) + KINDS.index(kind)
    is_slow = name in TRAINS and kind in ("an option twice", *NUMBERS, "one long line", "binary")
    is_slow = is_slow or (name, kind) == ("complete", "a huge number") or number % FAST_SHARE > 0
    return pytest.param(name, kind, marks=SLOW if is_slow else (), id=f"{name}: {kind}")


def number_options(name: str) -> list[str]:
    """Return the options of a command that take a number."""
    params = commands()[name].params
    numeric = [p for p in params if re.search("int|float", str(p.type_descriptor.annotation))]
    return [p.opts[0] for p in numeric if p.opts[0].startswith("--")]


def replaced(words: list[str], value: str) -> list[str]:
    """Replace the first file of a call, or else its first run, or else its first word."""
    for names in (DATA, RUNS):
        for place, word in enumerate(words):
            if word in names:
                return [*words[:place], value, *words[place + 1 :]]
    return [value, *words[1:]]


def degenerate(name: str, kind: str, place: Path) -> list[list[str]]:
    """Return calls of a command with a degenerate input."""
    words = ALL_CALLS[name].split()
    size = ["--hidden-size", "8", "--embedding-size", "4"] if name in SIZES else []
    if name == "tag apply":  # otherwise it passes bytes on
        size = ["--errors", "replace"]
    if kind in FILES:
        (place / "file").write_bytes(FILES[kind])
        calls = [replaced(words, str(place / "file"))]
    elif kind in ARGUMENTS:
        other = "{tagger}" if "{tagger}" not in words else "{embeddings}"
        value = ARGUMENTS[kind].replace("TMP", str(place)).replace("OTHER", other)
        calls = [replaced(words, value)]
        if any(word in RUNS for word in words):
            run = next(number for number, word in enumerate(words) if word in RUNS)
            calls.append([*words[:run], value, *words[run + 1 :]])
    elif kind in NUMBERS:
        calls = [
            [*words, each, NUMBERS[kind]] for each in number_options(name)[:2] if each != ENDLESS
        ]
    elif kind == "an unknown option":
        calls = [[*words, "--unheard-of", "1"]]
    elif kind == "an option twice":
        calls = [[*words, "--quiet", "--quiet"]]
    elif kind == "no argument":
        calls = [[]]
    else:
        calls = [[word.replace("OUT", f"{bad}/made") for word in words]
                 for bad in ("/dev/null", "/proc") if "OUT" in ALL_CALLS[name]]  # fmt: skip
    return [[*name.split(), *call, *(size if call else [])] for call in calls]


@pytest.mark.parametrize(
    ("name", "kind"), [marked(name, kind) for name in ALL_CALLS for kind in KINDS]
)
def test_a_degenerate_input_is_one_line_and_a_code(
    name: str, kind: str, nextchar: Run, data: dict[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("NEXTCHAR_DATA", str(tmp_path / "data"))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for words in degenerate(name, kind, tmp_path):
        for each, path in data.items():
            words = [word.replace(f"{{{each}}}", str(path)) for word in words]
        words = [word.replace("OUT", str(tmp_path / "made")) for word in words]
        with_writer(tmp_path / "pipe", functools.partial(require_told, nextchar, words))


def require_told(nextchar: Run, words: list[str]) -> None:
    """Require one line for a failure, and lines that a terminal can show."""
    outcome = nextchar(*words)
    assert outcome.code in (0, 1, 2), outcome
    assert "Traceback" not in outcome.err
    lines = outcome.err.split("\n")
    problems = [line for line in lines if line.startswith("nextchar: ")]
    assert len(problems) == (outcome.code != 0) or "Usage" in outcome.out, outcome
    for line in lines:
        assert len(line) <= LONGEST_LINE
        assert line.isprintable() or "\ufffd" in line, ascii(line)
        assert not {"\x1b", "\u202e", "\ufdd0"} & set(line)


def with_writer(pipe: Path, call: Callable[[], None]) -> None:
    """Call while an end of a pipe waits to be opened, which it closes at once."""

    def write() -> None:
        os.close(os.open(pipe, os.O_WRONLY))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        call()
    finally:
        while writer.is_alive():
            os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
            writer.join(0.001)
