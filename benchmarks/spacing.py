"""Restoration of spaces in Korean text, compared with a count-based baseline.

    python benchmarks/spacing.py korean_chatbot.csv --columns Q,A --seeds 3 --json spacing.json

Spaces are removed from every line, and duplicate lines are removed. A random fifth of the lines,
with seed 0, is the test part; none of its lines occurs in the training part. A tenth of the
training part is for validation. With ``--as-they-are``, duplicate lines remain and are split like
any others, as is common practice.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nextchar.config import TaggerRunConfig, TextConfig
from nextchar.config.toml import read_options
from nextchar.runs import train
from nextchar.tasks.split import train_validation_split
from nextchar.tasks.tagging.items import Item, read_items
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.tasks.tagging.scores import ConfusionCounts, Scores
from nextchar.tasks.tagging.tagger import Tagger
from nextchar.tasks.tagging.task import split

SPACES = Restoration(["spaces"])
LABELS = ("", " ")
TEST_SHARE = 0.2


def space_mask(item: Item) -> list[bool]:
    """Return a mask of the positions followed by a space."""
    return [label != "" for label in item.labels]


def evaluate(items: Sequence[Item], guess: Callable[[Item], Sequence[bool]]) -> Scores:
    """Return the scores of a rule's predictions."""
    tally = ConfusionCounts([[], ["␣"]])
    for item in items:
        tally.add(np.array(space_mask(item), dtype=int), np.array(guess(item), dtype=int))
    return tally.scores()


def always_space(item: Item) -> list[bool]:
    """Predict a space between any two characters."""
    return [0 < place < len(item.characters) - 1 for place in range(len(item.characters))]


def pair_counts(items: Sequence[Item]) -> Callable[[Item], list[bool]]:
    """Count spaces between pairs of characters; for unseen pairs, after the first character."""
    counts: dict[tuple[str, ...], Counter[bool]] = defaultdict(Counter)
    for item in items:
        for place, space in enumerate(space_mask(item)):
            for key in _keys(item, place):
                counts[key][space] += 1

    def guess(item: Item) -> list[bool]:
        found = []
        for place in range(len(item.characters)):
            seen = next((counts[key] for key in _keys(item, place) if key in counts), Counter())
            found.append(seen[True] > seen[False])
        return found

    return guess


def _keys(item: Item, place: int) -> list[tuple[str, ...]]:
    left, *right = [*item.characters[place : place + 2], "", ""][:2]
    return [(left, *right), (left,)]


def train_and_evaluate(
    learned: Sequence[Item], test: Sequence[Item], options: dict[str, Any], folder: Path
) -> tuple[Scores, dict[str, Any], Tagger]:
    """Train a tagger, and evaluate it on the test part."""
    began, busy = time.monotonic(), time.process_time()
    result = train("tag", learned, folder, restore="spaces", **options)
    figures = {
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - busy,
        "epochs": result.epochs,
        "validation_f1": result.figures["f1"],
        "parameters": result.parameters,
    }
    tagger = Tagger.load(folder)
    return tagger.evaluate_items(test).scores, figures, tagger


def row(name: str, scores: Sequence[Scores], seconds: float | None = None) -> str:
    """Print a row of the table: the means, and the standard deviation of F1 over the seeds."""

    def mean(figure: str) -> str:
        return f"{statistics.mean(each.figures()[figure] for each in scores):.4f}"

    f1 = [each.overall.f1 for each in scores]
    spread = f" ± {statistics.stdev(f1):.4f}" if len(f1) > 1 else ""
    time_taken = "" if seconds is None else f"{seconds:.0f}"
    figures = " | ".join(map(mean, ("precision", "recall", "accuracy", "whole_items")))
    return f"| {name} | {mean('f1')}{spread} | {figures} | {time_taken} |"


def load_items(options: argparse.Namespace) -> tuple[list[Item], list[Item]]:
    """Read the items, and split them into training and test parts."""
    items = read_items([options.table], TextConfig(), SPACES, columns=options.columns.split(","))
    if options.as_they_are:
        learned, held = train_validation_split(len(items), TEST_SHARE, 0)
        return [items[n] for n in learned], [items[n] for n in held]
    return split(list(dict.fromkeys(items)), TEST_SHARE, 0)


def show_examples(tagger: Tagger, test: Sequence[Item], count: int) -> None:
    """Print examples: input, output, and the reference if it differs."""
    draw = np.random.default_rng(0)
    for number in draw.choice(len(test), min(count, len(test)), replace=False):
        item = test[number]
        before, right = "".join(item.characters), SPACES.join(item.characters, item.labels)
        after = tagger.apply(before)
        print(f"    {before}\n    {after}" + ("" if after == right else f"   (is: {right})") + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--columns", default="Q,A")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--examples", type=int, default=10)
    parser.add_argument("--as-they-are", action="store_true", help="keep duplicate lines")
    parser.add_argument("--config", type=Path, help="options of nextchar tag train, in TOML")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    learned, test = load_items(options)
    texts = {item.characters for item in learned}
    repeated = sum(item.characters in texts for item in test)
    print(f"{len(learned):,} training lines, {len(test):,} test lines, of which {repeated:,} "
          "are also in the training part\n")  # fmt: skip
    baselines = {
        "never a space": evaluate(test, lambda item: [False] * len(item.characters)),
        "always a space": evaluate(test, always_space),
        "counts of the two neighbours": evaluate(test, pair_counts(learned)),
    }
    given = {} if options.config is None else read_options(options.config, TaggerRunConfig)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            place = Path(folder, str(seed))
            runs.append(train_and_evaluate(learned, test, {**given, "seed": seed}, place))
            print(f"seed {seed}: F1 {runs[-1][0].overall.f1:.4f}", runs[-1][1], file=sys.stderr)
        print("| | F1 | precision | recall | accuracy | whole lines | s |")
        print("|---|---|---|---|---|---|---|")
        for name, scores in baselines.items():
            print(row(name, [scores]))
        seconds = statistics.mean(figures["seconds"] for _, figures, _ in runs)
        print(row("nextchar tag", [scores for scores, _, _ in runs], seconds), end="\n\n")
        show_examples(runs[0][2], test, options.examples)
    if options.json is not None:
        figures = {
            "options": dataclasses.asdict(
                TaggerRunConfig.from_options({"restore": "spaces"} | given)
            ),
            "lines": {"training": len(learned), "test": len(test), "repeated": repeated},
            "baselines": {name: scores.to_dict() for name, scores in baselines.items()},
            "runs": [{**scores.to_dict(), **figures} for scores, figures, _ in runs],
        }
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
