"""``nextchar augment``: the augmentation of a text."""

from __future__ import annotations

import dataclasses
import inspect
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.options import (
    add_command,
    config_parameters,
    given,
    parameter,
    require_folder,
)
from nextchar.cli.output import JSON_HELP, part_display, print_json, write_note
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows
from nextchar.config import CHARACTER_EDITS, WORD_EDITS, AugmentationConfig, Config
from nextchar.errors import ConfigError

if TYPE_CHECKING:
    from nextchar.text.augmentation import Augmenter, Line
    from nextchar.text.reading import TextSource

_HELP = """Preview the augmentation of a text, or write augmented copies.

The options are those of `nextchar train`. The preview marks edits with ⟦ and ⟧, in the original
line (-) and in the augmented line (+). If no edit is set, it shows a small rate of each edit except
synonyms.
"""

_READING = ("vocabulary", "min_count", "normalization", "encoding", "errors", "seed")
_SHOWN = {f"augment_{edit}": 0.02 for edit in (*CHARACTER_EDITS, *WORD_EDITS) if edit != "synonym"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("text", list[str], typer.Argument(help="Files, folders, globs, or -.")),
        parameter(
            "preview",
            bool,
            typer.Option(
                False, "--preview", help="Show augmented lines; the default without --out."
            ),
        ),
        parameter(
            "lines", int, typer.Option(10, "--lines", min=1, help="Number of lines to show.")
        ),
        parameter(
            "out",
            Path | None,
            typer.Option(None, "--out", help="Write the augmented copies to this new file."),
        ),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
    ]
    names = {*_READING, *(field.name for field in dataclasses.fields(AugmentationConfig))}
    add_command(
        app, "augment", _run, _HELP, own + [p for p in config_parameters() if p.name in names]
    )


def _run(
    *,
    context: typer.Context,
    text: list[str],
    preview: bool,
    lines: int,
    out: Path | None,
    as_json: bool,
    **values: Any,  # noqa: ANN401
) -> None:
    from nextchar.text.augmentation import Augmenter
    from nextchar.text.folds import learn_vocabulary
    from nextchar.text.reading import open_text

    config, is_example = _config(given(context, values), out)
    require_folder(out, "--out")
    if out is not None and out.exists():
        raise ConfigError(f"{out} exists already and is not overwritten: choose another --out")
    with open_text(text, config.text) as source:
        vocabulary = learn_vocabulary(source, config.text)
        augmenter = Augmenter(config.augmentation, knows=vocabulary.knows)
        counts = _EditCounts(shown=lines if preview or out is None else 0)
        with part_display("altering") as progress:
            copies = _copies(augmenter, source, config, counts, progress)
            if out is None:
                for _ in copies:
                    pass
            else:
                _write(out, copies)
    if is_example:
        write_note("no edit was set; each --augment-… is shown at 0.02")
    if as_json:
        print_json({"text": ", ".join(source.names), **counts.to_dict(), "out": _named(out)})
    else:
        _print(counts, ", ".join(source.names), out)


class _EditCounts:
    """The edits made to a text, and its first edited lines."""

    def __init__(self, shown: int) -> None:
        self.edits: Counter[str] = Counter()
        self.lines = self.edited_lines = self.moved_lines = 0
        self.characters = self.augmented_characters = 0
        self.shown: list[Line] = []
        self._room = shown

    def add(self, line: Line, place: int, *, shuffled: bool) -> None:
        """Count a line at a place of a copy, from 1."""
        edits = [piece.edit for piece in line.pieces if piece.edit is not None]
        self.edits.update(edits)
        self.lines += 1
        self.edited_lines += bool(edits)
        self.moved_lines += shuffled and line.number != place
        self.characters += len(line.before) + len(line.ending)
        self.augmented_characters += len(line.after) + len(line.ending)
        if (edits or shuffled) and len(self.shown) < self._room:
            self.shown.append(line)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and the shown lines for JSON."""
        return {
            "characters": self.characters,
            "augmented_characters": self.augmented_characters,
            "lines": self.lines,
            "edited_lines": self.edited_lines,
            "moved_lines": self.moved_lines,
            "edits": dict(self.edits.most_common()),
            "shown": [
                {
                    "line": line.number,
                    "original": line.before,
                    "augmented": line.after,
                    "edits": [
                        {"edit": piece.edit, "original": piece.before, "augmented": piece.after}
                        for piece in line.pieces
                        if piece.edit is not None
                    ],
                }
                for line in self.shown
            ],
        }


def _config(options: dict[str, Any], out: Path | None) -> tuple[Config, bool]:
    """Return the configuration, and whether it is an example because no edit was set."""
    config = Config.from_options(options)
    if config.augmentation.augment_copies == 0:
        raise ConfigError("augment_copies must be at least 1 to show or write them, got 0")
    if not config.augmentation.edits and out is not None:
        raise ConfigError("nothing is altered: set an edit, such as --augment-swap 0.02")
    if config.augmentation.edits:
        return config, False
    return Config.from_options({**options, **_SHOWN}), True


def _copies(
    augmenter: Augmenter,
    source: TextSource,
    config: Config,
    counts: _EditCounts,
    progress: Callable[[float], None],
) -> Iterator[str]:
    """Yield the text of all copies, and count the edits."""
    shuffled = config.augmentation.augment_shuffle != "none"
    ending = "\n"
    for copy in range(1, config.augmentation.copies + 1):
        if not ending:  # The copy before must not end within a line of this one.
            yield "\n"
        seed = (config.training.seed, copy, 0)
        for place, line in enumerate(augmenter.lines(source.chunks(progress), seed), 1):
            counts.add(line, place, shuffled=shuffled)
            ending = line.ending
            yield line.after + ending


def _write(out: Path, texts: Iterator[str]) -> None:
    from nextchar.storage import atomic_file

    with atomic_file(out) as file:
        for text in texts:
            file.write(text.encode("utf-8", "surrogateescape"))


def _named(out: Path | None) -> str | None:
    return None if out is None else str(out)


def _print(counts: _EditCounts, name: str, out: Path | None) -> None:
    from nextchar.rendering.edits import edit_lines
    from nextchar.rendering.terminal import takes_colors

    colors = takes_colors(sys.stdout, os.environ)
    columns = shutil.get_terminal_size().columns
    for line in counts.shown:
        for shown in edit_lines(line, columns=columns, colors=colors):
            write_view(f"{shown}\n")
    if counts.shown:
        sys.stdout.write("\n")
    edits = (f"{edit.replace('_', ' ')} {count:,}" for edit, count in counts.edits.most_common())
    moved = f", {counts.moved_lines:,} moved" if counts.moved_lines else ""
    print_rows(
        [
            ("text", name),
            ("characters", f"{counts.characters:,}, altered {counts.augmented_characters:,}"),
            ("lines", f"{counts.lines:,}, {counts.edited_lines:,} edited{moved}"),
            ("edits", ", ".join(edits) or "none"),
            *([("written", str(out))] if out is not None else []),
        ]
    )
