"""Prompts: on the command line, in a file, or on standard input."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.errors import ConfigError

if TYPE_CHECKING:
    from nextchar.config import TextConfig

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
ESCAPES_HELP = r"\n is a line break, \t a tab, \\ a backslash"
STANDARD_INPUT = "-"

PROMPT: Any = typer.Option(
    "", "--prompt", help=f"Text to continue: {ESCAPES_HELP}; - reads standard input."
)
PROMPT_FILE: Any = typer.Option(
    None,
    "--prompt-file",
    help="Text to continue, from a file; one line break at its end is ignored.",
)


def unescaped(text: str) -> str:
    r"""Read ``\n``, ``\t``, ``\r`` and ``\\`` as escape sequences, which a shell does not do.

    Any other backslash is literal.
    """
    return re.sub(r"\\([ntr\\])", lambda found: _ESCAPES[found[1]], text)


def read_prompt(prompt: str, file: Path | None, reading: Callable[[], TextConfig]) -> str:
    """Return the prompt selected by the options of a command.

    Parameters
    ----------
    prompt, file
        Values of the options; at most one is set.
    reading
        Returns how a file is read; called only if there is one.

    Raises
    ------
    ConfigError
        Both are given.
    TextError
        The file or standard input cannot be read, or is empty.
    """
    if file is not None and prompt:
        raise ConfigError("--prompt and --prompt-file both set the prompt: use one")
    if file is None and prompt != STANDARD_INPUT:
        return unescaped(prompt)
    from nextchar.text.reading import open_text

    named = STANDARD_INPUT if file is None else file
    with open_text([named], reading(), takes_bytes=False) as source:
        text = "".join(source.chunks())
    # Editors and echo add a final line break that is not meant.
    return re.sub(r"\r?\n\Z", "", text)
