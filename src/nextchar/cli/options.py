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

# Options of the command line replace those of the file.
CONFIG_OPTION: Any = typer.Option(
    None, "--config", help="Read options from a TOML file, such as learning_rate = 0.004."
)


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:  # noqa: ANN401
    """Make a keyword parameter of a command."""
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
    """Add a command whose parameters are data, not its signature."""

    def command(**values: Any) -> None:  # noqa: ANN401
        run(**values)

    command.__doc__ = help_text
    command.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    app.command(name)(command)


def config_parameters(config_type: type[RunConfig] = Config) -> list[inspect.Parameter]:
    """Make a keyword parameter of every option.

    The help shows the defaults; ``given`` keeps the options set by the user.
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
    return {name: value for name, value in options.items() if is_given(context, name)}


def is_given(context: typer.Context, name: str) -> bool:
    """Return whether a parameter was given on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def chosen(
    context: typer.Context,
    values: dict[str, Any],
    config: Path | None,
    config_type: type[RunConfig] = Config,
) -> dict[str, Any]:
    """Return the given options; those of the command line replace those of a file."""
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
    """Return how the texts of a run are read, with the options of the command line."""
    options = {"encoding": encoding, "errors": errors}
    given_here = {name: value for name, value in options.items() if value is not None}
    return config.with_options(**given_here).text


def adaptation_of(dynamic: bool, rate: float | None) -> Adaptation | None:
    """Return the settings of dynamic evaluation, or ``None`` without it."""
    from nextchar.evaluation.dynamic import Adaptation

    if rate is not None and not dynamic:
        raise ConfigError("--dynamic-rate needs --dynamic")
    if not dynamic:
        return None
    return Adaptation() if rate is None else Adaptation(rate=rate)


def picture_format(picture: Path | None) -> str:
    """Return the format of a picture by its name; empty if there is no picture.

    Called before the work, so that nothing is lost where the picture cannot be drawn.
    """
    from nextchar.rendering.figures import PICTURE_FORMATS, require_drawing

    if picture is None:
        return ""
    suffix = picture.suffix.lower().removeprefix(".")
    if suffix not in PICTURE_FORMATS:
        allowed = ", ".join(f".{each}" for each in PICTURE_FORMATS)
        raise ConfigError(f"--picture is a file that ends in {allowed}; got {picture}")
    require_folder(picture, "--picture")
    require_drawing()
    return suffix


def require_folder(path: Path | None, name: str) -> None:
    """Raise ``ConfigError`` if the folder of an output file does not exist.

    Called before the work whose result would be lost; only run directories are created.
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
