"""Names of files and runs in Markdown, where they are text and nothing else."""

from __future__ import annotations

import os
import re
import shlex

from nextchar.visible import printable_text

_PLAIN = re.compile(r"[^\W_]+(?:[ ._-][^\W_]+)*")  # without a character that Markdown interprets
_LINK = re.compile(r"\bwww\.", re.IGNORECASE)


def name_in_markdown(path: str, *, in_table: bool = False) -> str:
    """Return the last part of a path for Markdown, as code unless it is plain."""
    name = _last_part(path)
    if _PLAIN.fullmatch(name) and not _LINK.search(name):
        return name
    fence = "`" * (1 + max(map(len, re.findall("`+", name)), default=0))
    space = " " if "`" in name else ""
    code = f"{fence}{space}{name}{space}{fence}"
    return code.replace("|", r"\|") if in_table else code


def name_in_command(path: str) -> str:
    """Return the last part of a path as a word of a command in a block of code."""
    return shlex.quote(_last_part(path))


def _last_part(path: str) -> str:
    """Return a printable name without the folders above it, which may contain a user's name."""
    return printable_text(os.path.basename(os.path.normpath(path)))  # noqa: PTH119
