"""The labels of a classifier in the order of its logits, with their counts in the training part.

Legend: C labels, N items.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import RunError, TextError
from nextchar.run_files.seals import sealed_json
from nextchar.storage import write_json
from nextchar.text.label_checks import require_characters
from nextchar.text.notes import SHOWN

LABELS_FILE = "labels.json"
MOST_LABELS = 1 << 15


@dataclass(frozen=True)
class LabelSet:
    """C distinct labels, sorted.

    Attributes
    ----------
    names
        The labels.
    counts
        Training items with each label, all above 0. Weighted items count by their weights.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, labels: Sequence[str], weights: Sequence[float] | None = None) -> Self:
        """Return the distinct labels of training items, with their counts.

        Parameters
        ----------
        labels
            The label of each item.
        weights
            The weight of each item, above 0; by default 1. Their sums are rounded, to at least 1.

        Raises
        ------
        TextError
            There are fewer than two labels, or more than ``MOST_LABELS``, or a label has a lone
            surrogate.
        """
        sums: dict[str, float] = {}
        for label, weight in zip(labels, weights or [1.0] * len(labels), strict=True):
            sums[label] = sums.get(label, 0.0) + weight
        if len(sums) < 2:
            found = ", ".join(map(repr, sums)) or "none"
            raise TextError(
                f"a classifier needs at least two labels; the items have one label: {found}"
            )
        if len(sums) > MOST_LABELS:
            raise TextError(
                f"a classifier has at most {MOST_LABELS:,} labels; the items have {len(sums):,}, "
                f"such as {next(iter(sums))[:SHOWN]!r}: is the column of labels the right one?"
            )
        require_characters(sums)
        names = tuple(sorted(sums))
        return cls(names, tuple(max(1, round(sums[name])) for name in names))

    def __len__(self) -> int:
        return len(self.names)

    def numbers(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """Return the indices of labels, int64[N]; raise ``KeyError`` for an unknown one."""
        return np.array([self._places[label] for label in labels], dtype=np.int64)

    def knows(self, label: str) -> bool:
        """Return whether a label is in the set."""
        return label in self._places

    @property
    def shares(self) -> NDArray[np.float64]:
        """Relative frequency of each label in the training part, float64[C]."""
        counts = np.array(self.counts, dtype=np.float64)
        shares: NDArray[np.float64] = counts / counts.sum()
        return shares

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def save(self, folder: Path) -> None:
        """Write ``labels.json``."""
        write_json(folder / LABELS_FILE, {"labels": list(self.names), "counts": list(self.counts)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``labels.json``; raise ``RunError`` if it is missing or damaged."""
        path = folder / LABELS_FILE
        with sealed_json(folder, LABELS_FILE) as values:
            return cls._parse(values, path)

    @classmethod
    def _parse(cls, values: Mapping[str, Any], path: Path) -> Self:
        names, counts = values.get("labels"), values.get("counts")
        if (
            values.keys() != {"labels", "counts"}
            or not isinstance(names, list)
            or not isinstance(counts, list)
            or len(names) != len(counts)
            or len(names) < 2
            or not all(isinstance(name, str) and name for name in names)
            or names != sorted(set(names))
            or not all(type(count) is int and count > 0 for count in counts)
        ):
            raise RunError(
                f"{path} is damaged: it must have labels, sorted and distinct, and the count of "
                "each"
            )
        return cls(tuple(names), tuple(counts))
