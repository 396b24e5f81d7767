"""The base class of models on items: a network with the encoding of its inputs and outputs."""

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
from nextchar.tasks.examples import Examples, ItemBatch
from nextchar.tasks.result import ItemResult
from nextchar.tasks.schema import Schema
from nextchar.text.files import Input
from nextchar.training.freezing import GrownWeight
from nextchar.training.loss import Loss
from nextchar.training.objective import ValidationResult

ConfigT = TypeVar("ConfigT", bound=ItemRunConfig)


class ItemModel(ABC, Generic[ConfigT]):
    """A network for a task, with the encoding of its inputs and outputs.

    Attributes
    ----------
    task
        The task's command, as in ``nextchar classify train``; ``config.json`` contains it.
    config_type
        The class of the run's configuration.
    unit
        The unit of a reported loss: ``"item"``, ``"label"``, ….
    config, network
        The configuration and the network of this model.
    """

    task: ClassVar[str]
    config_type: ClassVar[type[ItemRunConfig]]
    unit: ClassVar[str]

    config: ConfigT
    network: Trainable

    @classmethod
    @checked
    def load(cls, run: Input, *, device: str = "cpu", checkpoint: str | int = "best") -> Self:
        """Read a model from a run directory; ``checkpoint`` is as in ``LanguageModel.load``.

        Raises
        ------
        RunError
            The directory has no run of this task, the run is damaged, or it is from a newer
            version of nextchar.
        """
        folder = Path(run)
        config = load_run_config(folder, cls.config_type, task=cls.task)
        weights = load_weights(folder, lambda: cls.untrained(folder, config).network, checkpoint)
        model = cls.untrained(folder, config, drawn=False)
        load_parameters(model.network, weights)
        model.network.to(pick_device(device)).eval()
        return model

    @classmethod
    @checked
    def resume(cls, run: Input, **options: Unpack[ResumeOptions]) -> ItemResult:
        """Continue a run, or train it further; see ``nextchar.resume``."""
        result: ItemResult = resume(run, task=cls.task, **options)
        return result

    @classmethod
    @abstractmethod
    def untrained(
        cls,
        folder: Path,
        config: Any,  # noqa: ANN401  (each task has its own)
        *,
        drawn: bool = True,
    ) -> Self:
        """Return the model of a run in its initial state, which depends only on the seed.

        Vocabularies and labels are read from the files of ``save_symbols``.

        Parameters
        ----------
        folder, config
            The run directory, and its configuration.
        drawn
            Whether to draw the initial weights; not needed for weights that are loaded.
        """

    @abstractmethod
    def save_symbols(self, folder: Path) -> None:
        """Write everything that the encoding needs: vocabularies, labels, …."""

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """The columns of the encoded items."""

    def require_items(self, examples: Examples) -> None:
        """Raise ``CorpusError`` unless items can be those of this model."""
        self.schema.require(examples)

    @abstractmethod
    def lengths(self, examples: Examples) -> NDArray[np.int64]:
        """Return the number of symbols of each item, int64[N].

        Items of similar lengths are batched together.
        """

    @abstractmethod
    def compute_loss(
        self, examples: Examples, batch: ItemBatch, generator: torch.Generator
    ) -> Loss:
        """Return the mean loss of this process's items of a batch, in training mode.

        The caller has set the training precision. All randomness comes from the generator.
        """

    def loss_counts(self, examples: Examples, items: NDArray[np.int64]) -> tuple[int, int]:  # noqa: ARG002
        """Return the denominators of the minimised and of the reported mean loss, for some items.

        They weight the losses of the processes that share a batch.
        """
        return len(items), len(items)

    def measure(self, examples: Examples) -> ValidationResult:
        """Return the metrics of the network on validation items, in evaluation mode."""
        with evaluating(self.network):
            return self._measured(examples)

    def rehearse(self, examples: Examples) -> None:
        """Do the same amount of work as ``measure`` on a trained network, to time it."""
        self.measure(examples)

    @abstractmethod
    def _measured(self, examples: Examples) -> ValidationResult:
        """Return the metrics of the network, which is already in evaluation mode."""

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        return self.network.parameter_count

    @property
    @abstractmethod
    def summary(self) -> str:
        """A short description of the inputs and outputs."""

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: {self.config.network.summary}, {self.summary}, "
            f"{self.parameters:,} parameters>"
        )

    @property
    def grown(self) -> GrownWeight | None:
        """The input weights extended for new symbols, if the model was pretrained."""
        return None

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.network.parameters()).device
