"""Final loss and speed of the same training run in every precision that this machine supports.

    python benchmarks/precision.py plays.txt --steps 1500 --seeds 3 --json precision.json

Sizes are the defaults unless set. The loss is measured on the whole validation part, read in order
and always in float32. bfloat16 is skipped on processors that would have to emulate it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import torch

import nextchar
from nextchar.evaluation import nats_sequential
from nextchar.nn.precision import Arithmetic, has_bfloat16, has_int16
from nextchar.tasks.language_modeling.data import open_corpus

CPU = torch.device("cpu")

Figures = dict[str, str | int | float]


def available() -> list[Arithmetic]:
    low: list[tuple[Arithmetic, bool]] = [
        ("bfloat16", has_bfloat16(CPU)),
        ("int16", has_int16(CPU)),
    ]
    return ["float32", *(name for name, is_here in low if is_here)]


def measure(text: Path, precision: Arithmetic, seed: int, options: argparse.Namespace) -> Figures:
    """Train once and print a row."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = nextchar.train(
            text, run, precision=precision, seed=seed, steps=options.steps, cell=options.cell,
            hidden_size=options.hidden_size, device="cpu",
        )  # fmt: skip
        model = nextchar.LanguageModel.load(run)
        ids = open_corpus(run).validation[:]
        nats = nats_sequential(model.network, [ids]) / (len(ids) - 1)
    print(
        f"| {precision} | {seed} | {nats:.4f} | {result.seconds:.1f} "
        f"| {result.chars_per_second:,.0f} |",
        flush=True,
    )
    return {
        "precision": precision, "seed": seed, "nats_per_symbol": nats, "seconds": result.seconds,
        "chars_per_second": result.chars_per_second,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    print("| precision | seed | nats/symbol | s | chars/s |\n|---|---|---|---|---|")
    runs = [
        measure(options.text, precision, seed, options)
        for seed in range(options.seeds)
        for precision in available()
    ]
    print()
    for precision in available():
        losses = [float(run["nats_per_symbol"]) for run in runs if run["precision"] == precision]
        print(f"{precision}: {statistics.mean(losses):.4f} nats/symbol on average")
    if options.json:
        options.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
