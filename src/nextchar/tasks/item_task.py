"""Tasks on separate items: texts with labels, tags, targets or conditions.

In addition to the files of every run (``runs.training``) and of the task
(``ItemModel.save_symbols``), a run directory contains

    items/              the encoded items; resuming needs no other data
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from nextchar.compilation.cache import require_compiler
from nextchar.config import ItemRunConfig, TrainingConfig
from nextchar.errors import CorpusError
from nextchar.nn.autotune import fastest_arithmetic
from nextchar.nn.precision import require_chosen
from nextchar.run_files.model_files import load_run_config, require_fit, save_config
from nextchar.run_files.origin import require_own_start
from nextchar.run_files.seals import seal_of
from nextchar.runs.task import Data, NewRun, OpenRun, Result, Start, Task
from nextchar.storage import atomic_folder, storage_errors
from nextchar.tasks.budget import planned
from nextchar.tasks.card import model_card
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.objective import ItemObjective
from nextchar.tasks.result import ItemResult
from nextchar.training.checkpoint import LAST_FILE, METRICS_FILE
from nextchar.training.events import Noticed, Preparing, tell
from nextchar.training.objective import ValidationResult
from nextchar.training.planning import TRAINING_SHARE
from nextchar.training.plans import Plan
from nextchar.training.trainer import Trainer

ITEMS_FOLDER = "items"
_TRAIN, _VALIDATION = "train.safetensors", "validation.safetensors"

Model = ItemModel[Any]
ModelT = TypeVar("ModelT", bound=Model)


@dataclass(frozen=True)
class PreparedItems(Generic[ModelT]):
    """An untrained model, or one initialised from another, and its encoded items.

    Attributes
    ----------
    model
        The model. Its ``config`` may leave steps and precision undecided.
    train, validation
        The training part and the validation part, which may be empty.
    """

    model: ModelT
    train: Examples
    validation: Examples


class ItemTask(Task):
    """A task on items.

    Attributes
    ----------
    item_model
        The class of the model to train.
    """

    item_model: ClassVar[type[Model]]
    result_type = ItemResult

    @abstractmethod
    def reader(
        self,
        data: Data,
        start: Start,
        **options: Any,  # noqa: ANN401  (each task has its own)
    ) -> Callable[[], PreparedItems[Any]]:
        """Check the options, and return the function that reads the items."""

    def new_run(self, data: Data, start: Start, options: Mapping[str, Any]) -> NewRun:
        """Check the options, and return the run to create."""
        return NewItemRun(self.reader(data, start, **options), start)

    def open(self, folder: Path, start: Start) -> OpenRun:
        """Open the run with its items."""
        config = load_run_config(folder, self.item_model.config_type, task=self.key)
        last = folder / LAST_FILE
        if last.exists():
            require_fit(folder, last, lambda: self.item_model.untrained(folder, config).network)
        else:
            require_own_start(folder)
        model = self.item_model.untrained(folder, config, drawn=not last.exists())
        model.network.to(start.processes.device(config.training.device))
        start.note_precision(folder, config.training.precision, model.device)
        if model.device.type == "cpu":
            require_compiler()
        return OpenItemRun(folder, model, start)


@dataclass(frozen=True)
class NewItemRun:
    """A run on items, to be created.

    Attributes
    ----------
    read
        Function that reads the items and returns them with an untrained model.
    start
        The processes, the listeners and the time of the start.
    """

    read: Callable[[], PreparedItems[Any]]
    start: Start

    def write(self, folder: Path) -> None:
        """Create the run directory atomically."""
        prepared, listeners = self.read(), self.start.listeners
        model, train = prepared.model, prepared.train
        model.network.to(self.start.processes.device(model.config.training.device))
        if model.device.type == "cpu":
            require_compiler()
        if model.config.training.minutes is not None:
            tell(listeners, Preparing(stage="measuring the speed", fraction=0.0))
        model.config, validation_seconds = _decided(prepared, self.start)
        training = model.config.training
        if training.minutes is not None:
            self._tell_plan(prepared)
        with atomic_folder(folder) as temporary:
            save_config(temporary, model.config, task=model.task)
            model.save_symbols(temporary)
            with storage_errors(temporary):
                (temporary / METRICS_FILE).touch()
                (temporary / LAST_FILE).parent.mkdir()
                (temporary / ITEMS_FOLDER).mkdir()
            train.save(temporary / ITEMS_FOLDER / _TRAIN)
            prepared.validation.save(temporary / ITEMS_FOLDER / _VALIDATION)
            # Initial weights may come from another run. Resuming must not need that run.
            objective = ItemObjective(model, train)
            seal = seal_of(temporary)
            trainer = Trainer(
                model.network, objective, training, temporary, grown=model.grown, seal=seal
            )
            trainer.progress.validation_seconds = validation_seconds
            trainer.save()

    def _tell_plan(self, prepared: PreparedItems[Any]) -> None:
        training, seconds = prepared.model.config.training, self.start.spent()
        minutes = training.minutes or 0.0
        epochs = training.steps / _steps_per_epoch(prepared)
        plan = f"planned for {minutes:g} min: {training.steps:,} steps, {epochs:.3g} epochs"
        tell(self.start.listeners, Noticed(message=f"{plan} in {training.precision}"))
        if seconds > (1 - TRAINING_SHARE) * minutes * 60:
            long = f"preparation took {seconds:.0f} s: the run takes longer than {minutes:g} min"
            tell(self.start.listeners, Noticed(message=long))


class OpenItemRun(OpenRun):
    """A run on items, opened for training.

    Raises
    ------
    CorpusError
        The items of the run are damaged.
    """

    def __init__(self, folder: Path, model: Model, start: Start) -> None:
        processes = start.processes
        self._folder = folder
        self._model = model
        self._train = _items(folder / ITEMS_FOLDER / _TRAIN, model)
        if not len(self._train):
            raise CorpusError(f"{folder / ITEMS_FOLDER / _TRAIN} is damaged: it has no items")
        self._validation = held_out_items(folder, model)
        self.training = model.config.training
        self.network = model.network
        self.grown = model.grown
        self.has_validation = len(self._validation) > 0
        self.objective = ItemObjective(
            model, self._train, rank=processes.rank, world=processes.world
        )

    def validate(self) -> ValidationResult:
        """Return the metrics of the model on the validation part."""
        return self._model.measure(self._validation)

    def plan(self, training: TrainingConfig, seconds: float, start: Start) -> Plan:
        """Return a plan of the steps and validations that fit into ``seconds``."""
        config = self._model.config.with_options(validate_every=training.validate_every)
        trial = self._model.untrained(self._folder, config)
        trial.network.to(self._model.device)
        return planned(
            trial,
            self._train,
            self._validation,
            minutes=seconds / 60,
            spent=start.spent,
            world=start.processes.world,
        )

    def result(self, trainer: Trainer) -> ItemResult:
        """Return the figures of the training."""
        return ItemResult.of(
            trainer,
            self._folder,
            unit=self._model.unit,
            items=len(self._train),
            held_out=len(self._validation),
        )

    def card(self, result: Result, trainer: Trainer) -> str:  # noqa: ARG002
        """Return the model card."""
        model = self._model
        return model_card(result.to_dict(), model.task, asdict(model.config.network))


def held_out_items(run: Path, model: Model) -> Examples:
    """Return the validation part of a run; raise ``CorpusError`` if it is damaged or missing."""
    return _items(run / ITEMS_FOLDER / _VALIDATION, model)


def _items(path: Path, model: Model) -> Examples:
    examples = Examples.load(path)
    try:
        model.require_items(examples)
    except CorpusError as error:
        raise CorpusError(f"{path} is damaged: {error.in_both_terms}") from error
    return examples


def _decided(prepared: PreparedItems[Any], start: Start) -> tuple[ItemRunConfig, float]:
    """Return the configuration with the precision and the steps decided.

    The second value is the time of a validation, in seconds; 0 if it was not measured.
    """
    model, world = prepared.model, start.processes.world
    config: ItemRunConfig = model.config
    training = config.training
    if training.precision == "auto":
        batch = max(1, training.batch_size // world)
        precision = fastest_arithmetic(config.network, batch, model.device)
        config = config.with_options(precision=precision)
    require_chosen(training.precision, model.device)
    model.config = config
    if training.minutes is not None:
        plan = planned(
            model,
            prepared.train,
            prepared.validation,
            minutes=training.minutes,
            spent=start.spent,
            world=world,
        )
        planned_config = config.with_options(steps=plan.steps, validate_every=plan.validate_every)
        return planned_config, plan.validation_seconds
    if config.items.epochs is None:
        return config, 0.0
    steps = math.ceil(config.items.epochs * _steps_per_epoch(prepared))
    return config.with_options(steps=steps), 0.0


def _steps_per_epoch(prepared: PreparedItems[Any]) -> int:
    return ItemObjective(prepared.model, prepared.train).batches.steps_per_epoch
