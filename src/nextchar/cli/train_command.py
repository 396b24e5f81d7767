"""The ``train`` command of every task, made from a record of their differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from nextchar.cli import training_calls
from nextchar.cli.options import (
    CONFIG_OPTION,
    add_command,
    chosen,
    config_parameters,
    is_given,
    parameter,
)
from nextchar.cli.output import JSON_HELP, QUIET_HELP, RESUME_HELP, print_json
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows
from nextchar.cli.training_calls import Trained
from nextchar.config import RunConfig
from nextchar.errors import ConfigError
from nextchar.training.torchrun import agreed, is_first_process, restarts
from nextchar.visible import printable_text

_FURTHER = ("steps", "minutes", "learning_rate")  # options that train a finished run further
_BESIDE_RESUME = (*_FURTHER, "resume", "tensorboard", "as_json", "quiet")


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """A ``train`` command.

    Attributes
    ----------
    task
        The task whose functions train and resume.
    help
        Help of the command.
    config
        Configuration of the runs; each of its fields is an option.
    data
        Help of the argument that names the data.
    out
        Help of ``--out``.
    own
        Parameters of this command alone; the training receives them under their names.
    rows
        Return the rows to print for a result.
    next_command
        The command to use the result, without ``nextchar``; ``OUT`` is replaced.
    is_resumable
        Whether runs can be resumed and followed in TensorBoard.
    """

    task: Trained
    help: str
    config: type[RunConfig]
    data: str
    out: str = "The run directory to create."
    own: Sequence[inspect.Parameter] = ()
    rows: Callable[[Any], Sequence[tuple[str, str]]]
    next_command: str
    is_resumable: bool = True

    def add_to(self, app: typer.Typer) -> None:
        """Add the command to a group, or to the root."""
        add_command(app, "train", self._run, self.help, list(self._parameters()))

    def _parameters(self) -> Iterator[inspect.Parameter]:
        yield parameter("context", typer.Context, inspect.Parameter.empty)
        yield parameter("data", list[str] | None, typer.Argument(None, help=self.data))
        yield parameter("out", Path | None, typer.Option(None, "--out", help=self.out))
        yield from self.own
        if self.is_resumable:
            events = typer.Option(None, "--tensorboard", help="A folder of events for TensorBoard.")
            resumed = typer.Option(None, "--resume", help=RESUME_HELP)
            yield parameter("resume", Path | None, resumed)
            yield parameter("tensorboard", Path | None, events)
        yield parameter("config", Path | None, CONFIG_OPTION)
        yield parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP))
        yield parameter("quiet", bool, typer.Option(False, "--quiet", "-q", help=QUIET_HELP))
        yield from config_parameters(self.config)

    def _run(self, *, context: typer.Context, as_json: bool, **values: Any) -> None:  # noqa: ANN401
        require_inputs(context, values["data"], values["out"], values.get("resume"))
        result = self._trained(context, **values)
        if not is_first_process():
            return
        if as_json:
            print_json(result.to_dict())
            return
        print_rows(self.rows(result))
        out = values.get("resume") or values["out"]
        write_view(f"\nnextchar {printable_text(self.next_command.replace('OUT', str(out)))}\n")

    def _trained(
        self,
        context: typer.Context,
        *,
        data: list[str],
        out: Path,
        config: Path | None,
        quiet: bool,
        resume: Path | None = None,
        tensorboard: Path | None = None,
        **values: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401  (the result of the task)
        own = {each.name: values.pop(each.name) for each in self.own}
        options = chosen(context, values, config, self.config)
        from nextchar.cli.progress import training_listeners

        continues = resume is not None or restarts() > 0
        with training_listeners(tensorboard, resumes=continues, quiet=quiet) as listeners:
            if resume is not None:
                more = {name: value for name, value in options.items() if name in _FURTHER}
                return training_calls.resume(self.task, resume, listeners=listeners, **more)
            return training_calls.train(self.task, data, out, listeners=listeners, **own, **options)


def require_inputs(
    context: typer.Context, data: list[str] | None, out: Path | None, resume: Path | None
) -> None:
    """Require data and a run directory, or a run to resume without any other input.

    Raises
    ------
    ConfigError
        Something is missing, or ``--resume`` does not take an option.
    """
    if resume is not None:
        refused = [
            _shown(each)
            for each in context.command.params
            if each.name not in _BESIDE_RESUME and is_given(context, str(each.name))
        ]
        if refused:
            raise agreed(
                ConfigError(
                    "--resume continues a run with its original options and takes no "
                    f"{', '.join(refused)}; a finished run is trained further with --steps or "
                    "--minutes, and --learning-rate"
                )
            )
    elif not data:
        otherwise = ", or --resume a run" if "resume" in context.params else ""
        problem = f"no data was given: name files, a folder or -{otherwise}"
        raise agreed(ConfigError(problem))
    elif out is None:
        problem = "no run directory was given: name the one to create with --out"
        raise agreed(ConfigError(problem))


def _shown(parameter_of_command: Any) -> str:  # noqa: ANN401  (typer's own type)
    """Return a parameter as it is typed."""
    if parameter_of_command.param_type_name == "argument":
        return str(parameter_of_command.name)
    return str(parameter_of_command.opts[0])
