"""A small folder of every kind that commands make."""

from tests.cli.conftest import folders
from tests.cli.test_commands import data

__all__ = ["data", "folders"]
