"""What people load of a task's run: a network, and what turns items to numbers and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.config import ItemRunConfig
from nextchar.config.arguments import checked
from nextchar.nn.device import pick_device
from nextchar.nn.parameters import load_parameters
from nextchar.nn.trainable import Trainable, evaluating
from nextchar.run_files.model_files import load_run_config, load_weights
from nextchar.runs import ResumeOptions, resume
from nextchar.tasks.examples import Batch, Examples
from nextchar.tasks.result import ItemResult
from nextchar.text.files import Input
from nextchar.training.freezing import GrownWeight
from nextchar.training.loss import Loss
from nextchar.training.objective import Measured

ConfigT = TypeVar("ConfigT", bound=ItemRunConfig)


class ItemModel(ABC, Generic[ConfigT]):
    """A network that was made for a task, with what it takes to speak of items.

    Attributes
    ----------
    task
        The task's command, as in ``nextchar classify train``; it stands in ``config.json``.
    config_type
        What kind of configuration its runs have.
    unit
        What a reported loss is for: ``"item"``, ``"label"``, ….
    config, network
        Of this one.
    """

    task: ClassVar[str]
    config_type: ClassVar[type[ItemRunConfig]]
    unit: ClassVar[str]

    config: ConfigT
    network: Trainable

    @classmethod
    @checked
    def load(cls, path: str | Path, *, device: str = "cpu", checkpoint: str | int = "best") -> Self:
        """Read a model from a run directory; ``checkpoint`` is as in ``LanguageModel.load``.

        Raises
        ------
        RunError
            No run of this task is there, it is damaged, or a newer nextchar wrote it.
        """
        folder = Path(path)
        model = cls.untrained(folder, load_run_config(folder, cls.config_type, task=cls.task))
        load_parameters(model.network, load_weights(folder, checkpoint))
        model.network.to(pick_device(device)).eval()
        return model

    @classmethod
    def resume(cls, run: Input, **options: Unpack[ResumeOptions]) -> ItemResult:
        """Continue a run, or train it further; see ``nextchar.resume``."""
        result: ItemResult = resume(run, task=cls.task, **options)
        return result

    @classmethod
    @abstractmethod
    def untrained(cls, folder: Path, config: Any) -> Self:  # noqa: ANN401  (each has its own)
        """Make the model of a run as it was before its training; it follows from the seed.

        Reads what ``save_symbols`` wrote.
        """

    @abstractmethod
    def save_symbols(self, folder: Path) -> None:
        """Write what turns items to numbers: vocabularies, labels, …."""

    @abstractmethod
    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Give the symbols of each item, int64[N]: items of similar lengths are read together."""

    @abstractmethod
    def compute_loss(self, examples: Examples, batch: Batch, generator: torch.Generator) -> Loss:
        """Return the mean loss of this process's items of a batch, in training mode.

        It is called in the arithmetic of the training; the generator draws everything random.
        """

    def loss_counts(self, examples: Examples, items: NDArray[np.int64]) -> tuple[int, int]:  # noqa: ARG002
        """Return the counts that the two means of a loss are over, for some items.

        The first is of the minimised loss, the second of the reported one. They weight the losses
        of the processes that share a batch.
        """
        return len(items), len(items)

    def measure(self, examples: Examples) -> Measured:
        """Measure the network on held-out items, whatever its mode."""
        with evaluating(self.network):
            return self._measured(examples)

    def rehearse(self, examples: Examples) -> None:
        """Do the same amount of work as ``measure`` on a trained network, to time it."""
        self.measure(examples)

    @abstractmethod
    def _measured(self, examples: Examples) -> Measured:
        """Measure the network, which is in evaluation mode."""

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        return self.network.parameter_count

    @property
    @abstractmethod
    def summary(self) -> str:
        """Its inputs and outputs, in a few words."""

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: {self.config.network.summary}, {self.summary}, "
            f"{self.parameters:,} parameters>"
        )

    @property
    def grown(self) -> GrownWeight | None:
        """Where new symbols enter a network that was begun with others, if it was."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device
