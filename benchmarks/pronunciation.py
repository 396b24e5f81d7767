r"""Error rates of pronouncing unseen words: CMUdict, first pronunciations, with stress.

    python benchmarks/pronunciation.py cmudict.dict --minutes 30 --out runs/cmudict \
        --picture pronunciation.png --json pronunciation.json

A random tenth of the words, chosen by the seed, is held out. The table shows the phoneme and word
error rates of greedy decoding and of a beam of 5. The baseline copies the pronunciation of the
training word with the most similar spelling. An existing run is only evaluated.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nextchar
from nextchar.cli.progress import ProgressDisplay
from nextchar.compilation.jit import compiled
from nextchar.rendering.figures import new_figure, saved_picture
from nextchar.tasks.examples import Examples
from nextchar.tasks.transduction.edit_distance import count_errors, distance
from nextchar.tasks.transduction.task import held_out, sampled
from nextchar.training.metrics import read_rows

COPIED = 300  # words for which the nearest is looked up


@compiled
def nearest(word: NDArray[np.int64], values: NDArray[np.int64], offsets: NDArray[np.int64]) -> int:
    best, place = 1 << 30, 0
    for number in range(len(offsets) - 1):
        found = distance(word, values[offsets[number] : offsets[number + 1]])
        if found < best:
            best, place = found, number
    return place


def nearest_word_baseline(run: Path, words: Examples) -> dict[str, Any]:
    """Return, for each word, the pronunciation of the training word at the least edit distance."""
    known = Examples.load(run / "items" / "train.safetensors")
    values = known.texts["source"].values.astype(np.int64)
    offsets = known.texts["source"].offsets
    places = [
        nearest(words.texts["source"][each].astype(np.int64), values, offsets)
        for each in range(len(words))
    ]
    errors = count_errors([known.texts["target"][at] for at in places], words.texts["target"])
    return {"what": "the nearest word's", "words": len(words), **errors.rates()}


def evaluate(run: Path, words: Examples, beam: int) -> dict[str, Any]:
    found = nextchar.Transducer.load(run).evaluate_examples(words, beam=beam)
    what = "greedy" if beam == 1 else f"beam {beam}"
    return {"what": what, "words": len(words), **found.to_dict()}


def plot_errors(run: Path) -> bytes:
    """Plot both error rates over the minutes of training."""
    rows = read_rows(run / "metrics.jsonl", unit="symbol")
    minutes = [row["seconds"] / 60 for row in rows]
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for place, (name, label) in enumerate(
        [("sequence_error_rate", "words"), ("symbol_error_rate", "phonemes")]
    ):
        errors = [100 * row[f"validation_{name}"] for row in rows]
        axes.plot(
            minutes, errors, "o-", ms=3, color=f"C{place}", label=f"{label}: {errors[-1]:.1f} %"
        )
    axes.set_ylim(0, None)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("errors, %")
    axes.grid(alpha=0.3)
    axes.legend(title="1,000 held-out words, greedily")
    return saved_picture(figure, "png")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument(
        "--out", type=Path, required=True, help="the run; trained if it does not exist"
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    parser.add_argument(
        "--sample", type=int, default=0, help="number of held-out words; 0 means all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wall, processor = time.monotonic(), time.process_time()
    if not options.out.exists():
        budgets = {"minutes": options.minutes, "steps": options.steps}
        nextchar.Transducer.train(
            options.dictionary,
            options.out,
            listeners=[ProgressDisplay()],
            seed=options.seed,
            **{name: value for name, value in budgets.items() if value is not None},
        )
    spent = {
        "seconds": round(time.monotonic() - wall, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
    }
    words = held_out(options.out, nextchar.Transducer.load(options.out))
    part = sampled(words, options.sample, options.seed) if options.sample else words
    rows = [evaluate(options.out, part, beam) for beam in (1, 5)]
    rows.append(nearest_word_baseline(options.out, sampled(words, COPIED, options.seed)))
    print("| pronunciation | held-out words | phoneme errors | word errors | words/s |")
    print("|---|--:|--:|--:|--:|")
    for row in rows:
        errors = f"{row['symbol_error_rate']:.1%} | {row['sequence_error_rate']:.1%}"
        speed = f"{row['items_per_second']:,.0f}" if "items_per_second" in row else "–"
        print(f"| {row['what']} | {row['words']:,} | {errors} | {speed} |")
    if options.picture is not None:
        options.picture.write_bytes(plot_errors(options.out))
    if options.json is not None:
        options.json.write_text(json.dumps({"training": spent, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
