"""Groups of commands: suggestions for mistyped names, and commands that load on first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nextchar.cli.catalogue import CATALOGUE
from nextchar.cli.streams import help_page
from nextchar.errors import ConfigError
from nextchar.suggestions import did_you_mean

ROOT = "nextchar"


class Command(TyperCommand):
    """A command whose help may use colours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  (typer's types)
        """Print the help."""
        with help_page():
            super().format_help(ctx, formatter)


class CommandGroup(TyperGroup):
    """A group that suggests commands for a mistyped name, including those of other groups."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  (typer's types)
        """Print the help, which may use colours."""
        with help_page():
            super().format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  (typer's types)
        """Find the named command; ``ConfigError`` if there is none."""
        name = args[0]
        if name.startswith("-") or name in self.commands or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        own = list(self.commands)
        hint = did_you_mean(name, own) or did_you_mean(name, ctx.find_root().command.loaded())
        hint = hint or f": there are {', '.join(own)}"
        raise ConfigError(f"there is no command {f'{command_path(ctx)} {name}'.strip()}{hint}")


class RootGroup(CommandGroup):
    """The commands of the catalogue; a command's module is imported when the command is named."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  (typer's own)
        super().__init__(**settings)
        self.commands = {
            name: TyperCommand(name, help=entry.help, rich_help_panel=entry.panel)
            for name, entry in CATALOGUE.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  (typer's types)
        """Find the named command and load it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, None if command is None else load(name), rest

    def loaded(self) -> dict[str, Any]:
        """Import all commands; return those that are no groups, by the words that call them."""
        self.commands = {name: load(name) for name in CATALOGUE}
        return dict(_leaves("", self))

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002
        """Print the front page."""
        from nextchar.cli.front_page import print_front_page

        print_front_page(self, ctx)


def load(name: str) -> Any:  # noqa: ANN401  (a command or a group of typer)
    """Import a command of the catalogue."""
    from nextchar.cli.commands import Commands

    module = importlib.import_module(f"nextchar.cli.{CATALOGUE[name].module or name}")
    holder = Commands(ROOT, "")
    module.add_to(holder)
    return typer.main.get_group(holder).commands[name]


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from _leaves(f"{path} {name}".strip(), below)


def usage_problem(error: Any) -> str:  # noqa: ANN401  (typer does not name its errors)
    """Describe a usage error, with a suggestion for a mistyped option."""
    name = getattr(error, "option_name", None)
    if name is None or not hasattr(error, "possibilities"):
        return str(error.format_message())
    path = command_path(error.ctx)
    flags = [
        flag for each in error.ctx.command.params for flag in (*each.opts, *each.secondary_opts)
    ]
    hint = did_you_mean(name, [flag for flag in flags if flag.startswith("--")])
    hint = hint or f": `{ROOT} {path} --help` lists them"
    return f"{path or ROOT} has no option {name}{hint}"


def command_path(ctx: Any) -> str:  # noqa: ANN401
    """Return a command as it is typed after ``nextchar``."""
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(names)
