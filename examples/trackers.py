"""Listeners that send the metrics of a training run to a tracker."""

from __future__ import annotations

from typing import Any

from nextchar.training.events import Event, Listener, StepDone, Validated


def mlflow_listener(mlflow: Any) -> Listener:
    """Log as MLflow does: metrics by name, with a step. Call within ``mlflow.start_run()``."""

    def log(event: Event) -> None:
        if isinstance(event, Validated):
            figures = {
                "train_nats_per_char": event.train_nats,
                "validation_nats_per_char": event.validation_nats,
                "learning_rate": event.learning_rate,
                "gradient_norm": event.gradient_norm,
            }
            mlflow.log_metrics({k: v for k, v in figures.items() if v is not None}, event.step)

    return log


def wandb_listener(run: Any, every: int = 10) -> Listener:
    """Log as Weights & Biases does: to the run returned by ``wandb.init()``."""

    def log(event: Event) -> None:
        if isinstance(event, StepDone) and event.step % every == 0:
            run.log({"train_nats_per_char": event.train_nats}, step=event.step)
        elif isinstance(event, Validated):
            run.log({"validation_nats_per_char": event.validation_nats}, step=event.step)

    return log
