"""Results of a cross-validation: metrics of each fold, their mean and standard deviation."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from nextchar.config.records import bounded
from nextchar.experiments.tables import markdown_table


@dataclass(frozen=True, kw_only=True)
class FoldFigures:
    """The results of the run with one fold held out.

    Attributes
    ----------
    fold
        Number of the fold, from 1.
    start, end
        Start and end of the fold in the text, in characters.
    unknown
        Number of unknown characters or letters in the fold, read as ``<unk>``.
    nats_per_char
        The lowest loss on the fold, with the saved weights.
    last_nats_per_char
        The loss on the fold after the last step. Unlike the lowest loss, it involves no model
        selection on the fold.
    """

    fold: int = bounded(at_least=1)
    start: int = bounded(at_least=0)
    end: int = bounded(at_least=0)
    unknown: int = bounded(at_least=0)
    parameters: int = bounded(at_least=1)
    steps: int = bounded(at_least=1)
    seconds: float = bounded(at_least=0)
    nats_per_char: float
    last_nats_per_char: float
    train_nats_per_char: float

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics by name; the names include the units."""
        return {
            "fold": self.fold,
            "start_char": self.start,
            "end_char": self.end,
            "unknown_symbols": self.unknown,
            "parameters": self.parameters,
            "steps": self.steps,
            "seconds": self.seconds,
            "bits_per_char": self.nats_per_char / math.log(2),
            "nats_per_char": self.nats_per_char,
            "last_bits_per_char": self.last_nats_per_char / math.log(2),
            "last_nats_per_char": self.last_nats_per_char,
            "train_bits_per_char": self.train_nats_per_char / math.log(2),
        }


@dataclass(frozen=True)
class CrossValidation:
    """All folds, in the order of the text."""

    folds: tuple[FoldFigures, ...]

    def bits(self, *, last: bool = False) -> tuple[float, float]:
        """Return the mean and standard deviation (n − 1) over folds, of best or last weights."""
        nats = [fold.last_nats_per_char if last else fold.nats_per_char for fold in self.folds]
        return statistics.mean(nats) / math.log(2), statistics.stdev(nats) / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Return the mean, the standard deviation and all folds as JSON values."""
        (mean, deviation), (last_mean, last_deviation) = self.bits(), self.bits(last=True)
        return {
            "bits_per_char_mean": mean,
            "bits_per_char_sd": deviation,
            "nats_per_char_mean": mean * math.log(2),
            "nats_per_char_sd": deviation * math.log(2),
            "last_bits_per_char_mean": last_mean,
            "last_bits_per_char_sd": last_deviation,
            "folds": [fold.to_dict() for fold in self.folds],
        }

    def markdown(self) -> str:
        """Return the results as a Markdown table."""
        head = "fold", "characters", "unknown", "steps", "s", "bits/char", "at the end", "training"
        rows = [
            [
                f"{fold.fold}",
                f"{fold.start:,}–{fold.end:,}",
                f"{fold.unknown:,}",
                f"{fold.steps:,}",
                f"{fold.seconds:.0f}",
                f"{fold.nats_per_char / math.log(2):.3f}",
                f"{fold.last_nats_per_char / math.log(2):.3f}",
                f"{fold.train_nats_per_char / math.log(2):.3f}",
            ]
            for fold in self.folds
        ]
        means = [f"{mean:.3f} ± {sd:.3f}" for mean, sd in (self.bits(), self.bits(last=True))]
        return markdown_table(head, [*rows, ["mean ± sd", "", "", "", "", *means, ""]])
