"""A run that has learned which letters each label has."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.tasks.conditioning.model import ConditionalModel
from tests.tasks.conditioning.items import LONG, SMALL, items


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    ConditionalModel.train(items(600), out, **{**SMALL, **LONG})
    return out


@pytest.fixture(scope="package")
def model(run: Path) -> ConditionalModel:
    return ConditionalModel.load(run)
