"""The result of training on items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextchar.errors import RunError
from nextchar.training.checkpoint import METRICS_FILE
from nextchar.training.metrics import read_rows
from nextchar.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class ItemResult:
    """The figures of a finished or interrupted training.

    Attributes
    ----------
    run
        The run directory.
    unit
        The unit of losses.
    nats
        The validation loss of the best weights; without validation items, the last training loss.
    figures
        Other validation metrics of the best weights, by name.
    items, held_out
        Number of items in the training part and in the validation part.
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
        """Return the figures by name; names of losses include the unit."""
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

    @classmethod
    def of(
        cls, trainer: Trainer, folder: Path, *, unit: str, items: int, held_out: int
    ) -> ItemResult:
        """Return the figures of a training.

        Raises
        ------
        RunError
            ``metrics.jsonl`` has no row for the best step.
        """
        rows = read_rows(folder / METRICS_FILE, unit=unit)
        state = trainer.progress
        best = next((row for row in rows if row["step"] == state.best_step), None)
        if best is None:
            raise RunError(f"{folder / METRICS_FILE} is damaged: it has no row for the best step")
        last, loss = rows[-1], f"nats_per_{unit}"
        return cls(
            run=folder,
            unit=unit,
            nats=best.get(f"validation_{loss}", last[f"train_{loss}"]),
            train_nats=last[f"train_{loss}"],
            figures=_figures(best, unit),
            items=items,
            held_out=held_out,
            steps=state.step,
            steps_planned=trainer.steps,
            best_step=state.best_step or state.step,
            epochs=trainer.objective.epochs(state.step),
            parameters=trainer.network.parameter_count,
            seconds=state.seconds,
            chars_per_second=last["chars_per_second"],
        )


def _figures(row: Mapping[str, float], unit: str) -> dict[str, float]:
    """Return the validation metrics other than the loss."""
    losses = {f"{measure}_per_{unit}" for measure in ("nats", "bits")}
    measured = {
        name.removeprefix("validation_"): value
        for name, value in row.items()
        if name.startswith("validation_")
    }
    return {name: value for name, value in measured.items() if name not in losses}
