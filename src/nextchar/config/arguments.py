"""Type checks of the arguments of public functions, by their annotations.

A wrong type raises a one-line ``ConfigError`` at the call, instead of an obscure error later.
Annotations that cannot be checked with the value alone, such as callables and arrays, are ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import numbers
import os
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from nextchar.config.checking import reject_unknown
from nextchar.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")

_WORDS: dict[Any, str] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "True or False",
    types.NoneType: "None",
    os.PathLike: "a path",
}
_RECEIVERS = ("self", "cls")
_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 60


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function to check the types of its arguments.

    Keyword arguments typed as ``**options: Unpack[…]`` are checked only by name; a configuration
    checks the values.

    Raises
    ------
    ConfigError
        On a call with an argument of the wrong type; the message names the argument, the allowed
        types and the value received. For an unknown argument, it suggests the closest name.
    """
    signature = inspect.signature(function)
    hints = functools.cache(lambda: typing.get_type_hints(function))

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        reject_unknown(kwargs, _keywords(signature, hints()) or list(kwargs))
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            _refuse_too_many(function.__name__, signature, args)
            _require_all(function.__name__, signature, args, kwargs)
            raise
        for name, value in given.items():
            if name in hints() and signature.parameters[name].kind not in _VARIADIC:
                check_type(name, value, hints()[name])
        return function(*args, **kwargs)

    return call


def _keywords(signature: inspect.Signature, hints: Mapping[str, Any]) -> list[str]:
    """Return the names of all keyword arguments; empty if any keyword is accepted."""
    names = [
        each.name
        for each in signature.parameters.values()
        if each.kind not in (*_VARIADIC, inspect.Parameter.POSITIONAL_ONLY)
        and each.name not in _RECEIVERS
    ]
    for each in signature.parameters.values():
        if each.kind is inspect.Parameter.VAR_KEYWORD:
            arguments = typing.get_args(hints.get(each.name))
            if not arguments or not typing.is_typeddict(arguments[0]):
                return []
            names += typing.get_type_hints(arguments[0])
    return names


def _refuse_too_many(name: str, signature: inspect.Signature, args: Sequence[object]) -> None:
    """Raise a ``ConfigError`` if there are more positional arguments than parameters."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = signature.parameters.values()
    positional = [each.name for each in parameters if each.kind in kinds]
    if len(args) > len(positional):
        taken = [each for each in positional if each not in _RECEIVERS]
        others = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        raise ConfigError(
            f"{name} takes {' and '.join(taken) or 'nothing'} by position; pass other arguments by "
            f"name, such as {others[0] if others else 'option'}=…"
        )


def _require_all(
    name: str, signature: inspect.Signature, args: Sequence[object], kwargs: Mapping[str, object]
) -> None:
    """Raise ``ConfigError`` if required arguments are missing; the message names them all."""
    given = signature.bind_partial(*args, **kwargs).arguments.keys()
    needed = [
        each.name
        for each in signature.parameters.values()
        if each.default is each.empty and each.kind not in _VARIADIC and each.name not in _RECEIVERS
    ]
    missing = [each for each in needed if each not in given]
    if missing:
        raise ConfigError(f"{name} needs {' and '.join(needed)}; missing: {', '.join(missing)}")


def check_fields(instance: Any) -> None:  # noqa: ANN401  (any dataclass)
    """Check the types of the fields of a dataclass; see ``checked``."""
    hints = typing.get_type_hints(type(instance))
    for field in dataclasses.fields(instance):
        check_type(field.name, getattr(instance, field.name), hints[field.name])


def check_type(name: str, value: object, annotation: Any) -> None:  # noqa: ANN401
    """Raise ``ConfigError`` unless a value matches an annotation."""
    alternatives = _alternatives(annotation)
    if any(_is(value, each) for each in alternatives):
        return
    wanted = list(dict.fromkeys(map(_named, alternatives)))
    raise ConfigError(f"{name} must be {' or '.join(wanted)}; got {_shown.repr(value)}")


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return tuple(each for part in typing.get_args(annotation) for each in _alternatives(part))
    return (annotation,)


def _origin(kind: Any) -> Any:  # noqa: ANN401
    origin = typing.get_origin(kind) or kind
    return os.PathLike if origin is Path else origin


def _is(value: object, kind: Any) -> bool:  # noqa: ANN401
    origin = _origin(kind)
    if origin is Literal:
        # Compare types first: == between arrays has no single truth value.
        return any(type(value) is type(each) and value == each for each in typing.get_args(kind))
    if origin in (int, float):
        number = numbers.Integral if origin is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool)
    if origin in (Sequence, Iterable, list, tuple):
        return _is_sequence(value, origin, typing.get_args(kind))
    if origin in _WORDS or origin is Mapping or _is_ours(origin):
        return isinstance(value, origin)
    return True


def _is_sequence(value: object, origin: Any, kinds: tuple[Any, ...]) -> bool:  # noqa: ANN401
    """Return whether a value is a sequence of a type, including arrays and table columns."""
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        return False
    if origin is Iterable:
        return True
    if not hasattr(value, "__len__"):
        return False
    alternatives = _alternatives(kinds[0]) if kinds else ()
    if not {_origin(each) for each in alternatives} <= {str, int, float, os.PathLike}:
        return True
    return all(any(_is(item, each) for each in alternatives) for item in value)


def _named(kind: Any) -> str:  # noqa: ANN401
    origin = _origin(kind)
    if origin is Literal:
        return f"one of {', '.join(map(str, typing.get_args(kind)))}"
    if origin in (Sequence, Iterable, list, tuple):
        several = {str: "texts", int: "integers", float: "numbers"}
        kinds = typing.get_args(kind)
        return f"a list of {several.get(kinds[0], 'values')}" if kinds else "a list"
    return _WORDS.get(origin, getattr(origin, "__name__", str(origin)))


def _is_ours(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and kind.__module__.startswith("nextchar.")
