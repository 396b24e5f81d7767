"""The errors of a network on a text as they were classified; ``errors`` classifies them.

Shapes: T symbols of a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from nextchar.inspection.pairs import Distance
from nextchar.inspection.sample import Sample

THRESHOLD = 0.5  # a probability
MEMORY = 1_000  # symbols
RARE = 5  # occurrences of a word that is not rare

Kind: TypeAlias = Literal["n-gram", "long memory", "rare word", "word model", "punctuation", "rest"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True)
class Share:
    """Some of the errors.

    Attributes
    ----------
    errors
        Their number.
    nats
        The sum of their losses.
    """

    errors: int
    nats: float


@dataclass(frozen=True, kw_only=True)
class NgramFigures:
    """The n-gram on the same predictions.

    Attributes
    ----------
    order
        The number of symbols, with the predicted one.
    errors
        The number of its own errors.
    nats
        The sum of its losses over all predictions.
    """

    order: int
    errors: int
    nats: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrorReport:
    """The errors of a network on a text.

    Attributes
    ----------
    name
        The name of the run.
    network
        The cells, such as ``"lstm 256"``.
    unit
        The name of several symbols.
    sample
        The text, T symbols.
    nats
        The sum of the losses of all predictions.
    kinds
        The errors of each kind, in the order in which they were removed; their sum is all errors.
        The n-gram is missing without counts.
    ngram
        The n-gram; ``None`` without counts.
    rare_in
        The text whose words were counted.
    distances
        The closing brackets and quotes by distance; none if the text has no pair.
    notes
        What was left out, or read in part, one line each.
    """

    name: str
    network: str
    unit: str
    sample: Sample
    nats: float
    kinds: Mapping[Kind, Share]
    ngram: NgramFigures | None
    rare_in: str
    distances: tuple[Distance, ...]
    notes: tuple[str, ...]

    @property
    def predictions(self) -> int:
        """The number of predictions, T − 1."""
        return len(self.sample.ids) - 1

    @property
    def all(self) -> Share:
        """All errors."""
        shares = self.kinds.values()
        return Share(
            errors=sum(each.errors for each in shares), nats=sum(each.nats for each in shares)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; shares are 0 to 1."""
        errors, predictions = self.all, self.predictions
        return {
            "run": self.name,
            "network": self.network,
            **self.sample.to_dict(),
            "threshold": THRESHOLD,
            "predictions": predictions,
            "mean_nats": self.nats / predictions,
            "errors": errors.errors,
            "errors_share_of_predictions": errors.errors / predictions,
            "errors_share_of_nats": errors.nats / self.nats,
            "kinds": [
                {
                    "kind": kind,
                    "errors": share.errors,
                    "share_of_errors": share.errors / max(1, errors.errors),
                    "nats": share.nats,
                    "share_of_nats": share.nats / (errors.nats or 1.0),
                }
                for kind, share in self.kinds.items()
            ],
            "ngram": None
            if self.ngram is None
            else {
                "order": self.ngram.order,
                "errors": self.ngram.errors,
                "mean_nats": self.ngram.nats / predictions,
            },
            "memory_symbols": MEMORY,
            "rare_below_occurrences": RARE,
            "rare_in": self.rare_in,
            "unit": self.unit,
            "pairs": [each.to_dict() for each in self.distances],
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Return the tables for a terminal."""
        from nextchar.inspection.error_words import error_lines

        return error_lines([self])

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the shares of the kinds, and the improvement by distance.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.error_plots import plot_errors

        return plot_errors([self])
