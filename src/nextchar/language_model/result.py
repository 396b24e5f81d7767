"""The outcome of training a language model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextchar.evaluation import perplexity


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The figures of a finished or interrupted training.

    Attributes
    ----------
    run
        The run directory.
    nats_per_char
        Best loss on the validation part, or the last training loss where nothing is held out.
    characters
        Characters read in training, over all epochs.
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
        """Return the figures by name; each name carries its unit."""
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
