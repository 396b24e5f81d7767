"""The commands of the reference of the command line, from the program.

    python -m tests.docs.reference

writes them into the page and its translation; what goes before them is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import typer

from nextchar.cli import app
from nextchar.cli.catalogue import CATALOGUE
from tests.docs.generated import with_generated
from tests.docs.markdown import GENERATED, translation_of

PAGES = (GENERATED, translation_of(GENERATED))

_KOREAN = {
    # groups of commands
    "Write": "쓰기",
    "Measure": "측정",
    "Train and tune": "학습과 튜닝",
    "Tasks": "과제",
    "Data": "데이터",
    # groups of options
    "Arguments": "인자",
    "Options": "옵션",
    "Augmentation": "데이터 증강",
    "Beam search": "빔 탐색",
    "Classifier": "분류기",
    "Condition": "조건",
    "Constraint": "제약",
    "Embedding": "임베딩",
    "Ending": "생성의 끝",
    "Experts": "전문가",
    "Items": "항목",
    "Network": "신경망",
    "Sampling": "샘플링",
    "Tagging": "태깅",
    "Text": "텍스트",
    "Training": "학습",
    "Transduction": "변환",
    # sentences
    "{panel} options: as for {command}.": "{panel} 옵션은 {command} 항목과 같다.",
}


def with_reference(page: str, *, korean: bool) -> str:
    """Return a page with the commands of today in its part for them.

    Groups have Korean names in the Korean page; the program's own help stays as it is.
    """
    words = _KOREAN if korean else {word: word for word in _KOREAN}
    return with_generated(page, "commands", "\n".join(["", *_sections(words), ""]))


def _sections(words: Mapping[str, str]) -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    leaves = root.loaded()
    seen: dict[str, str] = {}
    for panel, names in groupby(CATALOGUE, key=lambda name: CATALOGUE[name].panel):
        yield f"## {words[panel]}\n"
        for name in names:
            if name not in leaves:
                yield f"### nextchar {name}\n\n{_prose(root.commands[name].help)}\n"
            for path, command in leaves.items():
                if path == name or path.startswith(f"{name} "):
                    level = "###" if path == name else "####"
                    yield from _command(level, path, command, seen, words)


def _command(
    level: str, path: str, command: Any, seen: dict[str, str], words: Mapping[str, str]
) -> Iterator[str]:
    """Yield heading, usage, help and tables; a table shown before is only referred to."""
    ctx = typer.Context(command, info_name=f"nextchar {path}")
    usage = command.get_usage(ctx).removeprefix("Usage: ")
    yield f"{level} nextchar {path}\n\n```text\n{usage}\n```\n\n{_prose(command.help)}\n"
    tables: dict[str, list[str]] = {}
    for parameter in command.params:
        is_argument = parameter.param_type_name == "argument"
        panel = "Arguments" if is_argument else parameter.rich_help_panel or "Options"
        tables.setdefault(panel, []).append(_row(parameter, ctx))
    for panel, rows in tables.items():
        table = "\n".join([f"| {words[panel]} | |", "|---|---|", *rows])
        if table in seen and panel not in ("Arguments", "Options"):
            link = f"[`nextchar {seen[table]}`](#{_anchor(seen[table])})"
            sentence = words["{panel} options: as for {command}."]
            yield sentence.format(panel=words[panel], command=link) + "\n"
            continue
        seen.setdefault(table, path)
        yield f"{table}\n"


def _row(parameter: Any, ctx: typer.Context) -> str:
    name, text = parameter.get_help_record(ctx)
    escaped = name.replace("|", r"\|")
    return f"| `{escaped}` | {_prose(' '.join(text.split()))} |"


def _prose(text: str) -> str:
    """Escape what Markdown would read as its own."""
    for character in "\\<>|*":
        text = text.replace(character, f"\\{character}")
    return text


def _anchor(path: str) -> str:
    return f"nextchar-{path.replace(' ', '-')}"


if __name__ == "__main__":
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        path.write_text(with_reference(page, korean=path != GENERATED), encoding="utf-8")
