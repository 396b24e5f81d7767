"""The folder of an experiment, which can be continued after an interruption.

Its contents are::

    KIND.json           the specification; another call with the same one continues
    runs/LABEL/         the runs
    results/LABEL.json  the metrics of each complete run
    table.md            the table
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nextchar.config.records import record_of
from nextchar.errors import ConfigError, InputError, Interrupted, RunError, as_option
from nextchar.experiments.texts import differing_names
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.result import TrainingResult
from nextchar.runs import train
from nextchar.runs.registry import LANGUAGE_MODEL
from nextchar.storage import (
    make_folder,
    read_json,
    refuse_links,
    storage_errors,
    write_bytes,
    write_json,
)
from nextchar.training.events import Listener
from nextchar.training.torchrun import require_one_process

TABLE_FILE = "table.md"

FiguresT = TypeVar("FiguresT")

Inputs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def files_of(inputs: Inputs, kind: str) -> list[str | os.PathLike[str]]:
    """Return the inputs of an experiment as a list.

    Raises
    ------
    ConfigError
        An input is standard input, which can be read only once, or ``torchrun`` has started
        several processes.
    """
    require_one_process(f"a {kind}")
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if "-" in paths:
        raise ConfigError(f"a {kind} reads its text repeatedly: name files instead of -")
    return paths


class ExperimentFolder:
    """The folder of one experiment.

    Parameters
    ----------
    folder
        The folder.
    kind
        The kind of experiment, used in messages and as the name of the specification file.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.kind = kind

    @contextlib.contextmanager
    def begun(
        self, asked: Mapping[str, Any], paths: Sequence[str | os.PathLike[str]]
    ) -> Iterator[None]:
        """Create the folder, or verify that it holds the same experiment.

        If the text or an option proves invalid before any training, the created files are removed.

        Parameters
        ----------
        asked
            The specification.
        paths
            The files of the text.

        Raises
        ------
        RunError
            The folder holds other files, or an experiment with another specification.
        """
        described = self.folder / f"{self.kind}.json"
        values = json.loads(json.dumps(asked))
        if described.exists():
            known = read_json(described, RunError)
            differing = differing_names(known, values, paths)
            if differing:
                raise RunError(
                    f"{self.folder} holds another {self.kind}, with other {', '.join(differing)}: "
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
                make_folder(part)
        write_json(described, values, sealed=True)
        try:
            yield
        except InputError:
            if not any(parts[0].iterdir()):
                described.unlink()
                for made in parts if was_there else [*parts, folder]:
                    made.rmdir()
            raise

    def run(self, label: str) -> Path:
        """Return the run directory of a label."""
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
            message = f"stopped in {self.run(label)}; saved. Run the same command to continue"
            raise Interrupted(message, stop.signal_number) from stop

    def _new(
        self,
        label: str,
        paths: Sequence[str | os.PathLike[str]],
        listeners: Sequence[Listener],
        **options: object,
    ) -> TrainingResult:
        result: TrainingResult = train(
            LANGUAGE_MODEL,
            paths,
            self.run(label),
            listeners=listeners,
            **{"experts": "none", **options},  # type: ignore[arg-type]
        )
        return result

    def figures(self, label: str, kind: type[FiguresT]) -> FiguresT | None:
        """Return the metrics of a label; ``None`` if its run is not complete.

        Raises
        ------
        RunError
            Their file is damaged, or a link leads out of the folder.
        """
        path = self._results(label)
        refuse_links(
            self.folder, [each.relative_to(self.folder) for each in (path, self.run(label))]
        )
        if not path.exists():
            return None
        return record_of(kind, read_json(path, RunError), path, RunError)

    def of_run(self, label: str, figures: FiguresT, known: Mapping[str, object]) -> FiguresT:
        """Return metrics that were read, if they have the known values; else ``RunError``."""
        for name, value in known.items():
            if getattr(figures, name) != value:
                raise RunError(
                    f"{self._results(label)} is damaged: {name} must be {value!r}; got "
                    f"{getattr(figures, name)!r:.80}"
                )
        return figures

    def keep(self, label: str, figures: Mapping[str, Any]) -> None:
        """Write the metrics of a label, and thereby mark its run as complete."""
        write_json(self._results(label), figures, sealed=True)

    def write_table(self, markdown: str) -> None:
        """Write the table."""
        write_bytes(self.folder / TABLE_FILE, markdown.encode())

    def _results(self, label: str) -> Path:
        return self.folder / "results" / f"{label}.json"
