"""``nextchar inspect``: what happens inside a run on a text."""

from __future__ import annotations

from types import ModuleType

from nextchar.cli import (
    inspect_embeddings,
    inspect_errors,
    inspect_gates,
    inspect_gradients,
    inspect_memory,
    inspect_page,
    inspect_probe,
    inspect_temperature,
    inspect_training,
    inspect_units,
)
from nextchar.cli.commands import Commands

app = Commands("inspect", "Look inside a run: gradients, gates, units, memory, errors.")

# The module of each command, which has ``add_to``.
_COMMANDS: tuple[ModuleType, ...] = (
    inspect_gradients,
    inspect_gates,
    inspect_memory,
    inspect_errors,
    inspect_training,
    inspect_temperature,
    inspect_probe,
    inspect_units,
    inspect_embeddings,
    inspect_page,
)
for each in _COMMANDS:
    each.add_to(app)

add_to = app.add_to
