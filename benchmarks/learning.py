"""Every cell with either input on one text, the same time each: the loss that it reaches.

    python benchmarks/learning.py plays.txt --minutes 1

Prints a Markdown table; ``--json`` gives the figures. Nothing but the cell and the input is set.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path

import nextchar

VARIANTS: dict[str, dict[str, str]] = {
    "rnn (tanh)": {"cell": "rnn"},
    "lstm": {"cell": "lstm"},
    "peephole_lstm": {"cell": "peephole_lstm"},
    "gru (after)": {"cell": "gru"},
    "gru (before)": {"cell": "gru", "reset": "before"},
    "min_gru": {"cell": "min_gru"},
    "min_lstm": {"cell": "min_lstm"},
}


def measure(text: Path, variant: str, kind: str, minutes: float, seed: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, object] = {**VARIANTS[variant], "input": kind}
        result = nextchar.train(text, Path(folder) / "run", minutes=minutes, seed=seed, **options)  # type: ignore[arg-type]
        model = nextchar.LanguageModel.load(Path(folder) / "run")
        return {
            "variant": variant,
            "input": kind,
            "hidden_size": model.config.network.hidden_size,
            **result.to_dict(),
        }


def row(figures: dict[str, object]) -> str:
    nats = figures["nats_per_char"]
    speed = figures["chars_per_second"]
    if not isinstance(nats, float) or not isinstance(speed, float):
        raise TypeError(figures)
    return (
        f"| {figures['variant']} | {figures['input']} | {figures['hidden_size']} "
        f"| {figures['parameters']:,} | {figures['steps']:,} | {figures['seconds']:.0f} "
        f"| {speed:,.0f} | {nats:.3f} | {nats / math.log(2):.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()

    print("| cell | input | H | weights | steps | s | chars/s | val nats/char | val bits/char |")
    print("|---|---|---|---|---|---|---|---|---|")
    every = []
    for variant in VARIANTS:
        for kind in ("onehot", "embedding"):
            figures = measure(arguments.text, variant, kind, arguments.minutes, arguments.seed)
            every.append(figures)
            print(row(figures), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(every, indent=2) + "\n")


if __name__ == "__main__":
    main()
