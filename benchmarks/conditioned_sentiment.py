"""Text conditioned on sentiment: the gain from the label, and its recognition by a classifier.

    python benchmarks/conditioned_sentiment.py sst2/ --json conditioned_sentiment.json

``sst2/`` holds ``train.txt``, ``dev.txt`` and ``test.txt`` with "label sentence" lines; label 1 is
positive, 0 negative. All metrics are measured on the test lines.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

import nextchar
from nextchar.config import TextConfig
from nextchar.tasks.conditioning.generative import GenerativeClassifier
from nextchar.tasks.conditioning.items import Items, read_items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--count", type=int, default=200, help="Sentences per label.")
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0, 3.0, 6.0])
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--run", type=Path, help="An existing run, trained on train.txt.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--options", type=json.loads, default={}, help="Training options, as JSON.")
    arguments = parser.parse_args()
    parts = {
        name: read_items([arguments.folder / f"{name}.txt"], TextConfig(), layout="lines")
        for name in ("train", "test")
    }
    peer = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10)
    )
    peer.fit(parts["train"].texts, parts["train"].labels)
    accuracy = accuracy_score(parts["test"].labels or (), peer.predict(parts["test"].texts))
    rows = [evaluate(arguments, seed, parts, peer) for seed in arguments.seeds]
    show(rows, accuracy)
    if arguments.json is not None:
        values = {"classifier_accuracy": accuracy, "rows": rows}
        arguments.json.write_text(json.dumps(values, indent=2, ensure_ascii=False))


def evaluate(
    arguments: argparse.Namespace,
    seed: int,
    parts: dict[str, Items],
    peer: Any,  # noqa: ANN401
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run, began = arguments.run or Path(folder) / "run", time.monotonic()
        if arguments.run is None:
            options = {"seed": seed, **arguments.options}
            nextchar.ConditionalModel.train(parts["train"], run, **options)
        seconds = time.monotonic() - began
        model = nextchar.ConditionalModel.load(run)
    test = parts["test"]
    figures = GenerativeClassifier(model).evaluate(test.texts, test.labels or ())
    return {
        "seed": seed,
        "seconds": round(seconds),
        **model.evaluate(test).to_dict(),
        "generative_accuracy": figures.accuracy,
        "written": [generate(model, arguments, seed, s, peer) for s in arguments.strengths],
    }


def generate(
    model: nextchar.ConditionalModel,
    arguments: argparse.Namespace,
    seed: int,
    strength: float,
    peer: Any,  # noqa: ANN401
) -> dict[str, Any]:
    texts = {
        label: model.generator(label, strength=strength).generate_batch(
            samples=arguments.count, seed=seed, temperature=arguments.temperature
        )
        for label in model.labels.names
    }
    return {
        "strength": strength,
        "recognised": {
            label: accuracy_score([label] * len(each), peer.predict(each))
            for label, each in texts.items()
        },
        "examples": {label: each[:4] for label, each in texts.items()},
    }


def show(rows: list[dict[str, Any]], accuracy: float) -> None:
    print("| test sentences | |\n|---|---|")
    for name, shown in (
        ("seconds", "seconds of training"),
        ("bits_per_char", "bits/char, label known"),
        ("unknown_label_bits_per_char", "bits/char, label unknown"),
        ("unconditional_bits_per_char", "bits/char, no condition"),
        ("other_condition_bits_per_char", "bits/char, wrong label"),
        ("label_bits_per_item", "bits saved by the label, per sentence"),
        ("generative_accuracy", "accuracy of the generative classifier"),
    ):
        values = [row[name] for row in rows]
        print(f"| {shown} | {', '.join(f'{value:.4f}' for value in values)} |")
    print(f"| accuracy of TF-IDF, words 1–2 | {accuracy:.4f} |")
    print("\n| strength | 1 recognised as 1 | 0 recognised as 0 | mean |\n|---|---|---|---|")
    for index, first in enumerate(rows[0]["written"]):
        shares = [row["written"][index]["recognised"] for row in rows]
        one, zero = (np.mean([share[label] for share in shares]) for label in ("1", "0"))
        print(f"| {first['strength']} | {one:.3f} | {zero:.3f} | {(one + zero) / 2:.3f} |")
    for first in rows[0]["written"]:
        for label, texts in first["examples"].items():
            print(f"\n{label}, strength {first['strength']}")
            print("\n".join(f"  {text}" for text in texts))


if __name__ == "__main__":
    main()
