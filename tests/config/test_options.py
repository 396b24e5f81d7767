"""The typed options of the public functions are those of the configuration."""

from __future__ import annotations

from tests.config.option_types import FILE, source


def test_the_typed_options_are_those_of_the_configuration() -> None:
    assert FILE.read_text() == source(), "run python -m tests.config.option_types"
