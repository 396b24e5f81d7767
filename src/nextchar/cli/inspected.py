"""What all commands of ``nextchar inspect`` share: arguments, a run, and a sample of a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from nextchar.cli.loading import load_model
from nextchar.cli.output import write_note

if TYPE_CHECKING:
    from nextchar.inspection.sample import Sample
    from nextchar.language_model.model import LanguageModel

RUN: Any = typer.Argument(help="A run directory.")
TEXT: Any = typer.Argument(
    None, help="A file, folder, glob, or -; without TEXT, the run's own validation part."
)
PICTURE: Any = typer.Option(
    None, help="Draw it: a .png, .svg or .pdf file (needs the extra plots)."
)
SEED: Any = typer.Option(0, min=0, help="Seed of the sample.")


class Inspected(NamedTuple):
    """A model, and the text it is inspected on."""

    model: LanguageModel
    sample: Sample


def open_inspected(
    run: Path, text: str | None, *, limit: int | None = None, checkpoint: str = "best"
) -> Inspected:
    """Load a run, and read the first symbols of a text; a note tells how much was read.

    Parameters
    ----------
    run
        The run directory of a language model.
    text
        A file, folder, glob or ``-``; ``None`` for the validation part of the run.
    limit
        Maximum number of symbols; ``sample.LIMIT`` by default.
    checkpoint
        As for ``load_model``.
    """
    from nextchar.inspection.sample import LIMIT

    model = load_model(run, device="cpu", checkpoint=checkpoint)
    sample = read_sample(model, run, text, limit=LIMIT if limit is None else limit)
    write_note(sample.description)
    return Inspected(model, sample)


def read_sample(model: LanguageModel, run: Path, text: str | None, *, limit: int) -> Sample:
    """Read the first symbols of a text, or of the validation part of a run."""
    from nextchar.errors import TextError
    from nextchar.inspection.sample import sample_of_ids, sample_of_text
    from nextchar.tasks.language_modeling.data import open_corpus
    from nextchar.text.normal_forms import NormalForm
    from nextchar.text.reading import open_text

    if text is not None:
        form = NormalForm(model.vocabulary, model.config.text.normalization)
        with open_text([text], model.config.text) as source:
            name = ", ".join(source.names)
            return sample_of_text(source.chunks(), model.vocabulary, form, name=name, limit=limit)
    ids = open_corpus(run).validation
    if len(ids) == 0:
        raise TextError(f"{run} has no validation part: name a text to inspect it on")
    return sample_of_ids(ids, model.vocabulary, name=f"validation part of {run}", limit=limit)


def same_text(sample: Sample, model: LanguageModel, other: LanguageModel, run: Path) -> Sample:
    """Return the text of a sample in the symbols of another run's model."""
    if other.vocabulary == model.vocabulary:
        return sample
    read = other.inspect.sample(model.vocabulary.decode(sample.ids), name=sample.name)
    write_note(f"{read.description} by {run}")
    return read


def write_picture(figure: Any, picture: Path, drawn_as: str) -> None:  # noqa: ANN401  (matplotlib's)
    """Write a figure to a file; ``drawn_as`` is its format, by ``options.picture_format``."""
    from nextchar.rendering.figures import saved_picture
    from nextchar.storage import write_bytes

    write_bytes(picture, saved_picture(figure, drawn_as))
