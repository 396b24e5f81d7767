"""Options of the command line made from the fields of the configuration, so that they agree."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nextchar.config import Config, DecodingErrors, RunConfig, TextConfig, allowed_types
from nextchar.config.toml import overridden, read_options
from nextchar.errors import ConfigError, NextcharError
from nextchar.training.torchrun import agreed

if TYPE_CHECKING:
    from nextchar.evaluation.dynamic import Adaptation

# Read by option_files.read_options; what stands on the command line goes before it.
CONFIG_OPTION: Any = typer.Option(
    None, "--config", help="Options from a TOML file, as learning_rate = 0.004."
)


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:  # noqa: ANN401
    """Make a parameter of a command by hand."""
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def add_command(
    app: typer.Typer,
    name: str,
    run: Callable[..., None],
    help_text: str,
    parameters: Sequence[inspect.Parameter],
) -> None:
    """Add a command whose parameters are made, not written down in its signature."""

    def command(**values: Any) -> None:  # noqa: ANN401
        run(**values)

    command.__doc__ = help_text
    command.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(name)(command)


def config_parameters(config_type: type[RunConfig] = Config) -> list[inspect.Parameter]:
    """Make a keyword parameter of every option.

    The help shows the defaults; ``given`` tells what the user set.
    """
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_option(config_type, part, field),
            annotation=_annotation(part, name),
        )
        for name, (part, field) in config_type.options().items()
    ]


def given(context: typer.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that were given on the command line."""

    def is_given(name: str) -> bool:
        source = context.get_parameter_source(name)
        return source is not None and source.name != "DEFAULT"

    return {name: value for name, value in options.items() if is_given(name)}


def taken_by_resume(options: dict[str, Any]) -> dict[str, Any]:
    """Remove the options that train a finished run further, and return them."""
    names = ("steps", "minutes", "learning_rate")
    return {name: options.pop(name) for name in names if name in options}


def resume_refuses(names: Sequence[str]) -> ConfigError:
    """Return the error for options that a resumed run does not take."""
    return ConfigError(
        f"--resume continues a run with its original options and takes no {', '.join(names)}; "
        "a finished run is trained further with --steps or --minutes, and --learning-rate"
    )


def chosen(
    context: typer.Context,
    values: dict[str, Any],
    config: Path | None,
    config_type: type[RunConfig] = Config,
) -> dict[str, Any]:
    """Give the options of a file, if there is one, below those of the command line."""
    options = given(context, values)
    if config is None:
        return options
    try:
        return overridden(read_options(config, config_type), by=options)
    except NextcharError as error:
        raise agreed(error) from error


def reading_config(
    config: Config, encoding: str | None, errors: DecodingErrors | None
) -> TextConfig:
    """Give how a run's texts are read, with what was set anew on the command line."""
    anew = {"encoding": encoding, "errors": errors}
    set_here = {name: value for name, value in anew.items() if value is not None}
    return config.with_options(**set_here).text


def adaptation_of(dynamic: bool, rate: float | None) -> Adaptation | None:
    """Give how a network learns from what it is measured on, or ``None`` if it does not."""
    from nextchar.evaluation.dynamic import Adaptation

    if rate is not None and not dynamic:
        raise ConfigError("--dynamic-rate needs --dynamic")
    if not dynamic:
        return None
    return Adaptation() if rate is None else Adaptation(rate=rate)


def picture_format(picture: Path | None) -> str:
    """Give the format that a picture's name asks for, or nothing where there is none."""
    from nextchar.rendering.figures import PICTURE_FORMATS

    if picture is None:
        return ""
    suffix = picture.suffix.lower().removeprefix(".")
    if suffix not in PICTURE_FORMATS:
        allowed = ", ".join(f".{each}" for each in PICTURE_FORMATS)
        raise ConfigError(f"--picture is a file that ends in {allowed}; got {picture}")
    require_folder(picture, "--picture")
    return suffix


def require_folder(path: Path | None, name: str) -> None:
    """Raise ``ConfigError`` if the folder of an output file does not exist.

    Section before the work whose result would be lost; only run directories are created.
    """
    if path is not None and not path.absolute().parent.is_dir():
        raise ConfigError(f"the folder of {name} must exist; got {path}")


def _option(config_type: type[RunConfig], part: type, field: dataclasses.Field[Any]) -> Any:  # noqa: ANN401  (typer's own type)
    name = field.name.replace("_", "-")
    is_flag = isinstance(field.default, bool)
    return typer.Option(
        config_type.USUAL.get(field.name, field.default),
        f"--{name}/--no-{name}" if is_flag else f"--{name}",
        help=field.metadata["help"],
        rich_help_panel=part.__name__.removesuffix("Config"),
    )


def _annotation(part: type, name: str) -> Any:  # noqa: ANN401
    allowed = allowed_types(part, name)
    return Literal[allowed] if isinstance(allowed[0], str) else functools.reduce(or_, allowed)
