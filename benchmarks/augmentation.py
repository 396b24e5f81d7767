"""The effect of augmented copies of a small text on a small LSTM, at a fixed number of steps.

    python benchmarks/augmentation.py plays.txt --json augmentation.json

The corpus is the first 100,000 characters of the text, with the last tenth held out. Every variant
reads the same number of characters, so with copies it reads the original text less often. The
table shows the lowest and the final loss on the held-out part, as means over the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

import nextchar
from nextchar.runs.training import history

CHARACTERS = 100_000
FIXED: dict[str, Any] = {
    "hidden_size": 128,
    "embedding_size": 32,
    "batch_size": 16,
    "sequence_length": 64,
    "precision": "float32",
    "validate_every": 100,
}
NOISE = {f"augment_{edit}": 0.01 for edit in ("swap", "drop", "repeat", "neighbor", "case")}
VARIANTS: dict[str, dict[str, Any]] = {
    "the text alone": {},
    "neighbor 0.02, 1 copy": {"augment_neighbor": 0.02},
    "neighbor 0.02, 3 copies": {"augment_neighbor": 0.02, "augment_copies": 3},
    "all of characters 0.01, 3 copies": {**NOISE, "augment_copies": 3},
    "word drop 0.05, 1 copy": {"augment_word_drop": 0.05},
    "paragraphs shuffled, 1 copy": {"augment_shuffle": "paragraphs"},
    "dropout 0.2, no copy": {"dropout": 0.2},
}


def measure(text: Path, options: dict[str, Any], folder: Path) -> tuple[float, float, float]:
    """Train once; return bits per character: best and final validation loss, and training loss."""
    nextchar.train(text, folder, **FIXED, **options)
    rows = history(folder)
    held_out = [row["validation_bits_per_char"] for row in rows]
    return min(held_out), held_out[-1], rows[-1]["train_nats_per_char"] / math.log(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: dict[str, dict[str, list[float]]] = {}
    print("| | best | final | training |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        text = Path(name, "text.txt")
        text.write_text(arguments.text.read_text("utf-8")[:CHARACTERS], "utf-8")
        for variant, options in VARIANTS.items():
            columns = zip(
                *(
                    measure(
                        text,
                        {**options, "steps": arguments.steps, "seed": seed},
                        Path(name, f"{variant}-{seed}"),
                    )
                    for seed in range(arguments.seeds)
                ),
                strict=True,
            )
            best, last, train = map(list, columns)
            results[variant] = {"best_bits": best, "last_bits": last, "train_bits": train}
            means = " | ".join(f"{statistics.mean(each):.3f}" for each in (best, last, train))
            print(f"| {variant} | {means} |", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
