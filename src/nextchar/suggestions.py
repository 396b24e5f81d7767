"""Suggestions for unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 3
_LEAST_LETTERS = 2  # minimum for a match with the beginning or a part of another name


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the most similar names, best first, at most three.

    Names that start with the given name come first, then names that contain it as a word or have
    it as initials (``lr`` for ``learning-rate``), then names that differ in a few letters.
    """
    wanted = _plain(name)
    names = {each: _plain(each) for each in known}
    tests = (
        lambda plain: plain.startswith(wanted),
        lambda plain: wanted in plain.split("-"),
        lambda plain: wanted == "".join(word[:1] for word in plain.split("-")),
        lambda plain: any(word.startswith(wanted) for word in plain.split("-")),
    )
    found: list[str] = []
    if len(wanted) >= _LEAST_LETTERS:
        found = [each for test in tests for each, plain in names.items() if test(plain)]
    # Also match names that are a part of the given name: max-length finds length.
    close = difflib.get_close_matches(wanted, names.values(), n=_MOST, cutoff=0.7)
    found += [each for plain in close for each in names if names[each] == plain]
    if len(wanted) >= _LEAST_LETTERS:
        found += [each for each, plain in names.items() if plain in wanted.split("-")]
    found += [
        each
        for each, plain in names.items()
        if len(plain) > _LEAST_LETTERS and wanted.startswith(plain)
    ]
    return list(dict.fromkeys(found))[:_MOST]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a suggestion to append to a message; empty if no name is similar."""
    found = nearest(name, known)
    if not found:
        return ""
    return (
        f": did you mean {' or '.join([', '.join(found[:-1]), found[-1]] if found[1:] else found)}?"
    )


def _plain(name: str) -> str:
    return name.lstrip("-").replace("_", "-").replace(" ", "-").lower()
