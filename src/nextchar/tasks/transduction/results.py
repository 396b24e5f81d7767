"""The results of a transducer: outputs, attention maps and evaluation.

Legend: T symbols of the target, S of the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.tasks.examples import Examples
from nextchar.tasks.transduction.decoding import DecodedTarget
from nextchar.tasks.transduction.edit_distance import count_errors
from nextchar.tasks.transduction.symbols import SOURCE, TARGET, PairCodec


@dataclass(frozen=True, kw_only=True)
class Transduction:
    """The output for a source text.

    Attributes
    ----------
    text
        The output.
    log_probability
        The sum of the log-probabilities of the symbols and the end, in nats.
    score
        The log-probability with the length penalty, for ranking.
    reached_limit
        Whether the length limit forced the end.
    """

    text: str
    log_probability: float
    score: float
    reached_limit: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionMap:
    """The attention weights of an output.

    Attributes
    ----------
    source, target
        The symbols, [S] and [T].
    weights
        The weight of each source position for each target symbol, [T, S]. Rows sum to 1.
    output
        The output.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.float64]
    output: Transduction

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-compatible values, with weights rounded to 6 digits."""
        return {
            "source": list(self.source),
            "target": list(self.target),
            "weights": [[round(each, 6) for each in row] for row in self.weights.tolist()],
            "output": self.output.to_dict(),
        }


class Mismatch(NamedTuple):
    """An item whose output differs from its target."""

    source: str
    target: str
    written: str


@dataclass(frozen=True, kw_only=True)
class TransductionEvaluation:
    """The evaluation of a transducer on pairs.

    Attributes
    ----------
    items
        Number of items.
    beam
        The beam width.
    symbol_error_rate
        The sum of edit distances divided by the total length of the references, in target symbols.
    sequence_error_rate
        Share of items with an output other than the reference. For pronunciations, it is the word
        error rate.
    nats_per_symbol
        The mean loss of the references, over their symbols and ends.
    reached_limit
        Number of outputs with an end forced by the length limit.
    seconds
        Duration of the decoding.
    mismatches
        The items whose output differs from the reference.
    """

    items: int
    beam: int
    symbol_error_rate: float
    sequence_error_rate: float
    nats_per_symbol: float
    reached_limit: int
    seconds: float
    mismatches: tuple[Mismatch, ...]

    @classmethod
    def of(
        cls,
        symbols: PairCodec,
        examples: Examples,
        best: Sequence[DecodedTarget],
        *,
        beam: int,
        nats_per_symbol: float,
        seconds: float,
    ) -> TransductionEvaluation:
        """Return the evaluation of the best output of each item against its target."""
        sources, targets = examples.texts[SOURCE], examples.texts[TARGET]
        errors = count_errors([each.symbols for each in best], targets)
        return cls(
            items=len(examples),
            beam=beam,
            symbol_error_rate=errors.symbol_error_rate,
            sequence_error_rate=errors.sequence_error_rate,
            nats_per_symbol=nats_per_symbol,
            reached_limit=sum(each.reached_limit for each in best),
            seconds=seconds,
            mismatches=tuple(
                Mismatch(
                    symbols.source.decode(sources[item]),
                    symbols.target.decode(targets[item]),
                    symbols.target.decode(best[item].symbols),
                )
                for item in np.flatnonzero(errors.distances).tolist()
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, without the mismatches."""
        figures = asdict(self)
        del figures["mismatches"]
        return {**figures, "items_per_second": round(self.items / max(self.seconds, 1e-9), 1)}
