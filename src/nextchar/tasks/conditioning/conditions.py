"""Conditions as vectors: a label, a mixture of labels, or numeric features.

The last element of every vector indicates "no condition": it is 1 there, and all others are 0. A
linear map of the vector is therefore an embedding of labels, or an affine map of features, with a
learned vector for "no condition".

Shapes: N items, K labels, F features, D elements of a vector.
"""

from __future__ import annotations

import difflib
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, RunError, TextError
from nextchar.text.label_checks import require_characters
from nextchar.text.notes import SHOWN, listed

Given = str | int | Mapping[str, float] | Sequence[float] | None
_LISTED = 30
MOST_LABELS = 1 << 14
_ROUNDING = 1e-12


class Conditions(ABC):
    """The set of valid conditions of a model.

    Attributes
    ----------
    kind
        ``"labels"`` or ``"features"``.
    column
        The column of ``Examples`` with the conditions of the items.
    names
        The names of the labels, or of the features.
    """

    kind: ClassVar[str]
    column: ClassVar[str]
    names: tuple[str, ...]

    @property
    @abstractmethod
    def size(self) -> int:
        """D."""

    @property
    @abstractmethod
    def active(self) -> int:
        """Number of non-zero elements of a vector."""

    @abstractmethod
    def vector(self, given: Given) -> NDArray[np.float32]:
        """Return the vector [D] of a condition; see ``ConditionalModel.given``.

        Raises
        ------
        ConfigError
            The condition is not valid for the model.
        """

    @abstractmethod
    def vectors(self, column: NDArray[Any]) -> NDArray[np.float32]:
        """Return the vectors [N, D] of items from their column of ``Examples``."""

    @property
    def none(self) -> NDArray[np.float32]:
        """The vector [D] for "no condition"."""
        vector = np.zeros(self.size, np.float32)
        vector[-1] = 1
        return vector

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-compatible values."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class LabelCondition(Conditions):
    """K labels. A vector is one-hot, or a mixture of labels.

    Attributes
    ----------
    names
        The labels: distinct, at least two.
    counts
        Number of training items with each label.
    """

    kind = "labels"
    column = "label"

    names: tuple[str, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        _require_table(2, self.names, self.counts)
        if not all(type(count) is int and count > 0 for count in self.counts):
            raise ConfigError(f"counts must be integers above 0, got {list(self.counts)!r:.80}")

    @classmethod
    def of(cls, labels: Sequence[str]) -> Self:
        """Return the distinct labels of training items, sorted, with their counts.

        Raises
        ------
        TextError
            All items have the same label, there are more than ``MOST_LABELS`` labels, or a label
            has a lone surrogate.
        """
        names, counts = np.unique(np.array(labels, dtype=object), return_counts=True)
        if len(names) < 2:
            raise TextError(
                f"all {len(labels)} items have the label {names[0]!r}: a condition needs at least "
                "two labels (nextchar train models text without conditions)"
            )
        if len(names) > MOST_LABELS:
            raise TextError(
                f"a condition has at most {MOST_LABELS:,} labels; the items have {len(names):,}, "
                f"such as {names[0][:SHOWN]!r}: is the column of labels the right one?"
            )
        require_characters(names)
        return cls(tuple(names), tuple(int(count) for count in counts))

    @property
    def size(self) -> int:
        """K + 1."""
        return len(self.names) + 1

    @property
    def active(self) -> int:
        """1."""
        return 1

    @property
    def prior(self) -> NDArray[np.float64]:
        """The relative frequency of each label in the training part, [K]."""
        counts = np.array(self.counts, np.float64)
        shares: NDArray[np.float64] = counts / counts.sum()
        return shares

    def index(self, label: str) -> int:
        """Return the index of a label; raise ``ConfigError`` for an unknown one."""
        if label in self._places:
            return self._places[label]
        near = difflib.get_close_matches(label, self.names, n=1, cutoff=0.5)
        folded = [name for name in self.names if name.casefold() == label.casefold()]
        more = " …" if len(self.names) > _LISTED else ""
        hint = f"known are {', '.join(self.names[:_LISTED])}{more}"
        if near or folded:
            hint = f"did you mean {(folded or near)[0]!r}?"
        raise ConfigError(f"unknown label {label!r}: {hint}")

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def vector(self, given: Given) -> NDArray[np.float32]:
        """Return the vector of a label, or of shares of labels, which are normalised."""
        if given is None:
            return self.none
        if isinstance(given, str | int):
            given = {str(given): 1.0}
        if not isinstance(given, Mapping):
            raise ConfigError(f"the model is conditioned on labels, not on numbers; got {given!r}")
        vector = np.zeros(self.size, np.float32)
        for name, share in given.items():
            if not (math.isfinite(share) and share >= 0):
                raise ConfigError(
                    f"the share of {name!r} must be a number of at least 0; got {share}"
                )
            vector[self.index(name)] = share
        if vector.sum() <= 0:
            raise ConfigError(f"the shares of labels must have a sum above 0; got {given!r}")
        shares: NDArray[np.float32] = vector / vector.sum()
        return shares

    def vectors(self, column: NDArray[Any]) -> NDArray[np.float32]:
        """Return one-hot vectors of label indices int64[N]."""
        vectors = np.zeros((len(column), self.size), np.float32)
        vectors[np.arange(len(column)), column] = 1
        return vectors


@dataclass(frozen=True)
class Features(Conditions):
    """F features. A vector has their standardised values and a constant 1.

    Attributes
    ----------
    names
        The features: distinct, at least one.
    means, deviations
        Mean and standard deviation of each in the training part. Deviations are above 0.
    """

    kind = "features"
    column = "features"

    names: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def __post_init__(self) -> None:
        _require_table(1, self.names, self.means, self.deviations)
        if min(self.deviations) <= 0:
            raise ConfigError(f"deviations must be above 0, got {min(self.deviations)}")

    @classmethod
    def of(cls, names: Sequence[str], values: NDArray[np.float64]) -> Self:
        """Return features with the statistics of values [N, F].

        The deviation of a constant feature is set to 1.
        """
        scales = np.abs(values).max(axis=0)
        scales[scales == 0] = 1.0  # The squares of huge numbers would overflow.
        means, deviations = (values / scales).mean(axis=0), (values / scales).std(axis=0)
        # A constant may deviate by the rounding of its mean; squares of subnormal values may be 0.
        spread = deviations * scales
        varies = (deviations > _ROUNDING) & (spread >= np.finfo(np.float64).tiny)
        deviations = np.where(varies, spread, 1.0)
        return cls(tuple(names), tuple((means * scales).tolist()), tuple(deviations.tolist()))

    @property
    def size(self) -> int:
        """F + 2."""
        return len(self.names) + 2

    @property
    def active(self) -> int:
        """F + 1."""
        return len(self.names) + 1

    def vector(self, given: Given) -> NDArray[np.float32]:
        """Return the vector of F numbers.

        Values may be given by name; omitted ones default to their means.
        """
        if given is None:
            return self.none
        if isinstance(given, str | int):
            raise ConfigError(
                f"the model is conditioned on numbers, not on labels: {self._expected}; got "
                f"{given!r}"
            )
        if isinstance(given, Mapping):
            known = dict(zip(self.names, self.means, strict=True))
            unknown = [name for name in given if name not in known]
            if unknown:
                raise ConfigError(f"unknown feature {unknown[0]!r}: {self._expected}")
            given = list({**known, **given}.values())
        if len(given) != len(self.names):
            raise ConfigError(f"a vector of {len(given)} numbers was given: {self._expected}")
        values = np.array(given, np.float64)
        if not np.isfinite(values).all():
            wrong = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ConfigError(f"feature {self.names[wrong]!r} must be finite; got {values[wrong]}")
        vector: NDArray[np.float32] = self.vectors(values[None])[0]
        return vector

    def vectors(self, column: NDArray[Any]) -> NDArray[np.float32]:
        """Standardise values [N, F]."""
        standardised = (column - np.array(self.means)) / np.array(self.deviations)
        ends = np.tile(np.array([1.0, 0.0]), (len(column), 1))
        return _narrow(np.concatenate([standardised, ends], axis=1))

    @property
    def _expected(self) -> str:
        names = ", ".join(self.names[:_LISTED]) + (" …" if len(self.names) > _LISTED else "")
        return f"the model takes {len(self.names)} ({names})"


def parse_condition(text: str, conditions: Conditions) -> Given:
    """Parse a condition: ``Korean``, ``Korean=0.7,Italian=0.3``, ``0.5,12``.

    Whether it is valid for the model is not checked here.

    Raises
    ------
    ConfigError
        A number is malformed.
    """
    if isinstance(conditions, LabelCondition) and (text in conditions.names or "=" not in text):
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all("=" in part for part in parts):
        return [_number(part, text) for part in parts]
    pairs = [part.rpartition("=") for part in parts]
    return {name.strip(): _number(value, text) for name, _, value in pairs}


def _number(value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(
            f"a condition must be numbers, such as 0.5,12, or name=number; got {text!r:.60}"
        ) from None


def _narrow(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def conditions_from(values: Mapping[str, Any]) -> Conditions:
    """Return the conditions of a ``to_dict`` result; raise ``RunError`` if it is damaged."""
    kinds: dict[str, type[LabelCondition | Features]] = {
        "labels": LabelCondition,
        "features": Features,
    }
    kind = kinds.get(str(values.get("kind")))
    names = () if kind is None else tuple(field.name for field in fields(kind))
    if kind is None or values.keys() != {"kind", *names}:
        raise RunError(
            f"the conditions are damaged: they must be labels with counts, or features with means "
            f"and deviations; got {list(values)!r:.100}"
        )
    if not all(isinstance(values[name], list | tuple) for name in names):
        raise RunError(f"the conditions are damaged: {', '.join(names)} must be lists")
    try:
        return kind(*(tuple(values[name]) for name in names))
    except ConfigError as error:
        raise RunError(f"the conditions are damaged: {error}") from error


def _require_table(least: int, names: Sequence[object], *columns: Sequence[object]) -> None:
    """Raise ``ConfigError`` unless names are distinct strings, with a finite number per column."""

    def shown(values: Sequence[object]) -> str:
        return listed([*map(str, values)])

    if (
        len(names) < least
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) < len(names)
    ):
        raise ConfigError(f"there must be at least {least} distinct names, got {shown(names)}")
    for column in columns:
        are_finite = all(
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            for value in column
        )
        if len(column) != len(names) or not are_finite:
            raise ConfigError(
                f"{len(names)} names need as many finite numbers, got {shown(column)}"
            )
