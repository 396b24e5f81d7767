"""Cross-validation on a text: every fold is held out once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from nextchar.config import Config
from nextchar.config.arguments import checked
from nextchar.config.options import FoldOptions
from nextchar.errors import ConfigError
from nextchar.experiments.crossvalidation import CrossValidation, FoldFigures
from nextchar.experiments.folder import ExperimentFolder, Inputs, files_of
from nextchar.experiments.texts import described_text
from nextchar.run_files.model_files import load_config, load_vocabulary
from nextchar.runs.training import history
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.text.folds import text_folds
from nextchar.text.reading import open_text
from nextchar.training.events import Listener

FORMAT_VERSION = 1


@checked
def crossval(
    inputs: Inputs,
    out: str | os.PathLike[str],
    *,
    folds: int = 5,
    listeners: Sequence[Listener] = (),
    announce: Callable[[str], None] = lambda _line: None,
    **options: Unpack[FoldOptions],
) -> CrossValidation:
    """For each fold of a text, train on the rest of the text and evaluate on the fold.

    Parameters
    ----------
    inputs
        Text, as for ``train``, but not standard input.
    out
        The folder of the cross-validation. If it holds the same one, that is continued: complete
        runs are kept, and an interrupted run is resumed.
    folds
        Number of folds, at least 2.
    listeners
        Receive the events of every training.
    announce
        Called with a line when a run starts.
    **options
        Options of ``train``, for every run. With ``minutes``, only the first run is planned; the
        others use the same sizes, rates and steps.

    Raises
    ------
    ConfigError, TextError
        An option or the text is invalid; nothing was written.
    RunError
        ``out`` holds other files or another cross-validation.
    """
    if folds < 2:
        raise ConfigError(f"folds must be at least 2 to cross-validate; got {folds}")
    if "fold" in options:
        raise ConfigError(f"every fold is trained: fold cannot be set; got {options['fold']}")
    config = Config.from_options({**options, "folds": folds})
    paths = files_of(inputs, "cross-validation")
    with open_text(paths, config.text) as source:
        pieces = text_folds(sum(map(len, source.chunks())), folds)
    folder = ExperimentFolder(Path(out), "cross-validation")
    asked = {
        "format_version": FORMAT_VERSION,
        "text": described_text(paths),
        "folds": folds,
        "options": dict(options),
    }
    figures: list[FoldFigures] = []
    with folder.begun(asked, paths):
        for number, piece in enumerate(pieces, 1):
            announce(f"fold {number}/{folds}: characters {piece[0]:,} to {piece[1]:,} held out")
            fold_options = {**options, "folds": folds} if number == 1 else _planned(folder)
            # Notes on the user's options are reported once, for the first fold.
            given = options if number == 1 else ()
            figures.append(_run(folder, paths, number, piece, fold_options, given, listeners))
        result = CrossValidation(tuple(figures))
        folder.write_table(result.markdown())
    return result


def _label(fold: int) -> str:
    return f"fold-{fold}"


def _planned(folder: ExperimentFolder) -> dict[str, Any]:
    """Return the planned options of the first run, which all other folds use."""
    parts = load_config(folder.run(_label(1))).to_dict().values()
    settled = {name: value for part in parts for name, value in part.items()}
    return {**settled, "minutes": None}


def _run(
    folder: ExperimentFolder,
    paths: Sequence[str | os.PathLike[str]],
    fold: int,
    piece: tuple[int, int],
    options: Mapping[str, Any],
    given: Collection[str],
    listeners: Sequence[Listener],
) -> FoldFigures:
    """Return the metrics of one fold; train or resume its run if that is not complete."""
    label = _label(fold)
    known = folder.figures(label, FoldFigures)
    if known is not None:
        return folder.of_run(label, known, {"fold": fold, "start": piece[0], "end": piece[1]})
    result = folder.trained(label, paths, listeners, given=given, **{**options, "fold": fold})
    unknown = load_vocabulary(result.run).unknown_id
    held_out = open_corpus(result.run).validation
    figures = FoldFigures(
        fold=fold,
        start=piece[0],
        end=piece[1],
        unknown=sum(int(np.count_nonzero(piece == unknown)) for piece in held_out.pieces()),
        parameters=result.parameters,
        steps=result.steps,
        seconds=result.seconds,
        nats_per_char=result.nats_per_char,
        last_nats_per_char=history(result.run)[-1]["validation_nats_per_char"],
        train_nats_per_char=result.train_nats_per_char,
    )
    folder.keep(label, dataclasses.asdict(figures))
    return figures
