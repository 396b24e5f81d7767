"""The loss of the default options after a fixed time; only the minutes and the seed are set.

    python benchmarks/defaults.py tinyshakespeare.txt --minutes 1.5 5 --seeds 3 --json defaults.json

The loss is measured on the whole validation part (the last tenth of the text), read in order with
carried state. To measure another version of nextchar, add its ``src`` to PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path

import nextchar
from nextchar.evaluation import nats_sequential
from nextchar.tasks.language_modeling.data import open_corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.5])
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    print(
        "| text | minutes | seed | size | weights | steps | epochs | s | chars/s | nats/char "
        "| bits/char |\n" + "|---" * 11 + "|"
    )
    reports = []
    for text in options.texts:
        for minutes in options.minutes:
            runs = [measure(text, minutes, seed) for seed in range(options.seeds)]
            median = statistics.median(run["nats_per_char"] for run in runs)
            print(f"{text.name}, {minutes:g} min, median of {len(runs)}: {median:.4f} nats/char\n")
            reports += [{"text": text.name, "minutes": minutes, **run} for run in runs]
    if options.json:
        options.json.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def measure(text: Path, minutes: float, seed: int) -> dict[str, float]:
    """Train once and print a row."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = nextchar.train(text, run, minutes=minutes, seed=seed)
        model = nextchar.LanguageModel.load(run)
        corpus = open_corpus(run)
        nats = nats_sequential(model.network, corpus.validation.pieces()) / (
            len(corpus.validation) - 1
        )
        network, epochs = model.config.network, result.characters / len(corpus.train)
    size = f"{network.layers} × {network.cell} {network.hidden_size}"
    print(
        f"| {text.name} | {minutes:g} | {seed} | {size} | {result.parameters:,} "
        f"| {result.steps:,} | {epochs:.1f} | {result.seconds:.0f} "
        f"| {result.chars_per_second:,.0f} | {nats:.4f} | {nats / math.log(2):.4f} |",
        flush=True,
    )
    return {
        "seed": seed, "hidden_size": network.hidden_size, "parameters": result.parameters,
        "steps": result.steps, "epochs": epochs, "seconds": result.seconds,
        "chars_per_second": result.chars_per_second, "nats_per_char": nats,
        "bits_per_char": nats / math.log(2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
