"""``nextchar classify``: a label for each text."""

from __future__ import annotations

import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from nextchar.cli.commands import Commands
from nextchar.cli.notes import note_event
from nextchar.cli.options import parameter, picture_format, require_folder
from nextchar.cli.output import (
    COLUMN_HELP,
    JSON_HELP,
    followed_display,
    print_json,
    write_note,
)
from nextchar.cli.streams import write_view
from nextchar.cli.tables import print_rows, print_table
from nextchar.cli.train_command import TrainCommand
from nextchar.config import ClassifierRunConfig, TextConfig
from nextchar.errors import ConfigError
from nextchar.tasks.result_rows import item_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nextchar.config import ItemRunConfig
    from nextchar.tasks.classification.explaining import Explanation
    from nextchar.tasks.classification.model import Classifier
    from nextchar.tasks.conditioning.generative import GenerativeClassifier
    from nextchar.tasks.labelled.figures import ClassificationFigures
    from nextchar.text.labelled import LabelledText

app = Commands("classify", "Predict a label for each text: sentiment, language, spam, …")

_TRAIN_HELP = """Train a classifier on labelled texts.

Texts are read from CSV, TSV or JSON lines (--text and --label name the columns), from a folder with
one file per class (its stem is the label, and each line is a text), or from lines that consist of a
label, a space and a text.

With --from, training starts from the vocabulary, the embedding and the layers of a language model.
"""
_LAYOUT_HELP = "Layout of the data: columns, files (one per class) or lines (a label and a text)."
_LABEL_COLUMN: Any = typer.Option("label", "--label", help=f"The column of labels: {COLUMN_HELP}.")
_TEXT_COLUMN: Any = typer.Option("text", "--text", help=f"The column of texts: {COLUMN_HELP}.")
_LAYOUT: Any = typer.Option("auto", "--layout", help=_LAYOUT_HELP)
_RUN: Any = typer.Argument(help="The run directory of a classifier.")
_JSON: Any = typer.Option(False, "--json", help=JSON_HELP)
_ENCODING: Any = typer.Option(
    None, "--encoding", help="Encoding of the files; by default that of the run."
)
_CUT: Any = typer.Option(False, "--cut", help="Cut texts that are too long.")
_Layout = Literal["auto", "columns", "files", "lines"]
_SHOWN = 10

TrainCommand(
    task="classify",
    help=_TRAIN_HELP,
    config=ClassifierRunConfig,
    data="Files, folders, globs, or -.",
    own=[
        parameter("text", str, _TEXT_COLUMN),
        parameter("label", str, _LABEL_COLUMN),
        parameter("layout", _Layout, _LAYOUT),
        parameter(
            "from_run",
            Path | None,
            typer.Option(None, "--from", help="Start from the layers of this language model."),
        ),
    ],
    rows=item_rows,
    next_command="classify predict OUT",
).add_to(app)


@app.command("predict")
def _predict(
    run: Path = _RUN,
    texts: list[str] | None = typer.Argument(None, help="Texts to label."),
    data: str | None = typer.Option(
        None, "--input", help="A table, a file with one text per line, or -."
    ),
    column: str = _TEXT_COLUMN,
    top: int = typer.Option(1, "--top", min=1, help="Number of labels to show for each text."),
    encoding: str | None = _ENCODING,
    cut: bool = _CUT,
    as_json: bool = _JSON,
) -> None:
    """Label texts: print the most probable label, its probability, and the text."""
    if bool(texts) == (data is not None):
        raise ConfigError("name either texts or --input, a file or -")
    from nextchar.tasks.labelled.items import read_texts
    from nextchar.text.labelled import LabelledText

    model = _loaded(run, cut=cut)
    if data is None:
        items = [LabelledText(f"text {n}", text, "") for n, text in enumerate(texts or [], 1)]
    else:
        items = read_texts(data, column, _reading(model.config, encoding), note=write_note)
    _tell_empty(items)
    with followed_display("labelling"):
        items, found = _probabilities(model, items)
    names = model.label_names
    ranked = [
        [(names[place], float(row[place])) for place in (-row).argsort(kind="stable")[:top]]
        for row in found
    ]
    if as_json:
        each = zip(items, ranked, strict=True)
        rows = [
            {"text": item.text, "label": labels[0][0], "probabilities": dict(labels)}
            for item, labels in each
        ]
        print_json({"items": len(rows), "predictions": rows})
        return
    from nextchar.visible import printable_text

    for item, labels in zip(items, ranked, strict=True):
        shown = "\t".join(f"{name}\t{share:.3f}" for name, share in labels)
        sys.stdout.write(f"{shown}\t{printable_text(item.text)}\n")


@app.command("evaluate")
def _evaluate(
    run: Path = _RUN,
    data: list[str] = typer.Argument(help="Labelled texts, in the same layouts as for train."),
    text: str = _TEXT_COLUMN,
    label: str = _LABEL_COLUMN,
    layout: _Layout = _LAYOUT,
    encoding: str | None = _ENCODING,
    cut: bool = _CUT,
    skip_unseen: bool = typer.Option(
        False, "--skip-unseen", help="Skip items with a label that the run does not have."
    ),
    picture: Path | None = typer.Option(
        None, "--picture", help="Draw confusion matrix and reliability: a .png, .svg or .pdf file."
    ),
    as_json: bool = _JSON,
) -> None:
    """Measure a classifier: accuracy, F1 of each label, confusion, calibration."""
    drawn_as = picture_format(picture)
    from nextchar.rendering.figures import require_drawing
    from nextchar.storage import write_bytes
    from nextchar.tasks.classification.pictures import evaluation_picture
    from nextchar.tasks.conditioning.generative import GenerativeClassifier
    from nextchar.tasks.labelled.figures import MOST_LABELS
    from nextchar.tasks.labelled.items import labelled_items

    if picture is not None:
        require_drawing()
    model = _loaded(run, cut=cut)
    if picture is not None and len(model.label_names) > MOST_LABELS:
        raise ConfigError(
            f"--picture draws at most {MOST_LABELS:,} labels; {run} has {len(model.label_names):,}"
        )
    items = labelled_items(
        data,
        _reading(model.config, encoding),
        text=text,
        label=label,
        layout=layout,
        note=write_note,
    )
    with followed_display("evaluating"):
        if isinstance(model, GenerativeClassifier):
            figures = model.evaluate_items(items, skip_unseen=skip_unseen, listeners=[note_event])
        else:
            figures = model.evaluate(items, skip_unseen=skip_unseen, listeners=[note_event])
    if as_json:
        print_json(figures.to_dict())
    else:
        _print_figures(figures)
    if picture is not None:
        write_bytes(picture, evaluation_picture(figures, drawn_as))


@app.command("explain")
def _explain(
    run: Path = _RUN,
    text: str = typer.Argument(help="The text to explain the label of."),
    label: str | None = typer.Option(
        None, "--label", help="Explain this label instead of the most probable one."
    ),
    by: Literal["char", "word"] = typer.Option("char", "--by", help="Unit to leave out at a time."),
    page: Path | None = typer.Option(
        None, "--html", help="Write the explanation to this .html file."
    ),
    as_json: bool = _JSON,
) -> None:
    """Show which characters decided the label, by leaving out each in turn."""
    from nextchar.storage import write_bytes
    from nextchar.tasks.classification.explaining import explain
    from nextchar.tasks.classification.model import Classifier
    from nextchar.tasks.labelled.items import tell_unknown
    from nextchar.text.labelled import LabelledText

    require_folder(page, "--html")
    if page is not None and page.exists():
        raise ConfigError(f"{page} exists already and is not overwritten")
    model = Classifier.load(run)
    with followed_display("explaining"):
        explanation = explain(model, text, label=label, by=by)
    tell_unknown(model.vocabulary, [LabelledText("text", model.form.of(text))], [note_event])
    _tell_empty([LabelledText("text 1", text)])
    if page is not None:
        write_bytes(page, _page_of(explanation).encode("utf-8", "backslashreplace"))
    if as_json:
        print_json(explanation.to_dict())
    else:
        _print_explanation(explanation)


def _loaded(run: Path, *, cut: bool) -> Classifier | GenerativeClassifier:
    """Load a run of ``classify``, or one of ``condition`` as a classifier by Bayes' rule."""
    from nextchar.run_files.model_files import task_of
    from nextchar.tasks.classification.model import Classifier
    from nextchar.tasks.conditioning.generative import GenerativeClassifier

    if task_of(run, sought=Classifier.task) == GenerativeClassifier.task:
        if cut:
            raise ConfigError(f"--cut is for runs of classify; {run} is one of condition")
        return GenerativeClassifier.load(run)
    model = Classifier.load(run)
    if cut:
        model.config = model.config.with_options(cut=True)
    return model


def _reading(config: ItemRunConfig, encoding: str | None) -> TextConfig:
    return (config.with_options(encoding=encoding) if encoding else config).items.reading


def _probabilities(
    model: Classifier | GenerativeClassifier, items: list[LabelledText]
) -> tuple[list[LabelledText], NDArray[np.float64]]:
    """Return the items as the model reads them, and the probability of each label for each."""
    from nextchar.tasks.conditioning.generative import GenerativeClassifier
    from nextchar.tasks.labelled.items import checked_lengths, in_known_form, tell_unknown

    if isinstance(model, GenerativeClassifier):
        symbols = model.model.symbols
        tell_unknown(symbols.vocabulary, in_known_form(model.model.form, items), [note_event])
        return items, model.predict_proba([item.text for item in items])
    items = checked_lengths(items, model.config, [note_event])
    tell_unknown(model.vocabulary, in_known_form(model.form, items), [note_event])
    return items, model.probabilities([item.text for item in items])


def _tell_empty(items: list[LabelledText]) -> None:
    """Note that the label of an empty text is a guess."""
    empty = [item for item in items if not item.text.strip()]
    if empty:
        count = f"{len(empty):,} texts are" if len(empty) > 1 else "1 text is"
        first = f"the first: {empty[0].place}" if len(empty) > 1 else empty[0].place
        write_note(f"{count} empty ({first}): any label for an empty text is a guess")


def _print_figures(figures: ClassificationFigures) -> None:
    print_rows(
        [
            ("items", f"{figures.items:,}"),
            ("accuracy", f"{figures.accuracy:.4f}"),
            ("macro F1", f"{figures.macro_f1:.4f}"),
            ("loss", f"{figures.nats:.4f} nats/item, {figures.nats / math.log(2):.4f} bits/item"),
            ("calibration error", f"{figures.calibration_error:.4f} (expected, {_SHOWN} bins)"),
        ]
    )
    _print_labels(figures)
    if len(figures.labels) <= _SHOWN:
        sys.stdout.write("\n")
        rows = zip(figures.labels, figures.confusion.tolist(), strict=True)
        print_table(
            ("true \\ predicted", *figures.labels), [(name, *map(str, each)) for name, each in rows]
        )
    sys.stdout.write("\n")
    print_table(
        ("confidence", "items", "mean", "accuracy"),
        [
            (f"{b.low:.1f}-{b.high:.1f}", str(b.items), f"{b.confidence:.3f}", f"{b.accuracy:.3f}")
            for b in figures.bins
            if b.items
        ],
    )


def _print_labels(figures: ClassificationFigures) -> None:
    """Print the figures of each label, with the two labels that its items are most often given."""
    confused = figures.confused
    rows = [
        (
            name,
            *(f"{value:.3f}" for value in (each.precision, each.recall, each.f1)),
            str(each.items),
            ", ".join(f"{figures.labels[n]} {items}" for n, items in confused.get(place, [])[:2]),
        )
        for place, (name, each) in enumerate(zip(figures.labels, figures.by_label, strict=True))
    ]
    sys.stdout.write("\n")
    headings = ("label", "precision", "recall", "F1", "items", "most often confused with")
    print_table(headings, rows, left=(0, 5))


def _print_explanation(explanation: Explanation) -> None:
    from nextchar.rendering.contributions import contribution_lines
    from nextchar.rendering.terminal import takes_colors

    shown = list(explanation.probabilities.items())[:_SHOWN]
    print_rows([(name, f"{share:.3f}") for name, share in shown])
    sys.stdout.write("\n")
    parts = [(explanation.text[p.start : p.end], p.nats) for p in explanation.parts]
    columns = shutil.get_terminal_size().columns
    colors = takes_colors(sys.stdout, os.environ)
    for line in contribution_lines(parts, width=columns, colors=colors):
        write_view(f"{line}\n")
    sys.stdout.write(
        f"\ndecrease of ln p({explanation.label}) in nats without a part "
        "(above 0: evidence for the label)\n"
    )
    for name, nats in _strongest(explanation):
        write_view(f"{nats}  {name}\n")


def _strongest(explanation: Explanation) -> list[tuple[str, str]]:
    from nextchar.rendering.characters import symbol_name
    from nextchar.tasks.classification.explaining import strongest

    return [
        (f"{symbol_name(explanation.text[p.start : p.end])} at {p.start}", f"{p.nats:+.3f}")
        for p in strongest(explanation.parts, _SHOWN)
    ]


def _page_of(explanation: Explanation) -> str:
    from nextchar.rendering.contributions import contribution_page

    parts = [(explanation.text[p.start : p.end], p.nats) for p in explanation.parts]
    share = explanation.probabilities[explanation.label]
    title = f"{explanation.label}: {share:.3f}"
    return contribution_page(title, explanation.label, parts, _strongest(explanation))


add_to = app.add_to
