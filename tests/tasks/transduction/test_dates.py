"""The corpus of dates."""

from __future__ import annotations

import datetime

import pytest

from nextchar.errors import ConfigError
from nextchar.tasks.transduction.dates import make_dates, written_forms


def test_the_forms_of_a_date_are_these() -> None:
    assert written_forms(datetime.date(2021, 5, 3)) == [
        "May 3, 2021", "May 3rd, 2021", "3 May 2021", "3rd of May 2021", "the 3rd of May, 2021",
        "Monday, May 3, 2021", "Monday, 3 May 2021", "Mon 3 May 2021", "May 3, 2021",
        "03-MAY-2021", "MAY 3, 2021", "may 3 2021", "2021, May 3", "5/3/2021", "05/03/2021",
        "3.5.2021", "03.05.2021", "2021/05/03", "20210503", "2021년 5월 3일", "2021년 05월 03일",
        "2021년5월3일", "2021년 5월 3일 월요일", "2021. 5. 3.", "2021. 5. 3. (월)",
        "이천이십일년 오월 삼일", "이천이십일년 오월 삼일 월요일",
        "5/3/21", "03.05.21", "May 3 '21", "'21년 5월 3일",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("date", "words"),
    [
        (datetime.date(1900, 6, 10), "천구백년 유월 십일"),
        (datetime.date(2000, 10, 31), "이천년 시월 삼십일일"),
        (datetime.date(1987, 12, 25), "천구백팔십칠년 십이월 이십오일"),
    ],
)
def test_dates_are_spoken_in_korean(date: datetime.date, words: str) -> None:
    assert words in written_forms(date)


def test_a_written_form_is_of_one_date_only() -> None:
    first = datetime.date(1999, 1, 1)
    meant: dict[str, datetime.date] = {}
    for number in range(8 * 366):
        date = first + datetime.timedelta(days=number)
        for form in written_forms(date):
            assert meant.setdefault(form, date) == date, form


def test_every_target_is_the_date_in_iso_8601() -> None:
    pairs = make_dates(500, seed=3)
    assert len({source for source, _ in pairs}) == 500
    for source, target in pairs:
        assert source in written_forms(datetime.date.fromisoformat(target))


def test_the_seed_decides_and_the_parts_share_no_date() -> None:
    assert make_dates(50, seed=1) == make_dates(50, seed=1) != make_dates(50, seed=2)
    train = {target for _, target in make_dates(5000, seed=0, part="train")}
    test = {target for _, target in make_dates(2000, seed=9, part="test")}
    assert not train & test


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 0}, "count must be 1 to 100,000; got 0"),
        ({"count": 5, "seed": -1}, "seed must be at least 0; got -1"),
        ({"count": 5, "part": "dev"}, "part must be all, train or test; got 'dev'"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_dates(**options)  # type: ignore[arg-type]
