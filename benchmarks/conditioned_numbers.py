"""Accuracy of numeric conditions: the length and the share of vowels of generated words.

    python benchmarks/conditioned_numbers.py names/ --picture numbers.png

Each line of the files is a word. Its features are its length and the share of vowels among its
letters. Words are sampled at temperature 1 for each requested pair of features.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import nextchar
from nextchar.config import TextConfig
from nextchar.tasks.conditioning.items import Items
from nextchar.text.labelled import read_labelled

VOWELS = set("aeiouyàáãäéèêíìóòöõúùüAEIOUYÁÉÓÖÜ")
LENGTHS = range(3, 13)
SHARES = (0.2, 0.3, 0.4, 0.5, 0.6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="+")
    parser.add_argument("--count", type=int, default=200, help="Words per requested number.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="An existing run, trained on these words.")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--options", type=json.loads, default={}, help="Training options, as JSON.")
    arguments = parser.parse_args()
    read = read_labelled(arguments.words, TextConfig(), layout="files", label=None)
    words = list(dict.fromkeys(item.text for item in read))
    items = Items.of(words, features=list(map(features, words)), names=("length", "vowels"))
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run or Path(folder) / "run"
        if arguments.run is None:
            options = {"seed": arguments.seed, **arguments.options}
            nextchar.ConditionalModel.train(items, run, **options)
        model = nextchar.ConditionalModel.load(run)
    typical = np.median([features(word) for word in words], axis=0).tolist()
    tables = {
        "length": [evaluate(model, [n, typical[1]], 0, arguments) for n in LENGTHS],
        "vowels": [evaluate(model, [typical[0], share], 1, arguments) for share in SHARES],
    }
    show(tables, typical)
    if arguments.picture is not None:
        draw(tables).savefig(arguments.picture, dpi=150)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(tables, indent=2, ensure_ascii=False))


def features(word: str) -> list[float]:
    letters = [character for character in word if character.isalpha()]
    share = sum(character in VOWELS for character in letters) / max(1, len(letters))
    return [float(len(word)), share]


def evaluate(
    model: nextchar.ConditionalModel, vector: list[float], which: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    words = model.generator(vector).generate_batch(samples=arguments.count, seed=arguments.seed)
    got = [features(word)[which] for word in words]
    return {
        "asked": vector[which],
        "mean": float(np.mean(got)),
        "deviation": float(np.std(got)),
        "exact": float(np.mean([value == vector[which] for value in got])),
        "got": got,
        "examples": words[:6],
    }


def show(tables: dict[str, list[dict[str, Any]]], typical: list[float]) -> None:
    print(f"lengths at {typical[1]:.2f} vowels; shares of vowels at length {typical[0]:g}\n")
    for name, rows in tables.items():
        print(f"| requested {name} | mean | standard deviation | exact | words |")
        print("|---|---|---|---|---|")
        for row in rows:
            exact = f"{row['exact']:.0%}" if name == "length" else "–"
            words = ", ".join(row["examples"])
            print(
                f"| {row['asked']:g} | {row['mean']:.2f} | {row['deviation']:.2f} | {exact} | "
                f"{words} |"
            )
        print()


def draw(tables: dict[str, list[dict[str, Any]]]) -> Figure:
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    noise = np.random.default_rng(0)
    for axes, (name, rows) in zip(figure.subplots(1, 2), tables.items(), strict=True):
        values = [row["asked"] for row in rows]
        step = values[1] - values[0]
        for row in rows:
            places = row["asked"] + noise.uniform(-0.25, 0.25, len(row["got"])) * step
            heights = np.array(row["got"]) + (name == "length") * noise.uniform(
                -0.25, 0.25, len(row["got"])
            )
            axes.plot(places, heights, ".", color="C0", alpha=0.15, ms=4, mew=0)
        means = [row["mean"] for row in rows]
        axes.plot(values, means, "o-", color="C1", label="mean of the generated words")
        axes.plot(values, values, "--", color="0.4", lw=1, label="requested")
        axes.set_xlabel(f"requested {name}")
        axes.set_ylabel(f"{name}, got")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper left")
    return figure


if __name__ == "__main__":
    main()
