"""The information in a condition: the bits of texts given it, given none, and given another one.

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
    """The total loss of texts under different conditions. The end of a text counts as a character.

    Attributes
    ----------
    items, characters
        Number of texts, and of their characters.
    nats
        Loss given each text's own condition.
    unconditional_nats
        Loss without a condition; ``None`` if the model always needs one.
    other_nats
        Loss given another condition: the mean over all other labels, or the features of another
        text.
    unknown_label_nats
        Loss with the label marginalised out, −log Σ p(label) p(text | label); ``None`` for
        features.
    label_bits
        Information in the label, in bits per text: ``unknown_label_nats`` less ``nats``.
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
        """Return the evaluation for nats [N, K] of texts under every label.

        ``own`` [N] are the indices of the texts' own labels.
        """
        correct = by_label[np.arange(len(own)), own]
        other = (by_label.sum(axis=1) - correct) / (by_label.shape[1] - 1)
        marginal = -np.logaddexp.reduce(np.log(prior) - by_label, axis=1)
        return cls(
            items=len(own),
            characters=characters,
            nats=float(correct.sum()),
            unconditional_nats=None if none is None else float(none.sum()),
            other_nats=float(other.sum()),
            unknown_label_nats=float(marginal.sum()),
        )

    @property
    def bits_per_char(self) -> float:
        """Bits per character under the texts' own conditions."""
        return self._bits_per_char(self.nats)

    @property
    def label_bits(self) -> float | None:
        """Information in the label, in bits per text."""
        if self.unknown_label_nats is None:
            return None
        return (self.unknown_label_nats - self.nats) / self.items / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Return the available figures by name; names include the unit."""
        others = {
            "unconditional": self.unconditional_nats,
            "unknown_label": self.unknown_label_nats,
            "other_condition": self.other_nats,
        }
        information = {} if self.label_bits is None else {"label_bits_per_item": self.label_bits}
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
            **information,
        }

    def _bits_per_char(self, nats: float) -> float:
        return nats / self.characters / math.log(2)
