"""What a page tells its readers to run: commands of a shell, and snippets of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.docs.markdown import PAGES, TRANSLATIONS, Block, Page, read_page

# A line of a block is a command if its first word is one of these, or if it has a prompt.
_SHELL = ("cp", "echo", "head", "ls", "tail", "time")
PROGRAMS = frozenset({"nextchar", "python", "torchrun", "make", "pip", "tensorboard", *_SHELL})
_PROMPT = "$ "
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S")
_COMMENT = re.compile(r"(?:^|\s)#\s.*$")


@dataclass(frozen=True)
class Step:
    """Something that a page tells its readers to run.

    Attributes
    ----------
    page, line
        Where it stands.
    code
        A command line, with what continues it, or the source of a snippet.
    is_python
        Whether it is a snippet.
    not_run
        The reason why it is not run, or ``None``.
    is_hidden
        Whether it stands in a comment, as what the page takes for granted.
    """

    page: str
    line: int
    code: str
    is_python: bool = False
    not_run: str | None = None
    is_hidden: bool = False

    @property
    def place(self) -> str:
        """The page and the line."""
        return f"{self.page}:{self.line}"

    @property
    def title(self) -> str:
        """The command, or the first line of the snippet."""
        return self.code.strip().splitlines()[0] + (" …" if self.is_python else "")


def steps_of(page: Page) -> Iterator[Step]:
    """Give the steps of a page in order."""
    for block in page.blocks:
        for command in (block.run_first or "").splitlines():
            yield Step(page.name, block.line, command, is_hidden=True)
        if block.language in ("python", "py"):
            source = "\n".join(block.lines) + "\n"
            yield Step(page.name, block.line, source, is_python=True, not_run=block.not_run)
        else:
            for line, command in _commands(block):
                yield Step(page.name, line, command, not_run=block.not_run)


def _commands(block: Block) -> Iterator[tuple[int, str]]:
    """Give the commands of a block of a shell, and their lines."""
    has_prompts = any(line.startswith(_PROMPT) for line in block.lines)
    lines = iter(enumerate(block.lines, block.line))
    for number, line in lines:
        if has_prompts and not line.startswith(_PROMPT):
            continue
        command = line.removeprefix(_PROMPT)
        if not (has_prompts or is_command(command)):
            continue
        while command.endswith("\\"):
            command = f"{command[:-1].rstrip()} {next(lines)[1].strip()}"
        yield number, _COMMENT.sub("", command).strip()


def is_command(line: str) -> bool:
    """Say whether a line without a prompt is a command, by its first word."""
    words = line.split()
    return bool(words) and (words[0] in PROGRAMS or bool(_ASSIGNMENT.match(words[0])))


@cache
def pages() -> tuple[Page, ...]:
    """Read all pages in English."""
    return tuple(read_page(path) for path in PAGES)


@cache
def translations() -> tuple[Page, ...]:
    """Read all translations."""
    return tuple(read_page(path) for path in TRANSLATIONS)
