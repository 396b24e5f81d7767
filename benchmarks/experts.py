"""Loss of a network alone and with experts, for texts, budgets and seeds.

    python benchmarks/experts.py tinyshakespeare.txt --minutes 1.5 --seeds 3

Each run is trained with the default options and evaluated on its validation part, in order and in
float32. The columns are nats per original character of

    alone       the network
    fixed       the network with experts: the counts of the training part
    learning    the same, and the weights of the mixture learn from the text that was read
    adaptive    the counts learn too
    dynamic     the network alone learns from the text (``--dynamic``)
    dynamic_adaptive    both

Figures of different columns are different measures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nextchar
from nextchar.evaluation.dynamic import Adaptation
from nextchar.tasks.language_modeling.data import open_corpus


def measure(text: Path, options: dict[str, Any], folder: Path, *, dynamic: bool) -> dict[str, Any]:
    """Train a run and return its figures."""
    began = time.perf_counter()
    result = nextchar.train(text, folder, **options)
    seconds = time.perf_counter() - began
    model, ids = nextchar.LanguageModel.load(folder), open_corpus(folder).validation
    fixed = model.evaluate_ids(ids, exact=True, experts="fixed")
    learning = model.evaluate_ids(ids, exact=True, experts="learning")
    adaptive = model.evaluate_ids(ids, exact=True, experts="adaptive")
    network = model.config.network
    figures = {
        "network": f"{network.layers} × {network.cell} {network.hidden_size}",
        "steps": result.steps,
        "seconds": round(seconds, 1),
        "alone": (fixed.network_nats or 0.0) / fixed.characters,
        "fixed": fixed.nats_per_char,
        "learning": learning.nats_per_char,
        "adaptive": adaptive.nats_per_char,
        "megabytes": (folder / "experts.safetensors").stat().st_size / 1e6,
    }
    if dynamic:
        both = model.evaluate_ids(ids, adaptation=Adaptation(), experts="adaptive")
        figures["dynamic"] = (both.network_nats or 0.0) / both.characters
        figures["dynamic_adaptive"] = both.nats_per_char
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--vocabulary", choices=("char", "byte", "jamo"), default="char")
    parser.add_argument("--dynamic", action="store_true", help="dynamic evaluation too")
    parser.add_argument("--keep", type=Path, help="keep the runs in this folder")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    names = ["alone", "fixed", "learning", "adaptive"]
    names += ["dynamic", "dynamic_adaptive"] if options.dynamic else []
    print(f"| seed | network | steps | s | {' | '.join(names)} | MB |")
    print(f"|---|---|---|---|{'---|' * len(names)}---|")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(1, options.seeds + 1):
            given = {
                "minutes": options.minutes,
                "seed": seed,
                "vocabulary": options.vocabulary,
            }
            folder = (options.keep or Path(temporary)) / f"{options.vocabulary}-{seed}"
            row = {"seed": seed, **measure(options.text, given, folder, dynamic=options.dynamic)}
            rows.append(row)
            figures = " | ".join(f"{row[name]:.4f}" for name in names)
            print(
                f"| {seed} | {row['network']} | {row['steps']:,} | {row['seconds']} | {figures} | "
                f"{row['megabytes']:.1f} |",
                flush=True,
            )
    medians = {name: statistics.median(row[name] for row in rows) for name in names}
    print(f"| median | | | | {' | '.join(f'{medians[name]:.4f}' for name in names)} | |")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
