"""The function that reads each kind of file of a run, for tests that damage one file many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from nextchar.config import TaggingConfig
from nextchar.embeddings.filling import load_embedding_origin
from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import RunError
from nextchar.experiments.comparison import Figures
from nextchar.experiments.crossvalidation import FoldFigures
from nextchar.experiments.folder import ExperimentFolder
from nextchar.experiments.journal import running_trials
from nextchar.run_files.model_files import load_config, load_run_config, load_vocabulary
from nextchar.run_files.origin import load_origin
from nextchar.runs.registry import task_of_run
from nextchar.runs.training import history
from nextchar.storage import read_json
from nextchar.tasks.classification.labels import LabelSet
from nextchar.tasks.conditioning.symbols import TextCodec
from nextchar.tasks.examples import Examples
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.tasks.tagging.labels import TagSet
from nextchar.tasks.transduction.symbols import PairCodec
from nextchar.training.checkpoint import load_content, load_tensors
from nextchar.training.extension import load_extension, progress_of

Reader = Callable[[Path, Path], object]


def _config(run: Path, _path: Path) -> object:
    task = task_of_run(run)
    kind = task.model_type
    config_type = getattr(kind, "config_type", None)
    if config_type is None:
        return load_config(run)
    return load_run_config(run, config_type, task=task.key)


def _labels(run: Path, path: Path) -> object:
    values = read_json(path, RunError)
    if "follows" in values:
        return TagSet.from_dict(values, TaggingConfig(outside="O"))
    return LabelSet.load(run)


def _tensors(_run: Path, path: Path) -> object:
    tensors, content = load_tensors(path)
    return {name: tensor.tolist() for name, tensor in tensors.items()}, content


def _content(_run: Path, path: Path) -> object:
    return load_content(path)


def _columns(_run: Path, path: Path) -> object:
    return [len(column) for column in Examples.load(path).texts.values()]


def _figures(run: Path, path: Path) -> object:
    kind = FoldFigures if path.name.startswith("fold") else Figures
    return ExperimentFolder(run, "comparison").figures(path.stem, kind)


def _journal(_run: Path, path: Path) -> None:
    running_trials(path, "nextchar", ["dropout"], lambda *_: True)


# By a pattern of the name of the file.
READERS: Mapping[str, tuple[Reader, ...]] = {
    r"config\.json": (_config,),
    r"vocabulary\.json": (lambda run, _: load_vocabulary(run),),
    r"labels\.json": (_labels,),
    r"conditions\.json": (lambda run, _: TextCodec.load(run),),
    r"symbols\.json": (lambda run, _: PairCodec.load(run),),
    r"metrics\.jsonl": (lambda run, _: history(run),),
    r"corpus/.*": (lambda run, _: open_corpus(run).fingerprint,),
    r"items/.*": (_columns,),
    r"extension\.json": (lambda run, _: load_extension(run),),
    r"origin\.json": (lambda run, _: load_origin(run),),
    r"embedding\.json": (lambda run, _: load_embedding_origin(run),),
    r"embeddings\.json|vectors\.safetensors": (
        lambda run, _: SymbolVectors.load(run).vectors.tolist(),
    ),
    r"model\.safetensors": (_tensors, _content),
    r"last/.*": (_tensors, _content, lambda run, _: progress_of(run)),
    r"(comparison|cross-validation|tuning)\.json": (lambda _, path: read_json(path, RunError),),
    r"results/.*": (_figures,),
    r"journal\.jsonl": (_journal,),
}


def readers_of(name: str) -> tuple[Reader, ...]:
    """Return the functions that read a file, by its name in the run; each takes run and file."""
    return next(readers for pattern, readers in READERS.items() if re.fullmatch(pattern, name))
