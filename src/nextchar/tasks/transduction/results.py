"""What a transducer gives, and how it is reported.

Legend: T symbols of the target, S of the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.tasks.examples import Examples
from nextchar.tasks.transduction.decoding import Written
from nextchar.tasks.transduction.edit_distance import count_errors
from nextchar.tasks.transduction.symbols import SOURCE, TARGET, PairCodec


@dataclass(frozen=True, kw_only=True)
class Transduction:
    """A text that was written for another.

    Attributes
    ----------
    text
        The target.
    log_probability
        In nats: the sum over its symbols and its end.
    score
        What it is ranked by; without a length penalty the same.
    reached_limit
        Whether it ended only because it may not be longer.
    """

    text: str
    log_probability: float
    score: float
    reached_limit: bool

    def to_dict(self) -> dict[str, Any]:
        """Give the fields by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionMap:
    """Where a network looked.

    Attributes
    ----------
    source, target
        The symbols, [S] and [T].
    weights
        Of each place of the source when a symbol of the target was written, [T, S]; each row has
        the sum 1.
    output
        The text that was written.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.float64]
    output: Transduction

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return {
            "source": list(self.source),
            "target": list(self.target),
            "weights": [[round(each, 6) for each in row] for row in self.weights.tolist()],
            "output": self.output.to_dict(),
        }


class Wrong(NamedTuple):
    """An item that was not written as it should be."""

    source: str
    target: str
    written: str


@dataclass(frozen=True, kw_only=True)
class TransductionEvaluation:
    """How well targets are written.

    Attributes
    ----------
    items
        How many were written.
    beam
        The width of the search.
    symbol_error_rate
        The sum of edit distances over the sum of the references' lengths, in symbols of the
        target.
    sequence_error_rate
        Share of the items that are not exactly their reference: the word error rate of
        pronunciations.
    nats_per_symbol
        The loss of the references, over their symbols and ends.
    reached_limit
        How many of the written texts ended only because they may not be longer.
    seconds
        Of the writing.
    wrong
        What was not as its reference.
    """

    items: int
    beam: int
    symbol_error_rate: float
    sequence_error_rate: float
    nats_per_symbol: float
    reached_limit: int
    seconds: float
    wrong: tuple[Wrong, ...]

    @classmethod
    def of(
        cls,
        symbols: PairCodec,
        examples: Examples,
        best: Sequence[Written],
        *,
        beam: int,
        nats_per_symbol: float,
        seconds: float,
    ) -> TransductionEvaluation:
        """Compare the best output of each item with its target."""
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
            wrong=tuple(
                Wrong(
                    symbols.source.decode(sources[item]),
                    symbols.target.decode(targets[item]),
                    symbols.target.decode(best[item].symbols),
                )
                for item in np.flatnonzero(errors.distances).tolist()
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, without what was wrong."""
        figures = asdict(self)
        del figures["wrong"]
        return {**figures, "items_per_second": round(self.items / max(self.seconds, 1e-9), 1)}
