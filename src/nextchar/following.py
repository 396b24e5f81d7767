"""Progress of a long task, reported by its innermost loop.

A command sets a progress callback for the task it calls; the functions in between need no
parameter for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

ItemT = TypeVar("ItemT")


class _Follower:
    """Reports the completed share, 0 to 1, to a callback."""

    def __init__(self, tell: Callable[[float], None], symbols: int) -> None:
        self.tell = tell
        self._symbols = symbols
        self._done = 0

    def count(self, symbols: int) -> None:
        if self._symbols > 0:
            self._done += symbols
            # Symbols read twice, as warm-up context, count twice.
            self.tell(min(self._done / self._symbols, 0.999))


_FOLLOWER: ContextVar[_Follower | None] = ContextVar("follower", default=None)


@contextmanager
def followed_by(tell: Callable[[float], None], *, symbols: int = 0) -> Iterator[None]:
    """Report the progress of the block to ``tell``.

    ``symbols`` is the approximate number of symbols read in the block; 0 means unknown.
    """
    token = _FOLLOWER.set(_Follower(tell, symbols))
    try:
        yield
    finally:
        _FOLLOWER.reset(token)


def each_a_part(works: Sequence[ItemT]) -> Iterator[ItemT]:
    """Yield items, each with an equal share of the progress; scale progress within an item."""
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
    """Report the completed share of the task, 0 to 1."""
    follower = _FOLLOWER.get()
    if follower is not None:
        follower.tell(part)


def report_symbols(symbols: int) -> None:
    """Report the number of symbols read since the last report."""
    follower = _FOLLOWER.get()
    if follower is not None:
        follower.count(symbols)
