"""The files of a model in a run directory: its configuration, its vocabulary, its weights."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from nextchar.config import Config
from nextchar.errors import ConfigError, RunError, TextError
from nextchar.storage import read_json, write_json
from nextchar.text import vocabulary as vocabularies
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import LAST_FILE, MODEL_FILE, load_tensors

FORMAT_VERSION = 1
CONFIG_FILE = "config.json"
VOCABULARY_FILE = "vocabulary.json"


def load_config(folder: Path) -> Config:
    """Read a run's configuration.

    Raises
    ------
    RunError
        The folder is no run directory, its configuration is damaged, or a newer nextchar wrote it.
    """
    path = folder / CONFIG_FILE
    try:
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise RunError(f"{folder} {what}: a run is a folder made by nextchar train")
        if not path.is_file():
            raise RunError(f"{folder} is not a run: it has no {CONFIG_FILE}")
    except OSError as error:
        raise RunError(f"cannot read {folder}: {error.strerror}") from error
    values = read_json(path, RunError)
    version = values.pop("format_version", None)
    if not isinstance(version, int) or isinstance(version, bool):
        raise RunError(f"{path} is damaged: format_version must be a whole number, got {version!r}")
    if version < 1:
        raise RunError(f"{path} is damaged: format_version must be at least 1, got {version}")
    if version > FORMAT_VERSION:
        raise RunError(
            f"{path} has format {version}, this nextchar reads up to {FORMAT_VERSION}: a newer "
            f"nextchar made it"
        )
    try:
        return Config.from_dict(values)
    except ConfigError as error:
        raise RunError(f"{path}: {error}") from error


def save_config(folder: Path, config: Config) -> None:
    """Write a run's configuration."""
    write_json(folder / CONFIG_FILE, {"format_version": FORMAT_VERSION, **config.to_dict()})


def load_vocabulary(folder: Path) -> Vocabulary:
    """Read a run's vocabulary; ``RunError`` if it is missing or damaged."""
    path = folder / VOCABULARY_FILE
    try:
        return vocabularies.from_dict(read_json(path, RunError))
    except TextError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def save_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Write a run's vocabulary."""
    write_json(folder / VOCABULARY_FILE, vocabulary.to_dict())


def weights_file(folder: Path) -> Path:
    """Give the file with the best weights, or with the newest where none is best yet."""
    return folder / (MODEL_FILE if (folder / MODEL_FILE).exists() else LAST_FILE)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Read the best weights; a run that has not validated yet has only its newest.

    Raises
    ------
    RunError
        The weights are missing or damaged.
    """
    path = weights_file(folder)
    tensors, _ = load_tensors(path)
    if path == folder / MODEL_FILE:
        return tensors
    return {
        name.removeprefix("network."): tensor
        for name, tensor in tensors.items()
        if name.startswith("network.")
    }
