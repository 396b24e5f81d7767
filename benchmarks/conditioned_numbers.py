"""Numbers as a condition: whether words have the length and the vowels that are asked for.

    python benchmarks/conditioned_numbers.py names/ --picture numbers.png

Each line of the files is a word, and its features are computed from it: its length, and the share
of its letters that are vowels. A word is drawn at temperature 1 for each asked pair.
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
    parser.add_argument("--count", type=int, default=200, help="Words for each asked number.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="A run that was trained on these words already.")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--options", type=json.loads, default={}, help="Of training, as JSON.")
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
        "length": [asked(model, [n, typical[1]], 0, arguments) for n in LENGTHS],
        "vowels": [asked(model, [typical[0], share], 1, arguments) for share in SHARES],
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


def asked(
    model: nextchar.ConditionalModel, vector: list[float], which: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    words = model.writer(vector).generate_batch(samples=arguments.count, seed=arguments.seed)
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
    print(f"length asked, at {typical[1]:.2f} vowels; vowels asked, at length {typical[0]:g}\n")
    for name, rows in tables.items():
        print(f"| {name} asked | got, mean | deviation | just as asked | words |")
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
        axes.plot(values, means, "o-", color="C1", label="mean of what was written")
        axes.plot(values, values, "--", color="0.4", lw=1, label="as asked")
        axes.set_xlabel(f"{name}, asked")
        axes.set_ylabel(f"{name}, got")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper left")
    return figure


if __name__ == "__main__":
    main()
