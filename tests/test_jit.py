"""Compiled functions, also where nothing can be stored."""

from __future__ import annotations

import pytest
from numba.core.caching import FunctionCache

from nextchar.jit import compiled


def test_a_function_is_compiled_where_its_code_cannot_be_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FunctionCache._impl_class, "_locator_classes", [])

    @compiled
    def twice(x: int) -> int:
        return 2 * x

    assert twice(21) == 42
