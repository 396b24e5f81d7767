"""Accuracy of converting unseen dates to ISO 8601.

    python benchmarks/dates.py --seeds 3 --steps 2000 --json dates.json

The built-in corpus has 30,000 training pairs and 1,000 test pairs of other dates. All options but
the budget are the defaults. For comparison, the same texts are parsed with dateutil, a hand-written
parser for English dates.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import nextchar
from nextchar.tasks.transduction.dates import make_dates
from nextchar.tasks.transduction.model import Transducer
from nextchar.tasks.transduction.pairs import Pair


def train_and_evaluate(
    pairs: list[Pair], unseen: list[Pair], seed: int, budget: dict[str, Any]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        wall, processor = time.monotonic(), time.process_time()
        Transducer.train(pairs, run, seed=seed, **budget)
        spent = {
            "seconds": time.monotonic() - wall,
            "processor_seconds": time.process_time() - processor,
        }
        model = nextchar.Transducer.load(run)
        found = {beam: model.evaluate(unseen, beam=beam) for beam in (1, 5)}
    return {
        "seed": seed,
        **{name: round(value, 1) for name, value in spent.items()},
        "greedy_accuracy": 1 - found[1].sequence_error_rate,
        "beam_5_accuracy": 1 - found[5].sequence_error_rate,
        "beam_5_items_per_second": found[5].to_dict()["items_per_second"],
        "wrong": [each._asdict() for each in found[5].mismatches],
    }


def parsed(unseen: list[Pair]) -> float | None:
    """Return dateutil's accuracy, or ``None`` if it is not installed."""
    try:
        parser = importlib.import_module("dateutil.parser")
    except ModuleNotFoundError:
        return None
    right = 0
    for source, target in unseen:
        try:
            right += parser.parse(source).date().isoformat() == target
        except (ValueError, OverflowError):
            continue
    return right / len(unseen)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=30_000)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    given = {"minutes": options.minutes, "steps": options.steps}
    chosen = {name: value for name, value in given.items() if value is not None}
    print("| | seconds | CPU seconds | greedy | beam 5 | dates/s |")
    print("|---|--:|--:|--:|--:|--:|")
    rows = []
    unseen = make_dates(1000, seed=1_000_000, part="test")
    for seed in range(options.first, options.first + options.seeds):
        pairs = make_dates(options.count, seed=seed, part="train")
        row = train_and_evaluate(pairs, unseen, seed, chosen)
        rows.append(row)
        print(
            f"| seed {seed} | {row['seconds']:.0f} | {row['processor_seconds']:.0f} "
            f"| {row['greedy_accuracy']:.1%} | {row['beam_5_accuracy']:.1%} "
            f"| {row['beam_5_items_per_second']:,.0f} |",
            flush=True,
        )
    rules = parsed(unseen)
    if rules is not None:
        print(f"| dateutil | – | – | {rules:.1%} | – | – |")
    if options.json is not None:
        options.json.write_text(json.dumps({"rows": rows, "dateutil_accuracy": rules}, indent=2))


if __name__ == "__main__":
    main()
