"""The classifier's defaults compared with TF-IDF and logistic regression, on your own tables.

    python benchmarks/classifier_defaults.py questions.csv opinions.csv --seeds 3
    python benchmarks/classifier_defaults.py questions.csv --folds 3

Each table is a CSV file with the columns ``text`` and ``label``. For each seed, a stratified fifth
is the test part, and the rest the training part. With ``--folds``, each item is tested once. All
methods use the same split. Times are CPU seconds, summed over all cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline

from nextchar.config import TextConfig
from nextchar.tasks.classification.estimator import CharClassifier
from nextchar.tasks.labelled.figures import figures_of
from nextchar.tasks.labelled.items import labelled_items

Part = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass
class Row:
    """A method's metrics on each part of a table."""

    table: str
    method: str
    accuracy: list[float] = field(default_factory=list)
    macro_f1: list[float] = field(default_factory=list)
    calibration_error: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def cells(self) -> str:
        """Return the means, and the standard error of the accuracy."""
        means = (self.accuracy, self.macro_f1, self.calibration_error)
        figures = " | ".join(f"{np.mean(values):.3f}" for values in means)
        spread = np.std(self.accuracy) / max(1, len(self.accuracy) - 1) ** 0.5
        return f"{self.method} | {figures} | {spread:.3f} | {np.mean(self.seconds):.0f}"


def tf_idf(c: float, **options: Any) -> Callable[[int], Any]:  # noqa: ANN401
    def make(_: int) -> Any:  # noqa: ANN401
        return make_pipeline(TfidfVectorizer(**options), LogisticRegression(C=c, max_iter=1000))

    return make


CHARS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (1, 4)}


def methods(changed: dict[str, Any]) -> dict[str, Callable[[int], Any]]:
    return {
        "TF-IDF word 1-2": tf_idf(10, ngram_range=(1, 2)),
        "TF-IDF char 1-4": tf_idf(10, **CHARS),
        "nextchar": lambda seed: CharClassifier(seed=seed, **changed),
    }


def parts(labels: NDArray[Any], seeds: int, folds: int) -> Iterator[tuple[int, Part]]:
    places = np.arange(len(labels))
    if folds:
        splits = StratifiedKFold(folds, shuffle=True, random_state=0).split(places, labels)
        yield from enumerate(splits)
        return
    for seed in range(seeds):
        train, test = train_test_split(places, test_size=0.2, random_state=seed, stratify=labels)
        yield seed, (train, test)


def measure(row: Row, model: Any, texts: NDArray[Any], labels: NDArray[Any], part: Part) -> None:  # noqa: ANN401
    train, test = part
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(texts[train].tolist(), labels[train])
    row.seconds.append(round(time.process_time() - began, 1))
    shares = np.asarray(model.predict_proba(texts[test].tolist()), dtype=np.float64)
    classes, has = model.classes_, labels[test]
    said = classes[shares.argmax(1)]
    row.accuracy.append(float(accuracy_score(has, said)))
    row.macro_f1.append(float(f1_score(has, said, average="macro", zero_division=0)))
    names, numbers = tuple(map(str, classes)), np.searchsorted(classes, has)
    figures = figures_of(np.log(np.maximum(shares, 1e-12)), numbers, names)
    row.calibration_error.append(figures.calibration_error)
    print(f"{row.table} | {row.cells()}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=0, help="Cross-validate, with seed 0.")
    parser.add_argument("--only", default="", help="Only methods whose names contain this.")
    parser.add_argument("--set", default="{}", help="Options of nextchar, as a JSON object.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows, heads = [], []
    for path in given.tables:
        items = labelled_items([path], TextConfig(), layout="columns")
        texts = np.array([item.text for item in items], dtype=object)
        labels = np.array([item.label for item in items])
        heads.append(f"{path.stem} ({len(items):,}, {len(set(labels))} labels)")
        for name, make in methods(json.loads(given.set)).items():
            if given.only not in name:
                continue
            rows.append(Row(heads[-1], name))
            for seed, part in parts(labels, given.seeds, given.folds):
                measure(rows[-1], make(seed), texts, labels, part)
    if given.json:
        print(json.dumps([vars(row) for row in rows], indent=2))
        return
    print("| | | accuracy | macro F1 | ECE | ± | s |\n|---|---|---:|---:|---:|---:|---:|")
    for row in rows:
        print(f"| {row.table} | {row.cells()} |")


if __name__ == "__main__":
    main()
