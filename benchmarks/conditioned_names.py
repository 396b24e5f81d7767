"""Generation of names conditioned on a language, evaluated with classifiers of the language.

    python benchmarks/conditioned_names.py names/ --seeds 0 --json conditioned_names.json

``names/`` holds one file per language, with one name per line. Duplicate (name, language) pairs are
removed. 80 % of each language is for training, a tenth of it for validation; 20 % is the test part.
In addition to the TF-IDF classifier, a run of ``nextchar classify`` on the same names can be used:
``--save-split DIR`` writes the names and exits, and ``--classifier RUN`` loads the run.
``--unconditional`` also trains an unconditional model.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import nextchar
from nextchar.config import TextConfig
from nextchar.tasks.classification.model import Classifier
from nextchar.tasks.conditioning.generative import GenerativeClassifier
from nextchar.tasks.conditioning.items import Items, read_items

Predict = Callable[[Sequence[str]], Sequence[str]]


def main() -> None:
    arguments = parsed()
    read = read_items([arguments.names], TextConfig(), layout="files")
    pairs = sorted(set(zip(read.texts, read.labels or (), strict=True)))
    names, languages = [name for name, _ in pairs], [language for _, language in pairs]
    split = train_test_split(names, languages, test_size=0.2, random_state=0, stratify=languages)
    known, held_out, known_languages, held_out_languages = split
    if arguments.save_split is not None:
        save(arguments.save_split / "train.csv", known, known_languages)
        save(arguments.save_split / "test.csv", held_out, held_out_languages)
        return
    classifiers: dict[str, Predict] = {"TF-IDF": tfidf(known, known_languages)}
    if arguments.classifier is not None:
        classifiers["nextchar classify"] = Classifier.load(arguments.classifier).predict
    parts = {"known": (known, known_languages), "held_out": (held_out, held_out_languages)}
    rows = [evaluate(arguments, seed, classifiers=classifiers, **parts) for seed in arguments.seeds]
    show(rows, classifiers)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2, ensure_ascii=False))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--count", type=int, default=1000, help="Number of names to generate.")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[1.0])
    parser.add_argument("--strengths", type=float, nargs="+", default=[1.0, 1.5, 2.0])
    parser.add_argument("--classifier", type=Path)
    parser.add_argument("--save-split", type=Path)
    parser.add_argument("--unconditional", action="store_true")
    parser.add_argument("--run", type=Path, help="An existing run, trained on this split.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--options", type=json.loads, default={}, help="Training options, as JSON.")
    return parser.parse_args()


def save(path: Path, names: Sequence[str], languages: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows(zip(names, languages, strict=True))


def tfidf(names: Sequence[str], languages: Sequence[str]) -> Predict:
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    classifier = make_pipeline(vectors, LogisticRegression(C=10, max_iter=2000))
    classifier.fit(names, languages)
    predict: Predict = classifier.predict
    return predict


def evaluate(
    arguments: argparse.Namespace,
    seed: int,
    *,
    known: tuple[list[str], list[str]],
    held_out: tuple[list[str], list[str]],
    classifiers: dict[str, Predict],
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run, seconds = arguments.run, 0.0
        if run is None:
            run, began = Path(folder) / "run", time.monotonic()
            options = {"seed": seed, **arguments.options}
            nextchar.ConditionalModel.train(known[0], run, labels=known[1], **options)
            seconds = time.monotonic() - began
        model = nextchar.ConditionalModel.load(run)
        never = unconditional_bits(arguments, seed, known[0], held_out[0], Path(folder))
    figures = GenerativeClassifier(model).evaluate(*held_out)
    row: dict[str, Any] = {
        "seed": seed,
        "seconds": round(seconds),
        **model.evaluate(Items.of(held_out[0], labels=held_out[1])).to_dict(),
        **never,
        "generative_accuracy": figures.accuracy,
        "generative_macro_f1": figures.macro_f1,
        "classifiers": {
            name: held_out_figures(predict(held_out[0]), held_out[1])
            for name, predict in classifiers.items()
        },
        "written": [],
    }
    languages = sorted(set(known[1]))
    shares = np.array([known[1].count(language) for language in languages]) / len(known[1])
    for temperature, strength in itertools.product(arguments.temperatures, arguments.strengths):
        for drawn, weights in (("as in the data", shares), ("uniformly", None)):
            draw = np.random.default_rng(seed)
            wanted = draw.choice(languages, size=arguments.count, p=weights).tolist()
            names = generate(model, wanted, seed, temperature=temperature, strength=strength)
            row["written"].append(
                {
                    "languages": drawn,
                    "temperature": temperature,
                    "strength": strength,
                    **{
                        f"recognised_by_{name}": accuracy_score(wanted, predict(names))
                        for name, predict in classifiers.items()
                    },
                    "new": float(np.mean([name not in set(known[0]) for name in names])),
                    "new_of_all": float(
                        np.mean([n not in {*known[0], *held_out[0]} for n in names])
                    ),
                    "repeated": 1 - len(set(names)) / len(names),
                    "examples": sorted(dict(zip(wanted, names, strict=True)).items()),
                }
            )
    return row


def unconditional_bits(
    arguments: argparse.Namespace,
    seed: int,
    known: Sequence[str],
    held_out: Sequence[str],
    folder: Path,
) -> dict[str, float]:
    """Return the bits per character of a model whose condition is the same for all names."""
    if not arguments.unconditional:
        return {}
    options = {"seed": seed, **arguments.options}
    nextchar.ConditionalModel.train(
        known, folder / "never", features=np.ones((len(known), 1)), **options
    )
    model = nextchar.ConditionalModel.load(folder / "never")
    result = model.evaluate(Items.of(held_out, features=np.ones((len(held_out), 1))))
    return {"never_conditioned_bits_per_char": result.bits_per_char}


def held_out_figures(predicted: Sequence[str], right: Sequence[str]) -> dict[str, float]:
    return {
        "accuracy": accuracy_score(right, predicted),
        "mean_recall": balanced_accuracy_score(right, predicted),
        "macro_f1": f1_score(right, predicted, average="macro"),
    }


def generate(
    model: nextchar.ConditionalModel,
    wanted: Sequence[str],
    seed: int,
    *,
    temperature: float,
    strength: float,
) -> list[str]:
    """Generate a name for each language, in order."""
    names = [""] * len(wanted)
    for number, language in enumerate(sorted(set(wanted))):
        places = [index for index, each in enumerate(wanted) if each == language]
        texts = model.generator(language, strength=strength).generate_batch(
            samples=len(places), seed=1000 * (number + 1) + 100_000 * seed, length=60,
            temperature=temperature,
        )  # fmt: skip
        for place, text in zip(places, texts, strict=True):
            names[place] = text
    return names


def show(rows: list[dict[str, Any]], classifiers: dict[str, Predict]) -> None:
    print(
        f"\n{len(rows)} seeds, {np.mean([row['seconds'] for row in rows]):.0f} s of training each\n"
    )
    print("| held-out names | |\n|---|---|")
    for name, shown in (
        ("bits_per_char", "bits/char, language known"),
        ("unknown_label_bits_per_char", "bits/char, language unknown"),
        ("unconditional_bits_per_char", "bits/char, no condition"),
        ("never_conditioned_bits_per_char", "bits/char, model trained without condition"),
        ("other_condition_bits_per_char", "bits/char, wrong language"),
        ("label_bits_per_item", "bits saved by the language, per name"),
        ("generative_accuracy", "accuracy of the generative classifier"),
        ("generative_macro_f1", "macro F1 of the generative classifier"),
    ):
        if name in rows[0]:
            print(f"| {shown} | {spread([row[name] for row in rows])} |")
    for name in classifiers:
        for figure in ("accuracy", "macro_f1", "mean_recall"):
            values = [row["classifiers"][name][figure] for row in rows]
            print(f"| {figure.replace('_', ' ')} of {name} | {spread(values)} |")
    shares = [f"recognised by {name}" for name in classifiers]
    header = ["languages drawn", "temperature", "strength", *shares]
    header += ["not in the training part", "in no list", "repeated"]
    print("\n| " + " | ".join(header) + " |")
    print("|---|---|" + "---|" * (len(classifiers) + 4))
    for index, first in enumerate(rows[0]["written"]):
        columns = [f"recognised_by_{name}" for name in classifiers]
        columns += ["new", "new_of_all", "repeated"]
        cells = [spread([row["written"][index][c] for row in rows]) for c in columns]
        settings = [first["languages"], f"{first['temperature']:g}", f"{first['strength']:g}"]
        print("| " + " | ".join([*settings, *cells]) + " |")
    print()
    for language, name in rows[0]["written"][1]["examples"]:
        print(f"{language:<12} {name}")


def spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.3f}"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


if __name__ == "__main__":
    main()
