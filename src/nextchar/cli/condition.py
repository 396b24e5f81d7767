"""``nextchar condition``: text from a label or from numbers."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.loading import tell_weights
from nextchar.cli.notes import note_event
from nextchar.cli.options import add_command, parameter
from nextchar.cli.output import (
    COLUMN_HELP,
    JSON_HELP,
    followed_display,
    print_json,
    write_note,
)
from nextchar.cli.tables import print_rows
from nextchar.cli.train_command import TrainCommand
from nextchar.cli.writing import Writer, write
from nextchar.cli.writing_options import writing_parameters
from nextchar.config.condition import ConditionRunConfig
from nextchar.errors import ConfigError
from nextchar.tasks.result_rows import item_rows
from nextchar.text.labelled import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nextchar.tasks.conditioning.model import ConditionalModel

app = Commands("condition", "Generate text from a label or from numbers.")

_TRAIN_HELP = """Train a model that generates text from a label or from numbers.

Labelled texts are read from tables (.csv, .tsv, .jsonl: --text and --label name the columns), from
a folder with one file per label (its stem is the label, and each line is a text), or from lines
that consist of a label, a space and a text.

Numbers replace the labels with --features (columns of the table) or --features-file.
"""
_GENERATE_HELP = """Generate texts under a condition, or search for the most probable text.

The options are those of `nextchar generate`. Without a condition, texts of all kinds are generated.
"""
_GIVEN_HELP = (
    "A label, a mixture of labels such as Korean=0.7,Italian=0.3, or features such as length=9."
)
_STRENGTH_HELP = "Strength of the condition: above 1 it is exaggerated, at 0 it is ignored."
_VECTOR_HELP = "Numbers, one for each feature, such as 0.5,12."


_RUN: Any = typer.Argument(help="The run directory of a conditional model.")


def _reading_parameters() -> list[inspect.Parameter]:
    """Return the options that name the columns and files of texts and conditions."""
    return [
        parameter(
            "text", str | None, typer.Option(None, help=f"Column of texts [text]: {COLUMN_HELP}.")
        ),
        parameter(
            "label",
            str | None,
            typer.Option(None, help=f"Column of labels [label]: {COLUMN_HELP}."),
        ),
        parameter(
            "layout",
            Layout,
            typer.Option(
                "auto", help="Layout of the data; auto decides by the names of the files."
            ),
        ),
        parameter(
            "features",
            str | None,
            typer.Option(None, help="Columns of numbers instead of labels, such as a,b,c."),
        ),
        parameter(
            "features_file",
            Path | None,
            typer.Option(None, help="Numbers of each text: a .npy array [N, F] or a table."),
        ),
    ]


def reader_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``_reading_parameters`` as those of the Python interface."""
    columns = options["features"]
    return {
        "text": options["text"] or "text",
        "label": options["label"],
        "layout": options["layout"],
        "feature_columns": [name.strip() for name in columns.split(",")] if columns else (),
        "features_file": options["features_file"],
    }


def _add_generate() -> None:
    own = [
        parameter("context", typer.Context, inspect.Parameter.empty),
        parameter("run", Path, _RUN),
        *_condition_parameters(),
    ]
    add_command(app, "generate", _generate, _GENERATE_HELP, [*own, *writing_parameters()])


def _condition_parameters() -> list[inspect.Parameter]:
    return [
        parameter("given", str | None, typer.Option(None, help=_GIVEN_HELP)),
        parameter("vector", str | None, typer.Option(None, help=_VECTOR_HELP)),
        parameter("strength", float, typer.Option(1.0, help=_STRENGTH_HELP)),
    ]


def _generate(
    *,
    context: typer.Context,
    run: Path,
    given: str | None,
    vector: str | None,
    strength: float,
    device: str,
    checkpoint: str,
    **values: Any,  # noqa: ANN401
) -> None:
    from nextchar.tasks.conditioning.model import ConditionalModel
    from nextchar.tasks.conditioning.symbols import LINE_BREAK

    model = ConditionalModel.load(run, device=device, checkpoint=checkpoint)
    tell_weights(run, model.config.training, checkpoint)
    condition = _condition(model, given, vector)

    writer = Writer(
        load=lambda: model.generator(condition, strength=strength),
        reading=lambda: model.config.items.reading,
        about={"condition": condition, "strength": strength},
        lines_apart=model.symbols.boundary == LINE_BREAK,
    )
    write(context, writer, **values)


def _condition(model: ConditionalModel, given: str | None, vector: str | None) -> Any:  # noqa: ANN401
    from nextchar.tasks.conditioning.conditions import parse_condition

    if given is not None and vector is not None:
        raise ConfigError("--given and --vector both set the condition: use one")
    written = vector if given is None else given
    return None if written is None else parse_condition(written, model.symbols.conditions)


def _add_save() -> None:
    own = [
        parameter("run", Path, _RUN),
        *_condition_parameters(),
        parameter("out", Path, typer.Option(..., "--out", help="The folder to create.")),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
    ]
    help_text = """Save the language model of one condition for use with other commands.

    The commands generate, score, evaluate, complete, play and compress accept it. Its texts begin
    after a line break and end with one (or with U+001E if texts contain line breaks).
    """
    add_command(app, "save", _save, help_text, own)


def _save(
    *,
    run: Path,
    given: str | None,
    vector: str | None,
    strength: float,
    out: Path,
    as_json: bool,
) -> None:
    from nextchar.storage import atomic_folder, in_the_way_error, is_in_the_way
    from nextchar.tasks.conditioning.model import ConditionalModel

    if is_in_the_way(out):
        raise in_the_way_error(out)
    model = ConditionalModel.load(run)
    condition = _condition(model, given, vector)
    plain = model.given(condition, strength=strength)
    with atomic_folder(out) as folder:
        plain.save(folder)
    if as_json:
        print_json({"run": str(out), "condition": condition, "strength": strength})
    else:
        sys.stdout.write(f"nextchar generate {out}\n")


def _add_evaluate() -> None:
    own = [
        parameter("run", Path, _RUN),
        parameter(
            "data", list[str], typer.Argument(..., help="Data, in the same layouts as for train.")
        ),
        *_reading_parameters(),
        parameter(
            "encoding",
            str | None,
            typer.Option(None, help="Encoding of the data; by default that of the run."),
        ),
        parameter("as_json", bool, typer.Option(False, "--json", help=JSON_HELP)),
    ]
    help_text = "Measure the benefit of the condition: bits per character with it and without it."
    add_command(app, "evaluate", _evaluate, help_text, own)


def _evaluate(
    *,
    run: Path,
    data: list[str],
    encoding: str | None,
    as_json: bool,
    **reading: Any,  # noqa: ANN401
) -> None:
    from nextchar.tasks.conditioning.conditions import Features
    from nextchar.tasks.conditioning.items import condition_items
    from nextchar.tasks.conditioning.model import ConditionalModel
    from nextchar.text.unknown import UnknownSymbols
    from nextchar.training.events import noting

    model = ConditionalModel.load(run)
    config = model.config
    if encoding is not None:
        config = config.with_options(encoding=encoding)
    conditions = model.symbols.conditions
    if isinstance(conditions, Features) and reading["features_file"] is None:
        reading["features"] = reading["features"] or ",".join(conditions.names)
    items = condition_items(
        data, config.items.reading, note=noting([note_event]), **reader_options(reading)
    )
    with followed_display("evaluating"):
        figures = model.evaluate(items).to_dict()
    unknown = UnknownSymbols(model.symbols.vocabulary)
    for text, place in zip(items.texts, items.places, strict=True):
        unknown.read(model.form.of(text), place)
    if unknown.count:
        write_note(unknown.note())
    if as_json:
        print_json({"run": str(run), **figures})
    else:
        _print_figures(figures)


_NAMES = {
    "bits_per_char": "own condition",
    "unconditional_bits_per_char": "without condition",
    "unknown_label_bits_per_char": "label unknown",
    "other_condition_bits_per_char": "other condition",
}


def _print_figures(figures: dict[str, Any]) -> None:
    print_rows(
        [
            ("texts", f"{figures['items']:,}, {figures['characters']:,} characters including ends"),
            *(
                (shown, f"{figures[name]:.4f} bits/char")
                for name, shown in _NAMES.items()
                if name in figures
            ),
            *(
                [("benefit of the label", f"{figures['label_bits_per_item']:.2f} bits/text")]
                if "label_bits_per_item" in figures
                else []
            ),
        ]
    )


TrainCommand(
    task="condition",
    help=_TRAIN_HELP,
    config=ConditionRunConfig,
    data="Files, folders, globs, or -.",
    own=_reading_parameters(),
    rows=item_rows,
    next_command="condition generate OUT --given …",
).add_to(app)
_add_generate()
_add_evaluate()
_add_save()


add_to = app.add_to
