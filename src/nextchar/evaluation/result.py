"""The result of an evaluation, in several units."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nextchar.config import ExpertUse
from nextchar.evaluation.dynamic import Adaptation
from nextchar.text.unknown import SkippedCharacter


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of evaluating a model on a text.

    Attributes
    ----------
    nats
        The sum over all predictions.
    unit
        The kind of symbols: ``char``, ``byte`` or ``jamo``.
    symbols
        Number of predictions; the first symbol of the text is context only.
    characters
        Number of original characters among them. ``nats_per_char`` and ``bits_per_char`` are means
        over these, so different vocabularies are comparable.
    unknown_symbols
        Number of predictions of ``<unk>``. They count as any other symbol, but their cost is too
        low, because ``<unk>`` represents many characters.
    skipped_symbols
        Number of characters skipped because the vocabulary lacks them. No other figure includes
        them.
    first_skipped
        The first of them, or ``None``.
    compressed_bits_per_char
        Bits per character of xz, bz2 and gzip on the same text, by name; empty if not requested.
    compressed_characters
        Number of characters that the compressors have read: the whole text, or the beginning of a
        text of more than 8 MiB.
    seconds
        Duration of the evaluation.
    adaptation
        The options of dynamic evaluation, or ``None`` for static evaluation.
    experts
        ``none``: ``nats`` are those of the network. Otherwise they are those of its mixture with
        experts: ``fixed``, or with weights or counts that learn from the text.
    network_nats
        The nats of the network alone, or ``None`` without experts.
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
    compressed_characters: int = 0
    experts: ExpertUse = "none"
    network_nats: float | None = None

    @property
    def nats_per_char(self) -> float:
        """Mean nats per original character."""
        return self.nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean bits per original character."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """Perplexity per original character, ``exp(nats_per_char)``."""
        return perplexity(self.nats_per_char)

    @property
    def bits_per_symbol(self) -> float:
        """Mean bits per symbol: a character, a byte or a jamo."""
        return self.nats / self.symbols / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; each name includes the unit."""
        figures: dict[str, Any] = {
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "characters": self.characters,
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.characters / max(self.seconds, 1e-9), 1),
            "unknown_symbols": self.unknown_symbols,
            "skipped_symbols": self.skipped_symbols,
            "experts": self.experts,
        }
        if self.network_nats is not None:
            figures["network_nats_per_char"] = self.network_nats / self.characters
        if self.first_skipped is not None:
            figures["first_skipped"] = dataclasses.asdict(self.first_skipped)
        if self.adaptation is not None:
            figures |= self.adaptation.to_dict()
        if self.unit != "char":
            figures[f"bits_per_{self.unit}"] = self.bits_per_symbol
            figures[f"{self.unit}_symbols"] = self.symbols
        if self.compressed_bits_per_char:
            figures["compressed_bits_per_char"] = dict(self.compressed_bits_per_char)
            figures["compressed_characters"] = self.compressed_characters
        return figures


def perplexity(nats: float) -> float:
    """Return ``exp(nats)``, or infinity if it exceeds the range of a float."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf
