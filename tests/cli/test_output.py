"""Output as JSON: the same bytes as ``json.dumps``, in little memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextchar.cli.output import print_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), VALUES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OBJECTS)
def test_an_object_is_printed_as_json_dumps_does(
    capsys: pytest.CaptureFixture[str], values: dict[str, Any]
) -> None:
    print_json(values)
    assert capsys.readouterr().out == json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def test_entries_of_an_iterator_are_those_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"none": iter([]), "some": map(str, [1, 2]), "nan": [float("nan"), (1,)]})
    assert json.loads(capsys.readouterr().out) == {
        "none": [],
        "some": ["1", "2"],
        "nan": [None, [1]],
    }


def test_a_long_list_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere(io.StringIO):
        size = 0

        def write(self, text: str) -> int:
            self.size += len(text)
            return len(text)

    nowhere = Nowhere()
    monkeypatch.setattr("sys.stdout", nowhere)
    tracemalloc.start()
    print_json({"lines": ({"start": n, "bits": n / 3} for n in range(20_000))})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert nowhere.size > 1_000_000
    assert peak < nowhere.size / 2
