"""The folder of an experiment, in which it goes on where it stopped.

It holds::

    KIND.json           what is asked; a second call that asks the same goes on
    runs/LABEL/         the runs
    results/LABEL.json  the figures of each run that is complete
    table.md            the table
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nextchar.errors import ConfigError, InputError, Interrupted, RunError, as_option
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.result import TrainingResult
from nextchar.runs import train
from nextchar.runs.registry import LANGUAGE_MODEL
from nextchar.storage import read_json, storage_errors, write_bytes, write_json
from nextchar.training.events import Listener
from nextchar.training.torchrun import require_one_process

TABLE_FILE = "table.md"

Inputs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def files_of(inputs: Inputs, kind: str) -> list[str | os.PathLike[str]]:
    """List the inputs of an experiment.

    Raises
    ------
    ConfigError
        One is standard input, which is read once, or ``torchrun`` has started several processes.
    """
    require_one_process(f"a {kind}")
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if "-" in paths:
        raise ConfigError(f"a {kind} reads its text many times: name files, not -")
    return paths


class ExperimentFolder:
    """The folder of one experiment.

    Parameters
    ----------
    folder
        Where it is.
    kind
        What the experiment is called, in messages and in the name of the file that describes it.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.kind = kind

    @contextlib.contextmanager
    def begun(self, asked: Mapping[str, Any]) -> Iterator[None]:
        """Make the folder, or see that it holds the same experiment.

        Where the text or an option turns out to be of no use before anything is trained, the
        folder is as it was.

        Raises
        ------
        RunError
            Something else is in the way, or the experiment asks something else.
        """
        described = self.folder / f"{self.kind}.json"
        values = json.loads(json.dumps(asked))
        if described.exists():
            known = read_json(described, RunError)
            differing = [name for name in values if known.get(name) != values[name]]
            if differing:
                raise RunError(
                    f"{self.folder} holds another {self.kind}, of other {', '.join(differing)}: "
                    f"choose another {as_option('out')}"
                )
            yield
            return
        folder = self.folder
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(
                f"{folder} exists already and is not a {self.kind}: "
                f"choose another {as_option('out')}"
            )
        was_there = folder.exists()
        parts = [folder / "runs", folder / "results"]
        with storage_errors(folder):
            for part in parts:
                part.mkdir(parents=True, exist_ok=True)
        write_json(described, values)
        try:
            yield
        except InputError:
            if not any(parts[0].iterdir()):
                described.unlink()
                for made in parts if was_there else [*parts, folder]:
                    made.rmdir()
            raise

    def run(self, label: str) -> Path:
        """Give the run directory of a label."""
        return self.folder / "runs" / label

    def trained(
        self,
        label: str,
        paths: Sequence[str | os.PathLike[str]],
        listeners: Sequence[Listener],
        *,
        given: Collection[str] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> TrainingResult:
        """Train the run of a label, or resume it; ``given`` as for ``run.train``."""
        try:
            if self.run(label).exists():
                return LanguageModel.resume(self.run(label), listeners=listeners)
            return self._new(label, paths, listeners, given=given, **options)
        except Interrupted as stop:
            message = f"stopped in {self.run(label)}; saved. The same command goes on"
            raise Interrupted(message, stop.signal_number) from stop

    def _new(
        self,
        label: str,
        paths: Sequence[str | os.PathLike[str]],
        listeners: Sequence[Listener],
        **options: object,
    ) -> TrainingResult:
        result: TrainingResult = train(
            LANGUAGE_MODEL, paths, self.run(label), listeners=listeners, **options
        )
        return result

    def figures(self, label: str) -> dict[str, Any] | None:
        """Read the figures of a label, or ``None`` if its run is not complete."""
        path = self._results(label)
        return read_json(path, RunError) if path.exists() else None

    def keep(self, label: str, figures: Mapping[str, Any]) -> None:
        """Write the figures of a label, which say that its run is complete."""
        write_json(self._results(label), figures)

    def write_table(self, markdown: str) -> None:
        """Write the table."""
        write_bytes(self.folder / TABLE_FILE, markdown.encode())

    def _results(self, label: str) -> Path:
        return self.folder / "results" / f"{label}.json"
