"""``nextchar inspect``: what happens inside a run on a text."""

from __future__ import annotations

from types import ModuleType

from nextchar.cli.commands import Commands

app = Commands("inspect", "Look inside a run: gradients, gates, units, memory, errors.")

# The module of each command, which has ``add_to``.
_COMMANDS: tuple[ModuleType, ...] = ()
for each in _COMMANDS:
    each.add_to(app)

add_to = app.add_to
