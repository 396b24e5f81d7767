"""Hyperparameter search from a poor start, compared with the default recipe at a trial's budget.

    python benchmarks/tuning.py tinyshakespeare.txt --json tuning.json

The poor start has a learning rate far too low, 32 units, strong dropout and no warm-up. The search
has 40 trials of 300 steps on the first 400,000 characters. The start, the default recipe and the
best trial are then trained with seeds not used in the search. This takes about a quarter of an hour
on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nextchar
from nextchar.config.toml import read_options

POOR: Mapping[str, Any] = {
    "learning_rate": 2e-4,
    "hidden_size": 32,
    "dropout": 0.5,
    "warmup": 0.0,
    "weight_decay": 0.001,
}
SEARCH: Mapping[str, str] = {
    "learning_rate": "1e-4..1e-1:log",
    "hidden_size": "32..256:step=32",
    "dropout": "0..0.5",
    "warmup": "0..0.3",
    "weight_decay": "1e-3..1:log",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument(
        "--first", type=int, default=400_000, help="number of characters of the text"
    )
    parser.add_argument("--steps", type=int, default=300, help="steps of a trial")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--method", default="tpe", choices=("tpe", "random"))
    parser.add_argument("--seeds", type=int, default=2, help="number of final runs of each")
    parser.add_argument("--out", type=Path, help="store the search in this folder, and continue it")
    parser.add_argument("--picture", type=Path, help="also plot the search to this file")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.out or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        text = folder / "text.txt"
        text.write_text(options.text.read_text(encoding="utf-8")[: options.first], encoding="utf-8")
        began = time.monotonic()
        tuning = nextchar.tune(
            text, folder / "search", search=SEARCH, method=options.method, trials=options.trials,
            start=POOR, steps=options.steps,
        )  # fmt: skip
        seconds = time.monotonic() - began
        found = read_options(tuning.config)
        rows = {
            "poor start": {**POOR, "steps": options.steps},
            "default recipe": {"steps": options.steps},
            "found": found,
        }
        nats = {
            label: [
                train_or_resume(text, folder / f"{label}-{seed}", seed=seed, **row)
                for seed in range(1, options.seeds + 1)
            ]
            for label, row in rows.items()
        }
    if options.picture:
        from nextchar.experiments.plots import search_picture

        options.picture.write_bytes(search_picture(tuning, options.picture.suffix[1:]))
    print(tuning.markdown())
    print(f"{tuning.counts()} in {seconds:.0f} s; importance {tuning.importance}\n")
    print("| | nats/char | bits/char |\n|---|---|---|")
    for label, values in nats.items():
        mean = statistics.mean(values)
        print(f"| {label}, mean of {len(values)} | {mean:.4f} | {mean / math.log(2):.4f} |")
    behind = statistics.mean(nats["found"]) - statistics.mean(nats["default recipe"])
    print(f"\nbest trial - default recipe: {behind:+.4f} nats/char")
    if options.json:
        report = {
            "steps": options.steps, "seconds": seconds, "nats_per_char": nats,
            "found_minus_recipe_nats_per_char": behind, "search": tuning.to_dict(),
        }  # fmt: skip
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def train_or_resume(text: Path, run: Path, **options: Any) -> float:  # noqa: ANN401
    """Train or resume a run; return its nats per character."""
    if run.exists():
        return nextchar.LanguageModel.resume(run).nats_per_char
    return nextchar.train(text, run, **options).nats_per_char


if __name__ == "__main__":
    main()
