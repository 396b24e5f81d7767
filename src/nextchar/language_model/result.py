"""The result of training a language model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextchar.evaluation import perplexity


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The metrics of a finished training run.

    Attributes
    ----------
    run
        The run directory.
    steps, steps_planned
        Steps done, and steps planned; fewer are done after early stopping.
    best_step
        The step of the best weights.
    nats_per_char
        Best loss on the validation part; without one, the last training loss.
    train_nats_per_char
        The last training loss.
    parameters
        Number of parameters of the network.
    characters
        Characters read in training, over all epochs.
    seconds
        Time of the run, including the time before it was resumed.
    chars_per_second
        Training speed.
    """

    run: Path
    steps: int
    steps_planned: int
    best_step: int
    nats_per_char: float
    train_nats_per_char: float
    parameters: int
    characters: int
    seconds: float
    chars_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics by name; each name includes the unit."""
        return {
            "run": str(self.run),
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.nats_per_char / math.log(2),
            "perplexity": perplexity(self.nats_per_char),
            "train_nats_per_char": self.train_nats_per_char,
            "train_bits_per_char": self.train_nats_per_char / math.log(2),
            "parameters": self.parameters,
            "steps": self.steps,
            "steps_planned": self.steps_planned,
            "stopped_early": self.steps < self.steps_planned,
            "best_step": self.best_step,
            "characters": self.characters,
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.chars_per_second, 1),
        }
