"""How far a long work has come, told from its innermost loop to whoever follows it.

A command follows the work that it calls; the functions between the two know nothing of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

ItemT = TypeVar("ItemT")


class _Follower:
    """Tells a callable the part that is done, 0 to 1."""

    def __init__(self, tell: Callable[[float], None], symbols: int) -> None:
        self.tell = tell
        self._symbols = symbols
        self._done = 0

    def count(self, symbols: int) -> None:
        if self._symbols > 0:
            self._done += symbols
            # What is read twice, to warm up, counts twice.
            self.tell(min(self._done / self._symbols, 0.999))


_FOLLOWER: ContextVar[_Follower | None] = ContextVar("follower", default=None)


@contextmanager
def followed_by(tell: Callable[[float], None], *, symbols: int = 0) -> Iterator[None]:
    """Tell of the work in the block, which reads about so many symbols; 0 is not known."""
    token = _FOLLOWER.set(_Follower(tell, symbols))
    try:
        yield
    finally:
        _FOLLOWER.reset(token)


def each_a_part(works: Sequence[ItemT]) -> Iterator[ItemT]:
    """Give works one by one, each an equal part of all; what it reports is a part of that part."""
    outer = _FOLLOWER.get()
    for number, work in enumerate(works):
        if outer is None:
            yield work
            continue
        tell = functools.partial(_tell_within, outer.tell, number, len(works))
        with followed_by(tell):
            yield work


def _tell_within(tell: Callable[[float], None], number: int, works: int, part: float) -> None:
    tell((number + part) / works)


def report_part(part: float) -> None:
    """Say which part of all is done, 0 to 1."""
    follower = _FOLLOWER.get()
    if follower is not None:
        follower.tell(part)


def report_symbols(symbols: int) -> None:
    """Say that so many more symbols were read."""
    follower = _FOLLOWER.get()
    if follower is not None:
        follower.count(symbols)
