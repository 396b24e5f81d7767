"""Detection of the kind of run in a folder, and of the commands for it.

The names of the files in the folder, and the task in ``config.json``, determine the kind. No other
module makes this decision. No models are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nextchar.errors import RunError
from nextchar.storage import read_json

CONFIG_FILE = "config.json"
Purpose = Literal["use", "begin", "measure", "resume", "info"]
_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class RunKind:
    """A kind of run.

    Attributes
    ----------
    name
        The name with its article, for messages.
    made_by
        The command that creates the run, without ``nextchar``.
    commands
        The command for each purpose, with ``RUN`` for the folder; ``"use"`` is the fallback for
        other purposes.
    loader
        The Python function that loads the run; empty if there is none.
    runs
        The subfolder with the individual runs; empty if there is none.
    """

    name: str
    made_by: str
    commands: Mapping[Purpose, str]
    loader: str = ""
    runs: str = ""


def _of_task(task: str, name: str, use: str, data: str, loader: str) -> RunKind:
    return RunKind(
        name=name,
        made_by=f"{task} train",
        loader=f"nextchar.{loader}.load",
        commands={
            "use": f"{task} {use}",
            "measure": f"{task} evaluate RUN{data}",
            "resume": f"{task} train --resume RUN",
            "info": "info RUN",
        },
    )


def _of_runs(name: str, made_by: str, runs: str) -> RunKind:
    again = f"{made_by} … --out RUN"
    return RunKind(name=name, made_by=made_by, runs=runs, commands={"resume": again})


LANGUAGE_MODEL = RunKind(
    name="a language model",
    made_by="train",
    loader="nextchar.LanguageModel.load",
    commands={
        "use": "generate RUN",
        "measure": "evaluate RUN",
        "resume": "train --resume RUN",
        "info": "info RUN",
    },
)
EMBEDDINGS = RunKind(
    name="a folder of embeddings",
    made_by="embeddings train",
    loader="nextchar.SymbolVectors.load",
    commands={"use": "embeddings nearest RUN SYMBOL"},
)
_TASKS: Mapping[str, RunKind] = {
    "classify": _of_task("classify", "a classifier", "predict RUN TEXT", " DATA", "Classifier"),
    "condition": _of_task(
        "condition", "a conditional model", "generate RUN", " DATA", "ConditionalModel"
    ),
    "tag": _of_task("tag", "a tagger", "apply RUN FILE", " DATA", "Tagger"),
    "transduce": _of_task("transduce", "a transducer", "apply RUN TEXT", "", "Transducer"),
}
# Keyed by their specification file.
_OTHERS: Mapping[str, RunKind] = {
    "embeddings.json": EMBEDDINGS,
    "comparison.json": _of_runs("a comparison", "compare", "runs"),
    "cross-validation.json": _of_runs("a cross-validation", "crossval", "runs"),
    "tuning.json": _of_runs("a search for options", "tune", "trials"),
}


class WrongRunError(RunError):
    """A folder holds another kind of run than required.

    Parameters
    ----------
    folder
        The folder.
    found, needed
        The actual and the required kind; ``None`` stands for any kind of run.
    """

    def __init__(self, folder: Path, found: RunKind, needed: RunKind | None) -> None:
        self.folder = folder
        self.found = found
        self.needed = needed
        super().__init__(f"{self._problem}: {self._in_python()}")

    def on_the_command_line(self, purpose: Purpose, given: str) -> str:
        """Return the message with the right command for the folder.

        Parameters
        ----------
        purpose
            The purpose of the command.
        given
            The command that received the folder, without ``nextchar``.
        """
        return f"{self._problem}: use `nextchar {self._command(purpose, given)}`"

    @property
    def _problem(self) -> str:
        needed = "" if self.needed is None else f", not {self.needed.name}"
        return f"{self.folder} is {self.found.name}{needed}"

    def _in_python(self) -> str:
        if self.found.loader:
            return f"load it with {self.found.loader}"
        run = _runs_in(self.folder / self.found.runs, 1)
        return f"name one of its runs{f', as {run[0]}' if run else ''}"

    def _command(self, purpose: Purpose, given: str) -> str:
        own = self.found.commands
        command = own.get(purpose, own.get("use"))
        if command is not None:
            return command.replace("RUN", str(self.folder))
        # The runs in the folder are language models: the command may accept them.
        runs = self.folder / self.found.runs
        run = next(iter(_runs_in(runs, 1)), runs / "NAME")
        if self.needed in (None, LANGUAGE_MODEL):
            return f"{given} … --from {run}" if purpose == "begin" else f"{given} {run}"
        usual = LANGUAGE_MODEL.commands
        return usual.get(purpose, usual["use"]).replace("RUN", str(run))


def kind_of_task(task: object) -> RunKind:
    """Return the kind of run of a task; ``None`` stands for language models."""
    if task is None:
        return LANGUAGE_MODEL
    if str(task) in _TASKS:
        return _TASKS[str(task)]
    return _of_task(str(task), f"a run of nextchar {task} train", "predict RUN", " DATA", str(task))


def require_run(folder: Path, needed: RunKind | None) -> None:
    """Require that a folder holds a run with a ``config.json``.

    Raises
    ------
    RunError
        The folder has no such run; the message states its actual contents.
    """
    try:
        if (folder / CONFIG_FILE).is_file():
            return
        _require_folder(folder, needed)
    except OSError as error:
        raise RunError(f"cannot read {folder}: {error.strerror}") from error
    raise _no_run(folder, needed, CONFIG_FILE)


def require_embeddings(folder: Path) -> None:
    """Require that a folder holds embeddings; errors are those of ``require_run``."""
    try:
        if (folder / "embeddings.json").is_file():
            return
        _require_folder(folder, EMBEDDINGS)
    except OSError as error:
        raise RunError(f"cannot read {folder}: {error.strerror}") from error
    if (folder / CONFIG_FILE).is_file():
        task = read_json(folder / CONFIG_FILE, RunError).get("task")
        raise WrongRunError(folder, kind_of_task(task), EMBEDDINGS)
    raise _no_run(folder, EMBEDDINGS, "embeddings.json")


def _require_folder(folder: Path, needed: RunKind | None) -> None:
    kind = LANGUAGE_MODEL if needed is None else needed
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        noun = "vectors are" if kind is EMBEDDINGS else "a run is"
        raise RunError(f"{folder} {state}: {noun} a folder made by nextchar {kind.made_by}")


def _no_run(folder: Path, needed: RunKind | None, missing: str) -> RunError:
    """Return the error for a folder without the required file."""
    for file, kind in _OTHERS.items():
        if (folder / file).is_file():
            return WrongRunError(folder, kind, needed)
    runs = _runs_in(folder, _LISTED + 1)
    if runs:
        more = ", …" * (len(runs) > _LISTED)
        named = ", ".join(str(run) for run in runs[:_LISTED])
        return RunError(f"{folder} is not a run, but contains runs: name one of {named}{more}")
    kind = LANGUAGE_MODEL if needed is None else needed
    noun = "a folder of vectors" if kind is EMBEDDINGS else "a run"
    return RunError(f"{folder} is not {noun} made by nextchar {kind.made_by}: it has no {missing}")


def _runs_in(folder: Path, limit: int) -> list[Path]:
    """Return the runs in a folder, up to a limit."""
    try:
        inside = sorted(each for each in folder.iterdir() if (each / CONFIG_FILE).is_file())
    except OSError:
        return []
    return inside[:limit]
