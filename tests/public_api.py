"""The public names with their signatures, as text.

    python -m tests.public_api

writes ``tests/golden/public_api.txt``; a test compares the file with the names of today.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nextchar

FILE = Path(__file__).parent / "golden" / "public_api.txt"


def listing() -> str:
    """Return a line for each public name and for each member of a public class."""
    return "".join(f"{line}\n" for name in sorted(nextchar.__all__) for line in _lines(name))


def _lines(name: str) -> Iterator[str]:
    value = getattr(nextchar, name)
    if not inspect.isclass(value):
        yield f"{name}{_signature(value)}"
        return
    yield f"class {name}{_signature(value)}"
    for member in sorted(dir(value)):
        if not member.startswith("_") and _is_ours(value, member):
            yield f"    {_described(member, inspect.getattr_static(value, member), value)}"


def _is_ours(value: type, member: str) -> bool:
    home = next(each for each in value.__mro__ if member in vars(each))
    return home.__module__.startswith("nextchar.")


def _described(name: str, member: object, owner: type) -> str:
    if isinstance(member, property):
        return f"{name}: {_type_of(member)}"
    if isinstance(member, classmethod | staticmethod) or callable(member):
        return f"{name}{_signature(getattr(owner, name))}"
    return name


def _type_of(member: property) -> str:
    return str(inspect.signature(member.fget).return_annotation) if member.fget else ""


def _signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except ValueError:
        return ""
    return re.sub(r" at 0x[0-9a-f]+", "", text.replace("'", ""))


if __name__ == "__main__":
    FILE.write_text(listing())
