"""The files of a model in a run directory: configuration, vocabulary and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from nextchar.config import Config, RunConfig, TrainingConfig
from nextchar.config.records import versioned
from nextchar.errors import ConfigError, RunError, TextError, as_option
from nextchar.nn.parameters import layouts_of, named_tensors, require_layouts, without_memory
from nextchar.run_files.kinds import CONFIG_FILE, WrongRunError, kind_of_task, require_run
from nextchar.run_files.seals import require_seal_of, sealed_json
from nextchar.storage import read_json, write_json
from nextchar.text import vocabulary as vocabularies
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import (
    LAST_FILE,
    MODEL_FILE,
    kept_file,
    kept_steps,
    load_content,
    load_header,
    load_tensors,
)
from nextchar.training.extension import current, is_finished, progress_of
from nextchar.training.pacing import total_steps

FORMAT_VERSION = 1
VOCABULARY_FILE = "vocabulary.json"

ConfigT = TypeVar("ConfigT", bound=RunConfig)
T = TypeVar("T")


def load_config(folder: Path) -> Config:
    """Return the configuration of a language model's run; see ``load_run_config``."""
    return load_run_config(folder, Config)


def load_run_config(
    folder: Path, config_type: type[ConfigT], *, task: str | None = None
) -> ConfigT:
    """Return the configuration of a run.

    Parameters
    ----------
    folder
        The run directory.
    config_type
        The type of the configuration.
    task
        The task of the run, named by its command; ``None`` stands for a language model.

    Raises
    ------
    RunError
        The folder is not a run directory, the run has another task, or its configuration is
        damaged or was written by a newer version of nextchar.
    """
    path = folder / CONFIG_FILE
    needed = kind_of_task(task)
    require_run(folder, needed)
    with sealed_json(folder, CONFIG_FILE) as values:
        rest = versioned(values, FORMAT_VERSION, path, RunError)
        found = rest.pop("task", None)
        if found != task:
            raise WrongRunError(folder, kind_of_task(found), needed)
        try:
            return config_type.from_dict(rest)
        except ConfigError as error:
            raise RunError(f"{path}: {error.in_both_terms}") from error


def task_of(folder: Path, *, sought: str | None = None) -> str | None:
    """Return the task of a run; error messages mention the task ``sought``."""
    path = folder / CONFIG_FILE
    require_run(folder, None if sought is None else kind_of_task(sought))
    found = versioned(read_json(path, RunError), FORMAT_VERSION, path, RunError).get("task")
    return None if found is None else str(found)


def save_config(folder: Path, config: RunConfig, *, task: str | None = None) -> None:
    """Write the configuration of a run."""
    kind = {} if task is None else {"task": task}
    write_json(folder / CONFIG_FILE, {"format_version": FORMAT_VERSION, **kind, **config.to_dict()})


def load_vocabulary(folder: Path) -> Vocabulary:
    """Return the vocabulary of a run; ``RunError`` if it is missing or damaged."""
    path = folder / VOCABULARY_FILE
    with sealed_json(folder, VOCABULARY_FILE) as values:
        try:
            return vocabularies.from_dict(values)
        except TextError as error:
            raise RunError(f"{path} is damaged: {error.in_both_terms}") from error


def save_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Write the vocabulary of a run."""
    write_json(folder / VOCABULARY_FILE, vocabulary.to_dict())


def load_weights(
    folder: Path, build: Callable[[], nn.Module], checkpoint: str | int = "best"
) -> dict[str, Tensor]:
    """Return the weights of a run, after comparing their layouts with those of its network.

    Parameters
    ----------
    folder
        The run directory.
    build
        Creates the network. The weights are read only if they fit it.
    checkpoint
        ``"best"`` for the lowest validation loss (before the first validation, the newest
        weights), ``"last"`` for the newest weights, or the step of a saved checkpoint.

    Raises
    ------
    RunError
        The weights are missing or damaged, or do not fit.
    """
    path = weights_file(folder, checkpoint)
    require_fit(folder, path, build)
    tensors, _ = load_tensors(path)
    return tensors if path != folder / LAST_FILE else _weights_in(tensors)


def require_fit(folder: Path, path: Path, build: Callable[[], nn.Module]) -> None:
    """Raise ``RunError`` unless weights fit the network and the metadata of a run.

    Neither the weights nor the network are allocated.

    Parameters
    ----------
    folder
        The run directory.
    path
        Its file of weights, or its last save.
    build
        Creates the network.
    """
    found = load_header(path).layouts
    if path.name == LAST_FILE.name:
        found = _weights_in(found)
    try:
        require_layouts(layouts_of(named_tensors(without_memory(build))), found)
    except RunError as error:
        raise RunError(f"{path} cannot be used: {error.in_both_terms}") from error
    require_seal_of(path, folder)


def _weights_in(values: Mapping[str, T]) -> dict[str, T]:
    """Return the values of the weights in a training state, by the names in the network."""
    # With weight averaging, the averaged weights replace those of the network.
    return {
        name.removeprefix(part): value
        for part in ("network.", "average.")
        for name, value in values.items()
        if name.startswith(part)
    }


def weights_note(folder: Path, training: TrainingConfig, checkpoint: str | int) -> str | None:
    """Return a note on the step of the weights; ``None`` for the best weights of a finished run.

    Parameters
    ----------
    folder, checkpoint
        As in ``load_weights``.
    training
        The configuration of the run at its start.

    Raises
    ------
    RunError
        The weights are missing, or their file is damaged. The note describes damage to other
        files.
    """
    path = weights_file(folder, checkpoint)
    try:
        progress, now = progress_of(folder), current(folder, training)
    except RunError as error:
        if path == folder / LAST_FILE:
            raise
        return f"{error}; the weights used are those in {path.relative_to(folder)}"
    if progress is None or (checkpoint == "best" and is_finished(progress, now)):
        return None
    step = load_content(path).get("step", progress.step)
    if type(step) is not int:
        raise RunError(f"{path} is damaged: step must be an integer, got {step!r:.80}")
    names = {"best": "best weights so far", "last": "newest weights"}
    which = names.get(str(checkpoint), "weights")
    return (
        f"{folder} is at step {progress.step:,} of {total_steps(progress, now):,}: these are its "
        f"{which}, from step {step:,}"
    )


def weights_file(folder: Path, checkpoint: str | int = "best") -> Path:
    """Return the file read by ``load_weights``; ``RunError`` for a step without a checkpoint."""
    if checkpoint == "best":
        return folder / (MODEL_FILE if (folder / MODEL_FILE).exists() else LAST_FILE)
    if checkpoint == "last":
        return folder / LAST_FILE
    steps, option = kept_steps(folder), as_option("keep_checkpoints")
    if str(checkpoint) not in map(str, steps):
        kept = f"the steps {', '.join(map(str, steps))}" if steps else f"no steps ({option})"
        raise RunError(
            f"checkpoint must be best, last or a step saved in {folder}, which has "
            f"{kept}; got {checkpoint!r}"
        )
    return folder / kept_file(int(checkpoint))
