"""Records in JSON files: keys, types and ranges are verified."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nextchar.config.records import bounded, record_of, versioned
from nextchar.errors import RunError

PLACE = Path("run") / "record.json"


@dataclass(frozen=True, kw_only=True)
class Record:
    name: str
    count: int = bounded(at_least=0, at_most=9)
    share: float = bounded(above=0, at_most=1)
    best: float | None = None
    rows: list[int] = field(default_factory=list)


GOOD: dict[str, Any] = {"name": "a", "count": 3, "share": 1, "best": None, "rows": [1]}


def test_a_record_is_read() -> None:
    assert record_of(Record, GOOD, PLACE, RunError) == Record(
        name="a", count=3, share=1.0, best=None, rows=[1]
    )
    older = {name: value for name, value in GOOD.items() if name != "best"}
    assert record_of(Record, older, PLACE, RunError, later=("best",)).best is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": 3}, "name must be text; got 3"),
        ({"name": "x" * 3 + "\n", "count": None}, "count must be an integer; got None"),
        ({"count": True}, "count must be an integer; got True"),
        ({"count": 1.0}, "count must be an integer; got 1.0"),
        ({"count": -1}, "count must be at least 0 and at most 9; got -1"),
        ({"count": 10}, "count must be at least 0 and at most 9; got 10"),
        ({"share": 0}, "share must be above 0 and at most 1; got 0"),
        ({"share": float("nan")}, "share must be finite"),
        ({"share": "1"}, "share must be a number; got '1'"),
        ({"best": float("inf")}, "best must be finite"),
        ({"best": []}, "best must be a number"),
        ({"rows": {}}, "rows must be a list; got {}"),
        ({"cheese": 1}, "unknown option 'cheese'"),
    ],
)
def test_a_wrong_value_is_told_with_its_file(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(RunError) as error:
        record_of(Record, {**GOOD, **change}, PLACE, RunError)
    assert str(error.value).startswith(f"run/record.json is damaged: {reason}")


def test_a_missing_value_is_told() -> None:
    without = {name: value for name, value in GOOD.items() if name != "count"}
    with pytest.raises(RunError, match="damaged: count is missing"):
        record_of(Record, without, PLACE, RunError)


def test_messages_are_short() -> None:
    values = {**{f"key{number}": 0 for number in range(1000)}, "name": "x" * 10**6, "count": []}
    with pytest.raises(RunError) as error:
        record_of(Record, values, PLACE, RunError)
    assert len(str(error.value)) < 1000
    with pytest.raises(RunError) as error:
        record_of(Record, {**GOOD, "count": "x" * 10**6}, PLACE, RunError)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("version", [None, True, "1", 0, -1, 1.0, [1]])
def test_a_version_is_a_number_from_1(version: object) -> None:
    with pytest.raises(RunError, match="damaged: format_version must be an integer"):
        versioned({"format_version": version}, 2, PLACE, RunError)


def test_a_newer_version_is_refused() -> None:
    assert versioned({"format_version": 2, "a": 1}, 2, PLACE, RunError) == {"a": 1}
    with pytest.raises(RunError, match="has format 3, but this version of nextchar supports up"):
        versioned({"format_version": 3}, 2, PLACE, RunError)
