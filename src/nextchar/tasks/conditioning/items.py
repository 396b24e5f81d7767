"""Texts with their conditions: reading and validation.

Shapes: N items, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.conditioning.conditions import Conditions, LabelCondition
from nextchar.tasks.in_memory import files_or_items, labels_in, refuse_file_options, texts_in
from nextchar.text.files import Input
from nextchar.text.labelled import LabelledText, Layout, read_labelled
from nextchar.text.notes import Note, no_note
from nextchar.text.tables import kind_of, read_table


@dataclass(frozen=True, eq=False)
class Items:
    """N texts, each with a label or with F features.

    Attributes
    ----------
    texts
        Non-empty texts.
    places
        The location of each text, for messages.
    labels
        The label of each text, or ``None``.
    features
        Finite numbers, [N, F], or ``None``.
    names
        The names of the features.

    Raises
    ------
    TextError
        A text or a label is empty, a number is not finite, or there is no text.
    ConfigError
        Labels and features are both given or both missing, or their number is not N.
    """

    texts: Sequence[str]
    places: Sequence[str]
    labels: Sequence[str] | None = None
    features: NDArray[np.float64] | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.labels is None) == (self.features is None):
            raise ConfigError("conditions must be either labels or features")
        if not self.texts:
            raise TextError("there are no texts")
        conditions = self.labels if self.features is None else self.features
        if conditions is not None and len(conditions) != len(self.texts):
            raise ConfigError(f"{len(self.texts)} texts have {len(conditions)} conditions")
        self._refuse_empty("text", self.texts)
        self._refuse_empty("label", self.labels or ())
        if self.features is not None:
            _require_finite(self.features, self.names, self.places)

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        *,
        labels: Sequence[object] | None = None,
        features: ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> Self:
        """Return items for texts in memory. Labels are converted to strings."""
        values = None if features is None else _matrix(_numeric(features), "features")
        return cls(
            list(texts),
            [f"text {number}" for number in range(1, len(texts) + 1)],
            None if labels is None else [str(label) for label in labels],
            values,
            () if values is None else _names(names, values),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def column(self, conditions: Conditions) -> NDArray[np.int64] | NDArray[np.float64]:
        """Return the input of ``conditions.vectors``: label indices [N] or features [N, F]."""
        if isinstance(conditions, LabelCondition):
            if self.labels is None:
                raise ConfigError("the model is conditioned on labels; these items have features")
            numbers = {label: conditions.index(label) for label in dict.fromkeys(self.labels)}
            return np.array([numbers[label] for label in self.labels], np.int64)
        if self.features is None:
            raise ConfigError("the model is conditioned on features; these items have labels")
        if self.features.shape[1] != len(conditions.names):
            raise ConfigError(
                f"the items have {self.features.shape[1]} features, and the model "
                f"{len(conditions.names)}: {', '.join(conditions.names)}"
            )
        return self.features

    def _refuse_empty(self, name: str, values: Sequence[str]) -> None:
        empty = [number for number, value in enumerate(values) if not value.strip()]
        if empty:
            count = f"the {name} is" if len(empty) == 1 else f"{len(empty)} {name}s are"
            first = "" if len(empty) == 1 else "the first in "
            raise TextError(f"{count} empty, {first}{self.places[empty[0]]}: nothing to learn from")


_FILE_DEFAULTS = {
    "text": "text",
    "label": None,
    "feature_columns": (),
    "features_file": None,
    "layout": "auto",
}

ConditionData = Input | Sequence[Input] | Items


def condition_items(
    data: ConditionData,
    config: TextConfig,
    *,
    labels: Sequence[object] | None = None,
    features: ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    text: str = "text",
    label: str | None = None,
    feature_columns: Sequence[str] = (),
    features_file: Input | None = None,
    layout: Layout = "auto",
    note: Note = no_note,
) -> Items:
    """Return items from texts in memory, with ``labels`` or ``features``, or from files.

    Other parameters are those of ``read_items``; ``feature_columns`` is its ``features``.
    """
    of_files = {
        "text": text,
        "label": label,
        "feature_columns": tuple(feature_columns),
        "features_file": features_file,
        "layout": layout,
    }
    in_memory = labels is not None or features is not None
    if in_memory or isinstance(data, Items):
        refuse_file_options(of_files, _FILE_DEFAULTS)
    if isinstance(data, Items):
        return data
    if in_memory:
        names = None if labels is None else labels_in(labels)
        return Items.of(texts_in(data), labels=names, features=features, names=feature_names)
    if feature_names is not None:
        raise ConfigError("feature_names are for features in memory; a table names its columns")
    if label is not None and (feature_columns or features_file is not None):
        raise ConfigError(
            f"a condition is a label or numbers: {as_option('label')} and "
            f"{as_option('feature_columns', flag='features')} exclude each other"
        )
    files, _ = files_or_items(data, Items, "texts with labels or features")
    return read_items(
        files,
        config,
        layout=layout,
        text=text,
        label="label" if label is None else label,
        features=feature_columns,
        features_file=None if features_file is None else Path(features_file),
        note=note,
    )


def read_items(
    inputs: Sequence[Input],
    config: TextConfig,
    *,
    layout: Layout = "auto",
    text: str = "text",
    label: str = "label",
    features: Sequence[str] = (),
    features_file: Path | None = None,
    note: Note = no_note,
) -> Items:
    """Read texts with labels (see ``read_labelled``) or with features.

    Parameters
    ----------
    features
        Table columns of numbers, in place of labels.
    features_file
        A file with the features of each text, in the order of the texts: ``.npy`` [N, F], or a
        table with an optional header.
    note
        Called with a line for each irregularity of a file.

    Raises
    ------
    TextError, ConfigError
        A file or an option is invalid.
    """
    numeric = bool(features) or features_file is not None
    if features and features_file is not None:
        raise ConfigError(
            f"{as_option('feature_columns', flag='features')} and {as_option('features_file')} are "
            "alternatives; got both"
        )
    read = read_labelled(
        inputs,
        config,
        layout=layout,
        text=text,
        label=None if numeric else label,
        columns=features,
        note=note,
    )
    texts, places = [item.text for item in read], [item.place for item in read]
    if not numeric:
        return Items(texts, places, labels=[item.label for item in read])
    if features_file is None:
        return Items(texts, places, features=_numbers(read, features), names=tuple(features))
    names, values = _features_of(features_file, config, note)
    if len(values) != len(texts):
        raise TextError(f"{features_file} has {len(values)} rows, and there are {len(texts)} texts")
    rows = [f"{features_file}, row {number}" for number in range(1, len(values) + 1)]
    _require_finite(values, names, rows)
    return Items(texts, places, features=values, names=names)


def _numbers(items: Sequence[LabelledText], columns: Sequence[str]) -> NDArray[np.float64]:
    return np.array([_row(item.fields, columns, item.place) for item in items])


def _row(fields: Sequence[str], columns: Sequence[str], place: str) -> list[float]:
    return [_number(field, name, place) for field, name in zip(fields, columns, strict=True)]


def _number(field: str, column: str, place: str) -> float:
    try:
        return float(field)
    except ValueError:
        raise TextError(
            f"{place}: feature {column!r} must be a number, got {field.strip()!r:.40}"
        ) from None


def _features_of(
    path: Path, config: TextConfig, note: Note
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    if path.suffix == ".npy":
        values = _loaded(path)
        return _names(None, values), values
    kind = kind_of(path)
    if kind not in ("csv", "tsv"):
        raise ConfigError(
            f"{as_option('features_file')} must end in .npy, .csv or .tsv; got {path}"
        )
    names, rows = read_table(path, config, kind=kind, note=note)
    return names, np.array([_row(row.fields, names, row.place) for row in rows]).reshape(
        -1, len(names)
    )


def _require_finite(
    features: NDArray[np.float64], names: Sequence[str], places: Sequence[str]
) -> None:
    wrong = np.argwhere(~np.isfinite(features))
    if len(wrong):
        row, column = wrong[0]
        raise TextError(
            f"{places[row]}: feature {names[column]!r} must be a finite number, got "
            f"{features[row, column]}"
        )


def _loaded(path: Path) -> NDArray[np.float64]:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TextError(f"cannot read {path} as numbers: {error}") from error
    if not (isinstance(values, np.ndarray) and values.dtype.kind in "iufb"):
        raise TextError(f"{path} must contain an array of numbers")
    return _matrix(values.astype(np.float64), str(path))


def _numeric(features: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(features, np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"features must be numbers [N, F]: {error}") from error


def _matrix(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    if values.ndim != 2 or values.shape[1] == 0:
        raise TextError(f"{name} must have a row for each text, [N, F]; got {list(values.shape)}")
    return values


def _names(names: Sequence[str] | None, values: NDArray[np.float64]) -> tuple[str, ...]:
    made = tuple(names or (str(number) for number in range(1, values.shape[1] + 1)))
    if len(set(made)) != values.shape[1]:
        raise ConfigError(f"{values.shape[1]} features need as many distinct names, got {made}")
    return made
