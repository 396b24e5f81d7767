"""Write the reference of the command line: ``python -m tests.docs.reference``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import typer

from nextchar.cli import app
from nextchar.cli.catalogue import CATALOGUE
from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "reference" / "command-line.md"

_HEAD = """# Command line

This page is generated from the program by `python -m tests.docs.reference`. `nextchar --help` lists
the commands, and `--help` after a command lists its options.

Results are written to standard output; progress, notes and errors are written to standard error.
Every command has `--quiet`, and every command except `nextchar play` prints one JSON object with
`--json`. Output to a file or a pipe is plain text: no colours, and no line is wrapped or cut.

| Exit code | Meaning |
|---|---|
| 0 | success |
| 1 | failure: a full disk, a failed download, a loss that became infinite |
| 2 | wrong input: an unknown option, an unreadable text, a missing or damaged run |
| 130, 143 | interrupted (Ctrl-C) or terminated; `nextchar train` has saved its state |
| 141 | the reader of a pipe has closed it |

## Shell completion

`nextchar --install-completion` sets up completion for the shell in use (bash, zsh or fish), and
`nextchar --show-completion` prints the script instead. After a restart of the shell, the Tab key
completes commands, options and the values of options that have a fixed set. Run directories and
files are completed as paths.
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    leaves = root.loaded()
    seen: dict[str, str] = {}
    for panel, names in groupby(CATALOGUE, key=lambda name: CATALOGUE[name].panel):
        yield f"## {panel}\n"
        for name in names:
            if name not in leaves:
                yield f"### nextchar {name}\n\n{_prose(root.commands[name].help)}\n"
            for path, command in leaves.items():
                if path == name or path.startswith(f"{name} "):
                    level = "###" if path == name else "####"
                    yield from _command(level, path, command, seen)


def _command(level: str, path: str, command: Any, seen: dict[str, str]) -> Iterator[str]:
    """Yield heading, usage, help and tables; a table shown before is only referred to."""
    ctx = typer.Context(command, info_name=f"nextchar {path}")
    usage = command.get_usage(ctx).removeprefix("Usage: ")
    yield f"{level} nextchar {path}\n\n```text\n{usage}\n```\n\n{_prose(command.help)}\n"
    tables: dict[str, list[str]] = {}
    for parameter in command.params:
        is_argument = parameter.param_type_name == "argument"
        panel = "Arguments" if is_argument else parameter.rich_help_panel or "Options"
        tables.setdefault(panel, []).append(_row(parameter, ctx))
    for panel, rows in tables.items():
        table = "\n".join([f"| {panel} | |", "|---|---|", *rows])
        if table in seen and panel not in ("Arguments", "Options"):
            yield f"{panel} options: as for [`nextchar {seen[table]}`](#{_anchor(seen[table])}).\n"
            continue
        seen.setdefault(table, path)
        yield f"{table}\n"


def _row(parameter: Any, ctx: typer.Context) -> str:
    name, text = parameter.get_help_record(ctx)
    escaped = name.replace("|", r"\|")
    return f"| `{escaped}` | {_prose(' '.join(text.split()))} |"


def _prose(text: str) -> str:
    """Escape what Markdown would read as its own."""
    for character in "\\<>|*":
        text = text.replace(character, f"\\{character}")
    return text


def _anchor(path: str) -> str:
    return f"nextchar-{path.replace(' ', '-')}"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
