"""A task: everything in which one kind of training differs from another.

``runs.training`` creates, trains and resumes runs of any task. A task reads the data, creates the
run directory, opens it for training, and reports the result. The tasks are in ``nextchar.tasks``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

from nextchar.config import TrainingConfig
from nextchar.nn.trainable import Trainable
from nextchar.training.events import Listener
from nextchar.training.freezing import GrownWeight
from nextchar.training.objective import Measured, Objective
from nextchar.training.plans import Plan
from nextchar.training.processes import Processes
from nextchar.training.trainer import Trainer

Data: TypeAlias = Any  # each task reads its own kind


@dataclass(frozen=True, kw_only=True)
class Start:
    """The circumstances in which a training starts.

    Attributes
    ----------
    processes
        The processes that train together.
    listeners
        Called with each event; empty in all processes but the first.
    began
        Start of the time budget ``minutes`` (``time.monotonic``), compilation excluded.
    """

    processes: Processes = field(default_factory=Processes)
    listeners: Sequence[Listener] = ()
    began: float = field(default_factory=time.monotonic)


class NewRun(Protocol):
    """A run to be created. Its options are checked; its data are not read yet."""

    def write(self, folder: Path) -> None:
        """Create the run directory, whole or not at all; only the first process does so."""


class Result(Protocol):
    """The outcome of a training: a dataclass of figures."""

    @property
    def run(self) -> Path:
        """The run directory."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; each name carries its unit."""


class OpenRun(ABC):
    """A run directory opened for training, in one of the processes.

    Attributes
    ----------
    network
        On its device, with the weights that follow from the seed.
    objective
        The loss of a step, over this process's share of the batch.
    training
        The options of the training, without an extension.
    grown
        The part of a weight that belongs to new symbols, or ``None``.
    has_validation
        Whether ``validate`` has data; otherwise the newest weights count as the best.
    """

    network: Trainable
    objective: Objective
    training: TrainingConfig
    grown: GrownWeight | None = None
    has_validation: bool = True

    @abstractmethod
    def validate(self) -> Measured:
        """Measure the network on the validation part."""

    def sample(self, step: int) -> str | None:  # noqa: ARG002  (items have no samples)
        """Return a sample text of the network at a step, if the run asks for samples."""
        return None

    @abstractmethod
    def plan(self, training: TrainingConfig, seconds: float, start: Start) -> Plan:
        """Fill a time with steps and validations.

        Raises
        ------
        ConfigError
            The time is too short for a step.
        """

    @abstractmethod
    def result(self, trainer: Trainer) -> Result:
        """Return the outcome of the training."""

    @abstractmethod
    def card(self, result: Result, trainer: Trainer) -> str:
        """Return the model card, as Markdown."""


class Task(ABC):
    """One kind of training.

    Attributes
    ----------
    name
        Its name in ``runs.train``.
    key
        The value of ``task`` in ``config.json``; ``None`` for language models.
    command
        The command line that trains it.
    unit
        The unit of a reported loss: ``"char"``, ``"item"``, ``"label"``, ….
    model_type
        The class that loads its runs.
    result_type
        The dataclass of its results.
    """

    name: ClassVar[str]
    key: ClassVar[str | None]
    command: ClassVar[str]
    unit: ClassVar[str]
    model_type: ClassVar[Any]
    result_type: ClassVar[type[Any]]

    @abstractmethod
    def new_run(self, data: Data, start: Start, options: Mapping[str, Any]) -> NewRun:
        """Check the options, and return the run to create.

        Raises
        ------
        ConfigError
            An option cannot be used.
        """

    @abstractmethod
    def open(self, folder: Path, start: Start) -> OpenRun:
        """Open a run for training, in each of the processes.

        Raises
        ------
        RunError, CorpusError
            The run is missing, damaged, of another task, or of a newer format.
        """
