"""Runs of tasks: make a run directory from encoded items, train in it, resume it.

A run directory holds, beside what the task itself writes (``ItemModel.save_symbols``),

    config.json         the task and the whole configuration, with a format version
    model.safetensors   the weights that were best on what is held out
    metrics.jsonl       one row a validation
    README.md           a model card
    items/              the encoded items, so that resuming needs nothing else
    last/               everything that resume needs
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nextchar.compilation.cache import require_compiler
from nextchar.config import ItemRunConfig, TrainingConfig
from nextchar.errors import RunError
from nextchar.nn.autotune import fastest_arithmetic
from nextchar.nn.device import pick_device
from nextchar.nn.precision import require_chosen
from nextchar.run_files.model_files import load_run_config, save_config
from nextchar.storage import atomic_folder, storage_errors, write_bytes
from nextchar.tasks.budget import planned
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.model_card import model_card
from nextchar.tasks.objective import ItemObjective
from nextchar.training.checkpoint import LAST_FILE, METRICS_FILE
from nextchar.training.events import Listener, Noticed, Preparing, tell
from nextchar.training.extension import (
    More,
    complete_note,
    current,
    extend,
    load_extension,
)
from nextchar.training.folder import in_the_way_error, is_in_the_way, only_trainer
from nextchar.training.memory import keep_freed_memory
from nextchar.training.metrics import read_rows
from nextchar.training.planning import TRAINING_SHARE
from nextchar.training.plans import Plan
from nextchar.training.trainer import Trainer

ITEMS_FOLDER = "items"
CARD_FILE = "README.md"
_TRAIN, _VALIDATION = "train.safetensors", "validation.safetensors"

Model = ItemModel[Any]


@dataclass(frozen=True, kw_only=True)
class ItemResult:
    """What a training on items came to.

    Attributes
    ----------
    run
        The run directory.
    unit
        What losses are for.
    nats
        The loss of the kept weights on what was held out, or the last training loss where nothing
        was.
    figures
        What else was measured of the kept weights, by name.
    items, held_out
        Items that were learned from, and that were held out.
    """

    run: Path
    unit: str
    nats: float
    train_nats: float
    figures: dict[str, float]
    items: int
    held_out: int
    steps: int
    steps_planned: int
    best_step: int
    epochs: float
    parameters: int
    seconds: float
    chars_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, each name with its unit."""
        return {
            "run": str(self.run),
            **self.figures,
            f"nats_per_{self.unit}": self.nats,
            f"train_nats_per_{self.unit}": self.train_nats,
            "items": self.items,
            "held_out_items": self.held_out,
            "parameters": self.parameters,
            "steps": self.steps,
            "steps_planned": self.steps_planned,
            "stopped_early": self.steps < self.steps_planned,
            "best_step": self.best_step,
            "epochs": round(self.epochs, 3),
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.chars_per_second, 1),
        }


def train_items(
    model: Model,
    train: Examples,
    validation: Examples,
    out: Path,
    *,
    listeners: Sequence[Listener] = (),
    began: float | None = None,
) -> ItemResult:
    """Make a run directory, whole or not at all, and train in it.

    Parameters
    ----------
    model
        Untrained, or begun from another run; its ``config`` may leave steps and precision open.
    train, validation
        The encoded items; the second may be empty.
    out
        The run directory to make; it must not exist yet, or be empty.
    listeners
        Called with each event of the training.
    began
        Start of the time budget ``minutes`` (``time.monotonic``); ``None`` is now.

    Raises
    ------
    RunError
        Something stands in the way.
    ConfigError
        The minutes are too short for a step.
    Interrupted, NonFiniteLossError, StorageError
        As ``Trainer.fit``.
    """
    began = time.monotonic() if began is None else began
    keep_freed_memory()
    if is_in_the_way(out):
        raise in_the_way_error(out)
    model.network.to(pick_device(model.config.training.device))
    if model.device.type == "cpu":
        require_compiler()
    if model.config.training.minutes is not None:
        tell(listeners, Preparing(stage="measuring the speed", fraction=0.0))
    model.config = _decided(model, train, validation, began)
    told = model.config.training
    if told.minutes is not None:
        epochs = told.steps / ItemObjective(model, train).batches.steps_per_epoch
        note = f"planned for {told.minutes:g} min: {told.steps:,} steps, {epochs:.3g} epochs"
        tell(listeners, Noticed(message=f"{note} in {told.precision}"))
        _tell_long_start(told.minutes, time.monotonic() - began, listeners)
    with atomic_folder(out) as temporary:
        save_config(temporary, model.config, task=model.task)
        model.save_symbols(temporary)
        with storage_errors(temporary):
            (temporary / METRICS_FILE).touch()
            (temporary / LAST_FILE).parent.mkdir()
            (temporary / ITEMS_FOLDER).mkdir()
        train.save(temporary / ITEMS_FOLDER / _TRAIN)
        validation.save(temporary / ITEMS_FOLDER / _VALIDATION)
        # The first weights may come from elsewhere, and resuming must not need that.
        objective = ItemObjective(model, train)
        Trainer(model.network, objective, told, temporary, grown=model.grown).save()
    return _fit(model, train, validation, out, listeners)


def _tell_long_start(minutes: float, seconds: float, listeners: Sequence[Listener]) -> None:
    if seconds > (1 - TRAINING_SHARE) * minutes * 60:
        message = f"preparation took {seconds:.0f} s: the run takes longer than {minutes:g} min"
        tell(listeners, Noticed(message=message))


def resume_items(
    kind: type[Model],
    run: Path,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    learning_rate: float | None = None,
    listeners: Sequence[Listener] = (),
) -> ItemResult:
    """Go on with a run from where it was saved last; bit for bit as if it had not stopped.

    With steps or minutes, a finished run is trained further, as ``nextchar.resume`` does.

    Raises
    ------
    RunError
        The run is missing, damaged, of another task or a newer format, or in training elsewhere.
    CorpusError
        Its items are damaged.
    """
    began = time.monotonic()
    keep_freed_memory()
    more = More.of(steps, minutes, learning_rate)
    config = load_run_config(run, kind.config_type, task=kind.task)
    model = kind.untrained(run, config)
    model.network.to(pick_device(config.training.device))
    train, validation = (Examples.load(run / ITEMS_FOLDER / n) for n in (_TRAIN, _VALIDATION))
    if more is not None:

        def plan_in(training: TrainingConfig, seconds: float) -> Plan:
            trial = copy.copy(model)
            trial.config = config.with_options(validate_every=training.validate_every)
            return planned(trial, train, validation, minutes=seconds / 60, began=began)

        with only_trainer(run):
            extension = extend(run, config.training, more, plan_in)
        tell(listeners, Noticed(message=extension.description(config.training)))
    return _fit(model, train, validation, run, listeners)


def held_out_items(run: Path) -> Examples:
    """Read the items that a run has held out; ``CorpusError`` if they are damaged or missing."""
    return Examples.load(run / ITEMS_FOLDER / _VALIDATION)


def _fit(
    model: Model,
    train: Examples,
    validation: Examples,
    folder: Path,
    listeners: Sequence[Listener],
) -> ItemResult:
    with only_trainer(folder):
        objective = ItemObjective(model, train)
        extension = load_extension(folder)
        trainer = Trainer(
            model.network,
            objective,
            current(folder, model.config.training),
            folder,
            first_step=0 if extension is None else extension.first_step,
            grown=model.grown,
            validate=(lambda: model.measure(validation)) if len(validation) else None,
            listeners=listeners,
            command=f"nextchar {model.task} train",
        )
        trainer.restore()
        if trainer.is_finished:
            tell(listeners, Noticed(message=complete_note(folder)))
        trainer.fit()
        result = _result(model, trainer, folder, len(train), len(validation))
        card = model_card(result.to_dict(), model.task, asdict(model.config.network))
        write_bytes(folder / CARD_FILE, card.encode("utf-8", "backslashreplace"))
        return result


def _result(model: Model, trainer: Trainer, folder: Path, items: int, held_out: int) -> ItemResult:
    rows = read_rows(folder / METRICS_FILE, unit=model.unit)
    progress = trainer.progress
    best = next((row for row in rows if row["step"] == progress.best_step), None)
    if best is None:
        raise RunError(f"{folder / METRICS_FILE} is damaged: it has no row of the best step")
    last, loss = rows[-1], f"nats_per_{model.unit}"
    return ItemResult(
        run=folder,
        unit=model.unit,
        nats=best.get(f"validation_{loss}", last[f"train_{loss}"]),
        train_nats=last[f"train_{loss}"],
        figures=_figures(best, model.unit),
        items=items,
        held_out=held_out,
        steps=progress.step,
        steps_planned=trainer.config.steps,
        best_step=progress.best_step or progress.step,
        epochs=trainer.objective.epochs(progress.step),
        parameters=model.network.parameter_count,
        seconds=progress.seconds,
        chars_per_second=last["chars_per_second"],
    )


def _figures(row: Mapping[str, float], unit: str) -> dict[str, float]:
    """Give what a validation measured beside the loss."""
    losses = {f"{measure}_per_{unit}" for measure in ("nats", "bits")}
    measured = {
        name.removeprefix("validation_"): value
        for name, value in row.items()
        if name.startswith("validation_")
    }
    return {name: value for name, value in measured.items() if name not in losses}


def _decided(model: Model, train: Examples, validation: Examples, began: float) -> ItemRunConfig:
    """Settle what the options leave open: precision and steps."""
    config: ItemRunConfig = model.config
    training = config.training
    if training.precision == "auto":
        precision = fastest_arithmetic(config.network, training.batch_size, model.device)
        config = config.with_options(precision=precision)
    require_chosen(training.precision, model.device)
    model.config = config
    if training.minutes is not None:
        plan = planned(model, train, validation, minutes=training.minutes, began=began)
        return config.with_options(steps=plan.steps, validate_every=plan.validate_every)
    if config.items.epochs is None:
        return config
    per_epoch = ItemObjective(model, train).batches.steps_per_epoch
    return config.with_options(steps=math.ceil(config.items.epochs * per_epoch))
