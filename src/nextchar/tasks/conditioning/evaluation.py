"""What a condition is worth: the bits of texts with it, without it, and with another one.

Shapes: N items, K labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Nats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ConditionEvaluation:
    """How well texts are predicted; each with its end, which counts as a character.

    Attributes
    ----------
    items, characters
        What was measured.
    nats
        Under each text's own condition, the sum.
    unconditional_nats
        Under none; ``None`` where the model always needs one.
    other_nats
        Under another one: the mean over all wrong labels, or the features of another text.
    unknown_label_nats
        Where the label has to be guessed: −log Σ p(label) p(text | label); ``None`` with features.
    label_bits
        What the label is worth, in bits a text: ``unknown_label_nats`` less ``nats``.
    """

    items: int
    characters: int
    nats: float
    unconditional_nats: float | None
    other_nats: float
    unknown_label_nats: float | None

    @classmethod
    def of_labels(
        cls,
        own: NDArray[np.int64],
        by_label: Nats,
        prior: Nats,
        *,
        none: Nats | None,
        characters: int,
    ) -> Self:
        """Sum up the nats [N, K] of texts under every label; ``own`` [N] are the right ones."""
        right = by_label[np.arange(len(own)), own]
        wrong = (by_label.sum(axis=1) - right) / (by_label.shape[1] - 1)
        guessed = -np.logaddexp.reduce(np.log(prior) - by_label, axis=1)
        return cls(
            items=len(own),
            characters=characters,
            nats=float(right.sum()),
            unconditional_nats=None if none is None else float(none.sum()),
            other_nats=float(wrong.sum()),
            unknown_label_nats=float(guessed.sum()),
        )

    @property
    def bits_per_char(self) -> float:
        """Bits a character under the right condition."""
        return self._bits_per_char(self.nats)

    @property
    def label_bits(self) -> float | None:
        """What the label is worth, in bits a text."""
        if self.unknown_label_nats is None:
            return None
        return (self.unknown_label_nats - self.nats) / self.items / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, each name with its unit; those that there are."""
        others = {
            "unconditional": self.unconditional_nats,
            "unknown_label": self.unknown_label_nats,
            "other_condition": self.other_nats,
        }
        worth = {} if self.label_bits is None else {"label_bits_per_item": self.label_bits}
        return {
            "items": self.items,
            "characters": self.characters,
            "nats_per_char": self.nats / self.characters,
            "bits_per_char": self.bits_per_char,
            **{
                f"{name}_bits_per_char": self._bits_per_char(nats)
                for name, nats in others.items()
                if nats is not None
            },
            **worth,
        }

    def _bits_per_char(self, nats: float) -> float:
        return nats / self.characters / math.log(2)
