"""Shared behaviour of all commands: ``--quiet``, suggestions for wrong names and wrong runs."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from nextchar.cli.output import QUIET_HELP
from nextchar.errors import ConfigError, RunError
from nextchar.run_files.kinds import WrongRunError
from nextchar.suggestions import did_you_mean

if TYPE_CHECKING:
    from nextchar.run_files.kinds import Purpose

_ROOT = "nextchar"
_MEASURING = ("evaluate", "score")


class Commands(typer.Typer):
    """A group of commands; each has ``--quiet``, whether or not its signature declares it.

    Parameters
    ----------
    name
        Of the group, as it is typed.
    help_text
        What the commands are about.
    **settings
        As of ``typer.Typer``.
    """

    def __init__(self, name: str, help_text: str, **settings: Any) -> None:  # noqa: ANN401
        self._name = name
        super().__init__(name=name, help=help_text, cls=_Group, no_args_is_help=True, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401
        """Add a command, which needs a name."""
        path = str(name) if self._name == _ROOT else f"{self._name} {name}"

        def add(function: Callable[..., None]) -> Callable[..., None]:
            super(Commands, self).command(name, **settings)(_completed(function, path))
            return function

        return add


def usage_problem(error: Any) -> str:  # noqa: ANN401  (typer does not name its errors)
    """Describe a usage error, with a suggestion for a mistyped option."""
    name = getattr(error, "option_name", None)
    if name is None or not hasattr(error, "possibilities"):
        return str(error.format_message())
    path = _path(error.ctx)
    flags = [
        flag for each in error.ctx.command.params for flag in (*each.opts, *each.secondary_opts)
    ]
    hint = did_you_mean(name, [flag for flag in flags if flag.startswith("--")])
    hint = hint or f": `{_ROOT} {path} --help` lists them"
    return f"{path or _ROOT} has no option {name}{hint}"


def _path(ctx: Any) -> str:  # noqa: ANN401
    """Return a command as it is typed after ``nextchar``."""
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(names)


def _completed(function: Callable[..., None], path: str) -> Callable[..., None]:
    """Add ``--quiet`` to a command that lacks it, and name the right command for its run."""
    signature = inspect.signature(function, eval_str=True)
    parameters = list(signature.parameters.values())
    passes_on = "quiet" in signature.parameters
    if not passes_on:
        parameters.append(
            inspect.Parameter(
                "quiet",
                inspect.Parameter.KEYWORD_ONLY,
                default=typer.Option(False, "--quiet", "-q", help=QUIET_HELP),
                annotation=bool,
            )
        )

    @functools.wraps(function)
    def command(*, quiet: bool, **values: Any) -> None:  # noqa: ANN401
        if passes_on:
            values["quiet"] = quiet
        try:
            with _silence() if quiet else contextlib.nullcontext():
                function(**values)
        except WrongRunError as error:
            purpose = _purpose(path, values)
            raise RunError(error.on_the_command_line(purpose, path)) from error

    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Silence stderr in the block; an error that ends it is reported afterwards."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nothing,
        contextlib.redirect_stderr(nothing),
    ):
        yield


def _purpose(path: str, values: dict[str, Any]) -> Purpose:
    """Return the purpose for which a command uses a run."""
    name = path.rpartition(" ")[2]
    if name == "train":
        return "begin" if values.get("resume") is None else "resume"
    if name == "info":
        return "info"
    return "measure" if name in _MEASURING else "use"


class _Group(TyperGroup):
    """A group that suggests commands for a mistyped one, from other groups too."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  (typer's types)
        """Find the command that is named; ``ConfigError`` if there is none."""
        name = args[0]
        if name.startswith("-") or name in self.commands:
            return super().resolve_command(ctx, args)
        own = list(self.commands)
        everywhere = list(_leaves(ctx.find_root().command))
        hint = did_you_mean(name, own) or did_you_mean(name, everywhere)
        hint = hint or f": there are {', '.join(own)}"
        raise ConfigError(f"there is no command {f'{_path(ctx)} {name}'.strip()}{hint}")


def _leaves(group: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401
    """Yield the commands below a group, each as it is typed."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"
