"""The interface of a task: everything specific to one kind of training.

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

import torch

from nextchar.compilation.cache import compilation_seconds
from nextchar.config import TrainingConfig
from nextchar.config.training import Precision
from nextchar.nn.precision import has_int16
from nextchar.nn.trainable import Trainable
from nextchar.training.events import Listener, Noticed, tell
from nextchar.training.freezing import GrownWeight
from nextchar.training.objective import Objective, ValidationResult
from nextchar.training.plans import Plan
from nextchar.training.processes import Processes
from nextchar.training.trainer import Trainer

Data: TypeAlias = Any  # its type depends on the task


@dataclass(frozen=True, kw_only=True)
class Start:
    """The context in which training starts.

    Attributes
    ----------
    processes
        The processes that train together.
    listeners
        Called with each event; empty in all processes but the first.
    began
        Start of the time budget ``minutes``, as returned by ``time.monotonic``.
    compiled
        Seconds of compilation before it.
    """

    processes: Processes = field(default_factory=Processes)
    listeners: Sequence[Listener] = ()
    began: float = field(default_factory=time.monotonic)
    compiled: float = field(default_factory=compilation_seconds)

    def spent(self) -> float:
        """Return the seconds since the start of the budget, in which compilation does not count."""
        return time.monotonic() - self.began - (compilation_seconds() - self.compiled)

    def note_precision(self, folder: Path, precision: Precision, device: torch.device) -> None:
        """Report a run that cannot continue in its precision on a device."""
        if precision == "int16" and not has_int16(device):
            message = f"{folder} was trained in int16; on this device it continues in float32"
            tell(self.listeners, Noticed(message=message))


class NewRun(Protocol):
    """A run to be created, with validated options. Its data have not been read yet."""

    def write(self, folder: Path) -> None:
        """Create the run directory atomically; called in the first process only."""


class Result(Protocol):
    """The result of training: a dataclass of metrics."""

    @property
    def run(self) -> Path:
        """The run directory."""

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics by name; each name includes the unit."""


class OpenRun(ABC):
    """A run directory opened for training, in one of the processes.

    Attributes
    ----------
    network
        The network on its device, with the initial weights of its seed.
    objective
        The training objective, on this process's share of the batch.
    training
        The training configuration, without an extension.
    grown
        The input weight with the parameters of new symbols, or ``None``.
    has_validation
        Whether there is a validation part; otherwise the newest weights count as the best.
    most_steps
        The largest number of steps that a time budget may give a new run; ``None`` for no limit.
    """

    network: Trainable
    objective: Objective
    training: TrainingConfig
    grown: GrownWeight | None = None
    has_validation: bool = True
    most_steps: int | None = None

    @abstractmethod
    def validate(self) -> ValidationResult:
        """Return the metrics of the network on the validation part."""

    def sample(self, step: int) -> str | None:  # noqa: ARG002  (items have no samples)
        """Return a sample text of the network at a step, or ``None`` if samples are disabled."""
        return None

    @abstractmethod
    def plan(self, training: TrainingConfig, seconds: float, start: Start) -> Plan:
        """Return the steps and validations that fit into a time in seconds.

        Raises
        ------
        ConfigError
            The time is too short for a step.
        """

    @abstractmethod
    def result(self, trainer: Trainer) -> Result:
        """Return the result of training."""

    def completion_seconds(self) -> float:
        """Estimate the time of ``complete`` after training."""
        return 0.0

    def complete(self, listeners: Sequence[Listener], *, trained: bool) -> None:  # noqa: B027
        """Add to the run what needs its final weights; called in the first process only.

        ``trained`` tells whether this process has trained it, or found it finished.
        """

    @abstractmethod
    def card(self, result: Result, trainer: Trainer) -> str:
        """Return the model card in Markdown."""


class Task(ABC):
    """One kind of training.

    Attributes
    ----------
    key
        The value of ``task`` in ``config.json``; ``None`` for language models.
    command
        The command that trains it.
    unit
        The unit of a reported loss: ``"char"``, ``"item"``, ``"label"``, ….
    model_type
        The class that loads its runs.
    result_type
        The dataclass of its results.
    """

    key: ClassVar[str | None]
    command: ClassVar[str]
    unit: ClassVar[str]
    model_type: ClassVar[Any]
    result_type: ClassVar[type[Any]]

    @abstractmethod
    def new_run(self, data: Data, start: Start, options: Mapping[str, Any]) -> NewRun:
        """Validate the options and return the run to create.

        Raises
        ------
        ConfigError
            An option is invalid.
        """

    @abstractmethod
    def open(self, folder: Path, start: Start) -> OpenRun:
        """Open a run for training, in each of the processes.

        Raises
        ------
        RunError, CorpusError
            The run is missing, damaged, of another task, or of a newer format.
        """
