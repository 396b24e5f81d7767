"""What the measuring of a text came to, and the units that it is told in."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nextchar.evaluation.dynamic import Adaptation
from nextchar.text.unknown import SkippedCharacter


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes
    ----------
    nats
        The sum over all predictions.
    unit
        What one symbol is: ``char``, ``byte`` or ``jamo``.
    symbols
        Predictions made; the first symbol of the text is context only.
    characters
        Original characters among them: what ``nats_per_char`` and ``bits_per_char`` count, so
        that vocabularies compare.
    unknown_symbols
        Predictions of ``<unk>``: they count as any other symbol, and cost too little, since one
        symbol stands for many.
    skipped_symbols
        Characters left out of the text because the vocabulary does not have them: no figure
        counts them.
    first_skipped
        The first of them, or ``None``.
    compressed_bits_per_char
        What xz, bz2 and gzip reach on the same text, by name; empty if not asked for.
    seconds
        Time that the evaluation took.
    adaptation
        How the network learned from the text as it was measured, or ``None`` if it did not.
    """

    nats: float
    unit: str
    symbols: int
    characters: int
    unknown_symbols: int
    skipped_symbols: int
    compressed_bits_per_char: Mapping[str, float]
    seconds: float
    adaptation: Adaptation | None = None
    first_skipped: SkippedCharacter | None = None

    @property
    def nats_per_char(self) -> float:
        """Mean nats an original character."""
        return self.nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean bits an original character."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """Perplexity an original character, ``exp(nats_per_char)``."""
        return perplexity(self.nats_per_char)

    @property
    def bits_per_symbol(self) -> float:
        """Mean bits a symbol: a character, a byte or a jamo."""
        return self.nats / self.symbols / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, each name with its unit."""
        figures: dict[str, Any] = {
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "characters": self.characters,
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.characters / max(self.seconds, 1e-9), 1),
            "unknown_symbols": self.unknown_symbols,
            "skipped_symbols": self.skipped_symbols,
        }
        if self.first_skipped is not None:
            figures["first_skipped"] = dataclasses.asdict(self.first_skipped)
        if self.adaptation is not None:
            figures |= self.adaptation.to_dict()
        if self.unit != "char":
            figures[f"bits_per_{self.unit}"] = self.bits_per_symbol
            figures[f"{self.unit}_symbols"] = self.symbols
        if self.compressed_bits_per_char:
            figures["compressed_bits_per_char"] = dict(self.compressed_bits_per_char)
        return figures


def perplexity(nats: float) -> float:
    """Give ``exp(nats)``; infinity where that is beyond a float."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf
