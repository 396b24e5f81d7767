"""Write ``nextchar/config/options.py`` from the configuration's dataclasses.

    python -m tests.config.option_types

A test compares the file with what this module writes now.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import nextchar.config.options
from nextchar.config import (
    ClassifierRunConfig,
    Config,
    RunConfig,
    Section,
    TaggerRunConfig,
    TransducerRunConfig,
)
from nextchar.config.condition import ConditionRunConfig
from nextchar.config.embeddings import EmbeddingRunConfig

_WIDTH = 101  # of a line, with its end


class TrialConfig(Config):
    """The options of a trial, whose budget is the search's."""

    WITHOUT = frozenset({"minutes"})


class FoldConfig(Config):
    """The options of a cross-validation, which sets their number."""

    WITHOUT = frozenset({"folds"})


FILE = Path(nextchar.config.options.__file__)
RUNS: dict[str, type[RunConfig]] = {
    "LanguageModelOptions": Config,
    "TrialOptions": TrialConfig,
    "FoldOptions": FoldConfig,
    "ClassifierOptions": ClassifierRunConfig,
    "TaggerOptions": TaggerRunConfig,
    "TransducerOptions": TransducerRunConfig,
    "ConditionOptions": ConditionRunConfig,
    "EmbeddingOptions": EmbeddingRunConfig,
}
_HEAD = '''\
"""The options of each kind of training as keyword arguments, for ``**options: Unpack[…]``.

Written by ``python -m tests.config.option_types`` from the configuration's sections, which check
the values. Do not edit.
"""

from __future__ import annotations

from typing import TypedDict

'''


def source() -> str:
    """Return the text of the module."""
    sections = {
        section: _in_all(section)
        for config in RUNS.values()
        for section in config.sections().values()
        if sum(section in other.sections().values() for other in RUNS.values()) > 1
    }
    classes = [_section_options(section, names) for section, names in sections.items()]
    for name, config in RUNS.items():
        bases = [_name(each) for each in config.sections().values() if each in sections]
        rest = {
            option: section
            for option, (section, _) in config.options().items()
            if option not in sections.get(section, ())
        }
        classes.append(_run_options(name, bases, rest))
    fields = re.findall(r"^    \w+: (.*)$", "\n".join(classes), re.MULTILINE)
    used = set(re.findall(r"\b[A-Z]\w+\b", "\n".join(fields))) - {"None"}
    return _HEAD + _imports(used) + "\n\n" + "\n\n".join(classes)


def _in_all(section: type[Section]) -> list[str]:
    """List the options of a section that every run config with that section has."""
    configs = [each for each in RUNS.values() if section in each.sections().values()]
    names = [field.name for field in dataclasses.fields(section)]
    return [name for name in names if all(name in config.options() for config in configs)]


def _name(section: type[Section]) -> str:
    return section.__name__.replace("Config", "Options")


def _section_options(section: type[Section], names: list[str]) -> str:
    doc = f'    """Options of ``{section.__name__}``."""\n\n'
    head = f"class {_name(section)}(TypedDict, total=False):\n"
    return head + doc + _fields(dict.fromkeys(names, section))


def _run_options(name: str, bases: list[str], rest: dict[str, type[Section]]) -> str:
    doc = f'    """Options of ``{RUNS[name].__name__}``."""\n'
    head = f"class {name}({', '.join(bases or ['TypedDict'])}, total=False):\n"
    if len(head) > _WIDTH:
        head = f"class {name}(\n    {', '.join(bases)}, total=False\n):\n"
    return head + doc + ("\n" + _fields(rest) if rest else "")


def _fields(names: dict[str, type[Section]]) -> str:
    types = {n: {f.name: f.type for f in dataclasses.fields(s)}[n] for n, s in names.items()}
    return "".join(f"    {name}: {kind}\n" for name, kind in types.items())


def _imports(used: set[str]) -> str:
    homes: dict[str, set[str]] = {}
    for config in RUNS.values():
        for section in config.sections().values():
            module = inspect.getmodule(section)
            assert module is not None
            for name in used & vars(module).keys():
                homes.setdefault(name, set()).add(_home(name, section))
    lines: dict[str, list[str]] = {}
    for name, modules in homes.items():
        lines.setdefault(min(modules), []).append(name)
    return "".join(_import(module, sorted(names)) for module, names in sorted(lines.items()))


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= _WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def _home(name: str, section: type[Section]) -> str:
    """Return the module of the configuration that defines a type."""
    folder = FILE.parent
    for path in sorted(folder.glob("*.py")):
        if re.search(rf"^{name} = ", path.read_text(), re.MULTILINE):
            return f"nextchar.config.{path.stem}".removesuffix(".__init__")
    return section.__module__


if __name__ == "__main__":
    FILE.write_text(source())
