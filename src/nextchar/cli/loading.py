"""Load the model of a run from the requested weights; note unusual weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nextchar.cli.output import write_note

if TYPE_CHECKING:
    from nextchar.config import TrainingConfig
    from nextchar.language_model.model import LanguageModel

CHECKPOINT: Any = typer.Option(
    "best",
    "--checkpoint",
    help="Weights to use: best, last (the newest), or a step kept by --keep-checkpoints.",
)


def load_model(run: Path, *, device: str, checkpoint: str) -> LanguageModel:
    """Load a language model, with a note if its weights come from an unfinished training run."""
    from nextchar.language_model.model import LanguageModel

    model = LanguageModel.load(run, device=device, checkpoint=checkpoint)
    tell_weights(run, model.config.training, checkpoint)
    return model


def tell_weights(run: Path, training: TrainingConfig, checkpoint: str) -> None:
    """Note the step of the weights, unless they are the best of a finished training."""
    from nextchar.run_files.model_files import weights_note

    note = weights_note(run, training, checkpoint)
    if note is not None:
        write_note(note)
