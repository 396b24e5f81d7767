"""A synthetic corpus: dates in common English and Korean forms, and in ISO 8601.

Every form is unambiguous. With slashes, the order is month, day, year, as in the United States.
With dots, it is day, month, year, as in Germany, or year first in Korean. Two-digit years are 1969
to 2068, as in POSIX.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from nextchar.errors import ConfigError
from nextchar.tasks.transduction.pairs import Pair

DatePart = Literal["all", "train", "test"]
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
MOST_DATES = 100_000
_TEST_EVERY = 10  # one date in ten is in the test part
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_KO = "월화수목금토일"
_DIGITS_KO = "영일이삼사오육칠팔구"
_FIRST_SHORT, _LAST_SHORT = 1969, 2068

Date = datetime.date
Form = Callable[[Date], str]


def make_dates(count: int, *, seed: int = 0, part: DatePart = "all") -> list[Pair]:
    """Return random dates from 1900 to 2099, each in one of many forms.

    Parameters
    ----------
    count
        Number of pairs, 1 to 100,000. All sources are distinct.
    seed
        Seed of the random choice.
    part
        The part of the corpus. ``test`` is a fixed tenth of all dates and disjoint from ``train``
        for every seed.

    Returns
    -------
    list[Pair]
        The date in an English or Korean form, and in ISO 8601.

    Raises
    ------
    ConfigError
        A value is out of range.
    """
    if not 1 <= count <= MOST_DATES:
        raise ConfigError(f"count must be 1 to {MOST_DATES:,}; got {count:,}")
    if seed < 0:
        raise ConfigError(f"seed must be at least 0; got {seed}")
    if part not in ("all", "train", "test"):
        raise ConfigError(f"part must be all, train or test; got {part!r}")
    drawn: dict[str, Pair] = {}
    for pair in _drawn(seed, part):
        drawn.setdefault(pair.source, pair)
        if len(drawn) == count:
            break
    return list(drawn.values())


def written_forms(date: Date) -> list[str]:
    """Return all forms of a date."""
    forms = _FORMS + (_SHORT_FORMS if _FIRST_SHORT <= date.year <= _LAST_SHORT else ())
    return [form(date) for form in forms]


def _drawn(seed: int, part: DatePart) -> Iterator[Pair]:
    """Yield random dates of a part without end."""
    draw = np.random.default_rng(seed)
    days = (LAST - FIRST).days + 1
    while True:
        date = FIRST + datetime.timedelta(days=int(draw.integers(days)))
        is_test = zlib.crc32(date.isoformat().encode()) % _TEST_EVERY == 0
        if part == "all" or is_test == (part == "test"):
            forms = written_forms(date)
            yield Pair(forms[int(draw.integers(len(forms)))], date.isoformat())


def _month(date: Date) -> str:
    return _MONTHS[date.month - 1]


def _short_month(date: Date) -> str:
    return "Sept." if date.month == 9 else _month(date)[:3]


def _weekday(date: Date) -> str:
    return _DAYS[date.weekday()]


def _ordinal(number: int) -> str:
    is_teen = 10 < number % 100 < 14
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _korean(number: int) -> str:
    """Return a number below 10,000 as Sino-Korean words."""
    words = ""
    for size, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
        digit = number // size % 10
        if digit:
            words += ("" if digit == 1 and name else _DIGITS_KO[digit]) + name
    return words


def _korean_month(date: Date) -> str:
    return {6: "유", 10: "시"}.get(date.month, _korean(date.month))


def _spoken(date: Date) -> str:
    return f"{_korean(date.year)}년 {_korean_month(date)}월 {_korean(date.day)}일"


def _weekday_ko(date: Date) -> str:
    return f"{_DAYS_KO[date.weekday()]}요일"


_FORMS: tuple[Form, ...] = (
    lambda d: f"{_month(d)} {d.day}, {d.year}",
    lambda d: f"{_month(d)} {_ordinal(d.day)}, {d.year}",
    lambda d: f"{d.day} {_month(d)} {d.year}",
    lambda d: f"{_ordinal(d.day)} of {_month(d)} {d.year}",
    lambda d: f"the {_ordinal(d.day)} of {_month(d)}, {d.year}",
    lambda d: f"{_weekday(d)}, {_month(d)} {d.day}, {d.year}",
    lambda d: f"{_weekday(d)}, {d.day} {_month(d)} {d.year}",
    lambda d: f"{_weekday(d)[:3]} {d.day} {_short_month(d)} {d.year}",
    lambda d: f"{_short_month(d)} {d.day}, {d.year}",
    lambda d: f"{d.day:02d}-{_month(d)[:3].upper()}-{d.year}",
    lambda d: f"{_month(d).upper()} {d.day}, {d.year}",
    lambda d: f"{_month(d).lower()} {d.day} {d.year}",
    lambda d: f"{d.year}, {_month(d)} {d.day}",
    lambda d: f"{d.month}/{d.day}/{d.year}",
    lambda d: f"{d.month:02d}/{d.day:02d}/{d.year}",
    lambda d: f"{d.day}.{d.month}.{d.year}",
    lambda d: f"{d.day:02d}.{d.month:02d}.{d.year}",
    lambda d: f"{d.year}/{d.month:02d}/{d.day:02d}",
    lambda d: f"{d.year}{d.month:02d}{d.day:02d}",
    lambda d: f"{d.year}년 {d.month}월 {d.day}일",
    lambda d: f"{d.year}년 {d.month:02d}월 {d.day:02d}일",
    lambda d: f"{d.year}년{d.month}월{d.day}일",
    lambda d: f"{d.year}년 {d.month}월 {d.day}일 {_weekday_ko(d)}",
    lambda d: f"{d.year}. {d.month}. {d.day}.",
    lambda d: f"{d.year}. {d.month}. {d.day}. ({_DAYS_KO[d.weekday()]})",
    _spoken,
    lambda d: f"{_spoken(d)} {_weekday_ko(d)}",
)
_SHORT_FORMS: tuple[Form, ...] = (
    lambda d: f"{d.month}/{d.day}/{d:%y}",
    lambda d: f"{d.day:02d}.{d.month:02d}.{d:%y}",
    lambda d: f"{_short_month(d)} {d.day} '{d:%y}",
    lambda d: f"'{d:%y}년 {d.month}월 {d.day}일",
)
