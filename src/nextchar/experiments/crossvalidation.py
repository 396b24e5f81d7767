"""What a cross-validation came to: the figures of each fold, their mean and their spread."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from nextchar.experiments.tables import markdown_table


@dataclass(frozen=True, kw_only=True)
class FoldFigures:
    """What the run came to that did not see one fold.

    Attributes
    ----------
    fold
        Its number, from 1.
    start, end
        Its first character and its end in the text.
    unknown
        Characters or letters of the fold that the vocabulary lacks, read as ``<unk>``.
    nats_per_char
        The lowest loss on the fold, that of the weights that are kept.
    last_nats_per_char
        The loss on the fold after the last step, which the fold did not choose.
    """

    fold: int
    start: int
    end: int
    unknown: int
    parameters: int
    steps: int
    seconds: float
    nats_per_char: float
    last_nats_per_char: float
    train_nats_per_char: float

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, each name with its unit."""
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
        """Give mean and standard deviation (n − 1) over the folds, of the best or last weights."""
        nats = [fold.last_nats_per_char if last else fold.nats_per_char for fold in self.folds]
        return statistics.mean(nats) / math.log(2), statistics.stdev(nats) / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Give mean, spread and folds as JSON can hold them."""
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
        """Give the table."""
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
