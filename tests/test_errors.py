"""Messages name options in the terms of the interface in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nextchar
from nextchar.errors import ConfigError, as_option
from nextchar.training.events import Noticed

PACKAGE = Path(nextchar.__file__).parent
# Help of the command line, headings of its own, and commands that stand in messages as a whole.
_COMMANDS = re.compile(r"nextchar \S+|_command\}|torchrun|\{level\}|--resume|def |in_terms\(")


@pytest.mark.parametrize(
    ("option", "python", "command_line"),
    [
        (as_option("batch_size"), "batch_size", "--batch-size"),
        (as_option("batch_size", 32), "batch_size=32", "--batch-size 32"),
        (as_option("unknown", "skip"), 'unknown="skip"', "--unknown skip"),
        (as_option("cut", True), "cut=True", "--cut"),
        (as_option("batch_norm", False), "batch_norm=False", "--no-batch-norm"),
        (as_option("from_run", "runs/a", flag="from"), 'from_run="runs/a"', "--from runs/a"),
    ],
)
def test_an_option_is_named_in_both_terms(option: str, python: str, command_line: str) -> None:
    error = ConfigError(f"give {option}, or less")
    assert str(error) == error.args[0] == f"give {python}, or less"
    assert error.for_command_line == f"give {command_line}, or less"
    quoting = ConfigError(f"a.toml: {error.in_both_terms}")
    assert str(quoting) == f"a.toml: give {python}, or less"
    assert quoting.for_command_line == f"a.toml: give {command_line}, or less"
    note = Noticed(message=f"set by {option}")
    assert note.message == f"set by {python}"
    assert note.for_command_line == f"set by {command_line}"


def test_no_message_of_the_library_names_a_flag_of_the_command_line() -> None:
    found = []
    for file in PACKAGE.rglob("*.py"):
        # The last one has the commands of each kind of run, for the command line alone.
        in_its_terms = (PACKAGE / "cli", PACKAGE / "config", PACKAGE / "run_files" / "kinds.py")
        if any(file.is_relative_to(place) for place in in_its_terms):
            continue
        code = re.sub(r'"""[\s\S]*?"""', "", file.read_text())
        lines = [line for line in code.splitlines() if re.search(r"[ \"'(]--[a-z]", line)]
        found += [f"{file.name}: {line}" for line in lines if not _COMMANDS.search(line)]
    assert found == []


def test_foreign_text_in_a_message_stays_one_line_and_takes_no_part_in_its_terms() -> None:
    markers = "\ufdd0a\ufdd1b\ufdd2\ufdd3"
    error = ConfigError(f"got \ufdd0{as_option('text', markers)}\ufdd1 \x1b[2J\n\u202e")
    for shown in (str(error), error.for_command_line):
        assert "a\ufffdb" in shown
        assert not {"\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\x1b", "\n", "\u202e"} & set(shown)
    assert "--text" in error.for_command_line
    assert "text=" in str(error)


@pytest.mark.parametrize("length", [1001, 10_000_000])
def test_a_long_message_is_cut_in_the_middle(length: int) -> None:
    shown = ConfigError("start" + "x" * length + "end").for_command_line
    assert len(shown) <= 1000
    assert shown.startswith("start")
    assert shown.endswith("end")
