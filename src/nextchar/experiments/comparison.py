"""Results of a comparison: metrics of each run, and of each variant over its seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nextchar.config.records import bounded
from nextchar.errors import ConfigError
from nextchar.experiments.tables import markdown_table


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The results of one run.

    Attributes
    ----------
    variant
        Name of the variant.
    nats_per_char
        The lowest validation loss.
    generated_chars_per_second
        Speed of generation in the compiled loop, for one text in float32.
    curve
        Seconds of training and validation nats per character, a pair for each validation.
    sample
        A generated text.
    """

    variant: str
    seed: int = bounded(at_least=0)
    parameters: int = bounded(at_least=1)
    hidden_size: int = bounded(at_least=1)
    steps: int = bounded(at_least=1)
    seconds: float = bounded(at_least=0)
    nats_per_char: float
    train_nats_per_char: float
    chars_per_second: float = bounded(at_least=0)
    generated_chars_per_second: float = bounded(at_least=0)
    curve: list[tuple[float, float]]
    sample: str

    def __post_init__(self) -> None:
        points: Sequence[Any] = self.curve
        for point in points:
            is_pair = isinstance(point, list | tuple) and len(point) == 2
            if not (is_pair and all(map(_is_finite, point))):
                raise ConfigError(f"curve must be pairs of finite numbers; got {point!r:.80}")
        # Read from JSON, the pairs are lists.
        object.__setattr__(self, "curve", [(seconds, nats) for seconds, nats in self.curve])


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Group:
    """The runs of one variant, one per seed."""

    variant: str
    runs: tuple[Figures, ...]

    @property
    def mean_bits(self) -> float:
        """Mean of the runs' validation bits per character."""
        return statistics.mean(run.nats_per_char for run in self.runs) / math.log(2)

    @property
    def deviation_bits(self) -> float:
        """Standard deviation (n − 1) of validation bits per character; 0 for a single run."""
        bits = [run.nats_per_char / math.log(2) for run in self.runs]
        return statistics.stdev(bits) if len(bits) > 1 else 0.0

    def median(self, name: str) -> float:
        """Return the median of a metric over the runs."""
        return float(statistics.median(getattr(run, name) for run in self.runs))

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics by name; the names include the units."""
        return {
            "variant": self.variant,
            "seeds": [run.seed for run in self.runs],
            "parameters": self.median("parameters"),
            "hidden_size": self.median("hidden_size"),
            "steps": self.median("steps"),
            "seconds": self.median("seconds"),
            "bits_per_char_mean": self.mean_bits,
            "bits_per_char_sd": self.deviation_bits,
            "nats_per_char_mean": self.mean_bits * math.log(2),
            "train_bits_per_char_median": self.median("train_nats_per_char") / math.log(2),
            "chars_per_second": self.median("chars_per_second"),
            "generated_chars_per_second": self.median("generated_chars_per_second"),
            "curves_seconds_nats_per_char": [run.curve for run in self.runs],
            "sample": self.runs[0].sample,
        }


@dataclass(frozen=True)
class Comparison:
    """All variants, best first."""

    groups: tuple[Group, ...]

    @classmethod
    def of(cls, figures: Sequence[Figures]) -> Comparison:
        """Group runs by variant."""
        names = list(dict.fromkeys(each.variant for each in figures))
        groups = [Group(n, tuple(each for each in figures if each.variant == n)) for n in names]
        return cls(tuple(sorted(groups, key=lambda group: group.mean_bits)))

    def to_dict(self) -> dict[str, Any]:
        """Return all variants as JSON values."""
        return {"variants": [group.to_dict() for group in self.groups]}

    def markdown(self) -> str:
        """Return the results as a Markdown table."""
        head = ("", "H", "weights", "steps", "s", "chars/s", "bits/char", "training", "writes/s")
        return markdown_table(head, [_cells(group) for group in self.groups])


def _cells(group: Group) -> list[str]:
    spread = f" ± {group.deviation_bits:.3f}" if len(group.runs) > 1 else ""
    return [
        group.variant,
        f"{group.median('hidden_size'):.0f}",
        f"{group.median('parameters'):,.0f}",
        f"{group.median('steps'):,.0f}",
        f"{group.median('seconds'):.0f}",
        f"{group.median('chars_per_second'):,.0f}",
        f"{group.mean_bits:.3f}{spread}",
        f"{group.median('train_nats_per_char') / math.log(2):.3f}",
        f"{group.median('generated_chars_per_second'):,.0f}",
    ]
