"""Predictions without context: the loss on short snippets, and garbage after short prompts.

    python benchmarks/beginnings.py TEXT RUN [RUN ...]

For each run, the benchmark measures nats per character of snippets from the held-out tenth, without
context and after the preceding 500 characters, and the loss over the whole tenth. It also counts
garbage among the texts that ``generate`` writes after prompts that begin a line, a word and a
sentence. A text is garbage if more than a twelfth of its symbols are rare. The rare symbols
together make up less than a thousandth of the training part. Text of the corpus itself is hardly
ever garbage by this definition.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar import LanguageModel

LENGTH, CONTEXT = 40, 500
WRITTEN = 60
RARE_SHARE, GARBAGE_SHARE = 0.001, 1 / 12
# Prompts that begin a line, a word and a sentence, three of each.
PROMPTS = ("KING:", "ROMEO:", "First Citizen:", "wher", "X", "QUEEN", "The king", "What is", "O")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("text", type=Path)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--prompts", nargs="+", default=PROMPTS)
    parser.add_argument("--seeds", type=int, default=200, help="texts after each prompt")
    parser.add_argument("--snippets", type=int, default=1000)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument(
        "--from-zeros",
        action="store_true",
        help="start from the zero state, even if the run was not trained to",
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    text = options.text.read_text("utf-8")
    cut = len(text) - len(text) // 10
    rare = rare_symbols(text[:cut])
    rows = []
    for run in options.runs:
        model = LanguageModel.load(run)
        if options.from_zeros:
            model.network.begins_after = None
        ids = model.vocabulary.encode(text[cut:], unknown="skip")
        row: dict[str, object] = {
            "run": str(run),
            "nothing": snippet_nats(model, ids, options.snippets, context=0),
            "context": snippet_nats(model, ids, options.snippets, context=CONTEXT),
            "whole": model.evaluate_ids(ids).nats_per_char,
        }
        for prompt in options.prompts:
            row[repr(prompt)] = sum(
                is_garbage(text[len(prompt) :], rare)
                for text in model.generate_batch(
                    prompt,
                    samples=options.seeds,
                    length=WRITTEN,
                    seed=1,
                    temperature=options.temperature,
                )
            )
        rows.append(row)
    print_table(rows)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def print_table(rows: list[dict[str, object]]) -> None:
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        cells = (
            f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()
        )
        print("| " + " | ".join(cells) + " |")


def snippet_nats(
    model: LanguageModel, ids: NDArray[np.unsignedinteger], count: int, *, context: int
) -> float:
    """Return the mean nats of the last ``LENGTH`` predictions of random snippets.

    ``context`` is the number of symbols read before the snippet. Without context, the network
    starts from the first symbol of the snippet.
    """
    network = model.network
    starts = np.random.default_rng(0).integers(CONTEXT, len(ids) - LENGTH - 1, count)
    places = np.arange(-context, LENGTH + 1)[:, None] + starts
    snippets = torch.from_numpy(ids[places].astype(np.int64))
    with torch.inference_mode():
        logits, _ = network(snippets[:-1], network.initial_state(count))
        return nats_of(logits[-LENGTH:], snippets[-LENGTH:])


def nats_of(logits: Tensor, targets: Tensor) -> float:
    """Return the mean cross-entropy in nats."""
    return float(functional.cross_entropy(logits.flatten(0, 1), targets.flatten()))


def rare_symbols(text: str) -> frozenset[str]:
    """Return the rarest characters of a text, which together make up less than ``RARE_SHARE``."""
    counts = sorted(Counter(text).items(), key=lambda each: each[1])
    shares = np.cumsum([count for _, count in counts]) / len(text)
    return frozenset(c for (c, _), share in zip(counts, shares, strict=True) if share < RARE_SHARE)


def is_garbage(text: str, rare: frozenset[str]) -> bool:
    """Return whether a text has more rare characters than real text."""
    return sum(c in rare for c in text) > GARBAGE_SHARE * len(text)


if __name__ == "__main__":
    main()
