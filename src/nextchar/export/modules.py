"""ES modules joined to one script, so that a page needs no other file.

The modules keep to what can be joined line by line: named imports and exports, none of them
renamed, names of their own at the top level, and comments on lines of their own but for types. So
that spaces and breaks can be left out: a semicolon after every statement, no empty statement, no
template in a template, and no space, comma or quotation mark in a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_IMPORT = re.compile(
    r'^import \{[^}]*\} from "(?P<path>\./|\.\./)(?P<rest>[^"]+)";\n', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)
_COMMENTS = re.compile(r"/\*\*.*?\*/|^[ ]*//[^\n]*", re.MULTILINE | re.DOTALL)
_INDENTATION = re.compile(r"^\s+", re.MULTILINE)
_TYPES = re.compile(r"/\*\* @type [^*]*\*/ ?")
# Strings and templates are kept; around the other characters nothing is needed.
_NEEDLESS = re.compile(
    r'("(?:\\.|[^"\\])*"|`[^`]*`)|[,;]?\s*(?=\})|,?\s*(?=[\])])|\s*([=<>&|?:;,.(){}\[\]*])\s*'
)
_STYLE_SPACE = re.compile(r"/\*.*?\*/|\n\s*|(?<=[{;:,]) | (?=[{}])", re.DOTALL)


def join_modules(entry: str, read: Callable[[str], str]) -> str:
    """Return a module and all that it imports as one script, without comments and needless spaces.

    Parameters
    ----------
    entry
        The path of the first module, such as ``"view/main.js"``.
    read
        Returns the text of a module.
    """
    parts = ['"use strict";\n']
    for path in _in_order(entry, read, set()):
        source = _EXPORT.sub("", _IMPORT.sub("", read(path)))
        source = without_indentation(_TYPES.sub("", _COMMENTS.sub("", source)))
        parts.append(_NEEDLESS.sub(r"\1\2", source))
    return "".join(parts)


def without_indentation(source: str) -> str:
    """Return a text without spaces at the beginning of lines, and without empty lines."""
    return _INDENTATION.sub("", source)


def compact_style(source: str) -> str:
    """Return a style sheet without comments, line breaks, and needless spaces."""
    return _STYLE_SPACE.sub("", source)


def _in_order(path: str, read: Callable[[str], str], seen: set[str]) -> Iterator[str]:
    """Yield the paths of a module's imports, each after its own imports, and then its path."""
    if path in seen:
        return
    seen.add(path)
    folder = path.rpartition("/")[0]
    for found in _IMPORT.finditer(read(path)):
        below = found["rest"] if found["path"] == "../" else f"{folder}/{found['rest']}"
        yield from _in_order(below, read, seen)
    yield path
