"""Commands, options and names that prose and tables mention: all of them exist."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from nextchar.cli import app
from tests.docs.commands import is_command
from tests.docs.markdown import ROOT, Page

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?![\w-])")
_NAME = re.compile(r"nextchar(?:\.\w+)+")
_SCRIPT = re.compile(r"(?:python )?((?:benchmarks|examples)/\w+\.py)(.*)")
_TARGET = re.compile(r"make ([\w-]+)")
_IN_A_BLOCK = re.compile(r"(?:^|\s)(nextchar [a-z]+ .*)")
# Of torchrun and pip, which are not ours.
_OTHERS = frozenset({"--nproc-per-node", "--max-restarts", "--no-deps"})


def unknown(page: Page) -> Iterator[tuple[int, str]]:
    """Give the line and the fault of each mention of what is not there."""
    mentions = [(span.line, span.code) for span in page.spans]
    for block in page.blocks:
        for number, line in enumerate(block.lines, block.line):
            found = _IN_A_BLOCK.search(line)
            if found and not is_command(line) and not line.startswith("$ "):
                mentions.append((number, found[1]))
    for number, code in mentions:
        fault = _fault(code)
        if fault:
            yield number, f"`{code}`: {fault}"


def _fault(code: str) -> str:
    script, target = _SCRIPT.fullmatch(code), _TARGET.match(code)
    if code.startswith("nextchar "):
        return _fault_of_command(code.split()[1:])
    if _NAME.match(code):
        return _fault_of_name(_NAME.match(code)[0])  # type: ignore[index]
    if script:
        if not (ROOT / script[1]).is_file():
            return f"there is no {script[1]}"
        given = _OPTION.findall(script[2])
        return _missing(given, _options_of_script(script[1]), script[1])
    if target:
        rules = (ROOT / "Makefile").read_text(encoding="utf-8")
        known = re.search(rf"^{re.escape(target[1])}:", rules, re.MULTILINE)
        return "" if known else f"the Makefile has no target {target[1]}"
    if code.startswith("--"):
        return _missing(_OPTION.findall(code), _all_options(), "nextchar")
    return ""


def _fault_of_command(words: list[str]) -> str:
    command = _root()
    path = "nextchar"
    while words and getattr(command, "commands", None):
        if words[0] not in command.commands:
            known = words[0].startswith("-") or not re.fullmatch(r"[a-z]+", words[0])
            return "" if known else f"{path} has no command {words[0]}"
        path, command = f"{path} {words[0]}", command.commands[words[0]]
        words = words[1:]
    return _missing(_OPTION.findall(" ".join(words)), _options_of(command), path)


@cache
def _root() -> Any:
    """Give the command line with every command imported."""
    root: Any = typer.main.get_command(app)
    root.loaded()
    return root


def _fault_of_name(name: str) -> str:
    parts = name.split(".")
    found: Any = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(parts[:place]))
            except ModuleNotFoundError:
                return f"{'.'.join(parts[: place - 1])} has no {part}"
    return ""


def _missing(given: list[str], known: frozenset[str], what: str) -> str:
    missing = [name for name in given if name not in known]
    return f"{what} has no option {', '.join(missing)}" if missing else ""


def _options_of(command: Any) -> frozenset[str]:
    """Give the options of a command, those of its own commands included."""
    names = {n for p in command.params for n in (*p.opts, *p.secondary_opts)}
    inner = getattr(command, "commands", {}).values()
    return frozenset({"--help", *names}.union(*map(_options_of, inner)))


@cache
def _options_of_script(name: str) -> frozenset[str]:
    source = (ROOT / name).read_text(encoding="utf-8")
    return frozenset(re.findall(r'"(--[a-z0-9-]+)"', source))


@cache
def _all_options() -> frozenset[str]:
    scripts = (f"benchmarks/{path.name}" for path in (ROOT / "benchmarks").glob("*.py"))
    own = _options_of(_root())
    return own.union(_OTHERS, *map(_options_of_script, scripts))
