"""Behaviour shared by all commands: ``--quiet``, notes, and advice for a run of another kind."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.groups import ROOT, Command, CommandGroup
from nextchar.cli.notes import noting
from nextchar.cli.output import QUIET_HELP
from nextchar.errors import RunError
from nextchar.run_files.kinds import WrongRunError
from nextchar.training.torchrun import is_first_process

if TYPE_CHECKING:
    from nextchar.run_files.kinds import Purpose

_MEASURING = ("evaluate", "score")


class Commands(typer.Typer):
    """A group of commands; each has ``--quiet``, whether or not its signature declares it.

    Parameters
    ----------
    name
        Name of the group, as it is typed.
    help_text
        Help of the group.
    """

    def __init__(self, name: str, help_text: str) -> None:
        self._name = name
        super().__init__(name=name, help=help_text, cls=CommandGroup, no_args_is_help=True)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401
        """Add a command, which needs a name."""
        path = str(name) if self._name == ROOT else f"{self._name} {name}"

        def add(function: Callable[..., None]) -> Callable[..., None]:
            settings.setdefault("cls", Command)
            settings.setdefault("help", _paragraphs(function.__doc__ or ""))
            super(Commands, self).command(name, **settings)(_completed(function, path))
            return function

        return add

    def add_to(self, root: typer.Typer) -> None:
        """Add the group to another one."""
        root.add_typer(self, name=self._name)


def _paragraphs(text: str) -> str:
    """Join the lines of each paragraph, which the terminal wraps at its own width."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


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
        values = {name: _at_home(value) for name, value in values.items()}
        try:
            with (
                noting() if is_first_process() else contextlib.nullcontext(),
                _silence() if quiet else contextlib.nullcontext(),
            ):
                function(**values)
        except WrongRunError as error:
            purpose = _purpose(path, values)
            raise RunError(error.on_the_command_line(purpose, path)) from error

    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _at_home(value: Any) -> Any:  # noqa: ANN401  (of any option)
    """Return a path with its ``~`` expanded, as in ``--out=~/run``, where shells leave it."""
    return Path(os.path.expanduser(value)) if isinstance(value, Path) else value  # noqa: PTH111


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
