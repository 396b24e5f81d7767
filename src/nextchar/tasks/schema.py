"""The columns of encoded items that a model requires, verified when the items of a run are read.

Legend: N items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nextchar.errors import CorpusError
from nextchar.tasks.examples import Examples


@dataclass(frozen=True)
class Texts:
    """A column of id sequences.

    Attributes
    ----------
    ids
        The ids are below this number.
    shortest
        Minimum length of a sequence.
    """

    ids: int
    shortest: int = 1


@dataclass(frozen=True)
class Numbers:
    """A column of finite numbers.

    Attributes
    ----------
    dtype
        Their type.
    least, below
        Their range: from ``least``, and below ``below``.
    width
        Size of the second dimension; ``None`` if there is only the first.
    optional
        Whether the column may be missing.
    """

    dtype: DTypeLike
    least: float = -np.inf
    below: float = np.inf
    width: int | None = None
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """The required columns of items, by name."""

    texts: Mapping[str, Texts]
    numbers: Mapping[str, Numbers] = field(default_factory=dict)

    def require(self, examples: Examples) -> None:
        """Raise ``CorpusError`` unless items have these columns, and no others."""
        required = {name for name, column in self.numbers.items() if not column.optional}
        if examples.texts.keys() != self.texts.keys() or not (
            required <= examples.arrays.keys() <= self.numbers.keys()
        ):
            needed, found = [*self.texts, *required], [*examples.texts, *examples.arrays]
            raise CorpusError(
                f"the columns of the items must be {', '.join(needed)}; got {', '.join(found):.200}"
            )
        for name, text in self.texts.items():
            sequences = examples.texts[name]
            _require_range(name, sequences.values, 0, text.ids)
            if len(sequences) and sequences.lengths.min() < text.shortest:
                raise CorpusError(
                    f"the column {name} has a sequence of {sequences.lengths.min()} ids; the "
                    f"minimum is {text.shortest}"
                )
        for name, values in examples.arrays.items():
            column = self.numbers[name]
            shape = (len(examples), *(() if column.width is None else (column.width,)))
            if values.shape != shape or values.dtype != np.dtype(column.dtype):
                raise CorpusError(
                    f"the column {name} must be {np.dtype(column.dtype)} {list(shape)}; got "
                    f"{values.dtype} {list(values.shape)}"
                )
            _require_range(name, values, column.least, column.below)


def _require_range(
    name: str, values: NDArray[np.integer | np.floating], least: float, below: float
) -> None:
    # A comparison with NaN is false.
    if len(values) and not (values.min() >= least and values.max() < below):
        raise CorpusError(
            f"the column {name} must have values from {least} to below {below}; got "
            f"{values.min()} to {values.max()}"
        )
