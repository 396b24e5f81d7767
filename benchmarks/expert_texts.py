"""Generated text with and without experts: words, copies and speed.

    python benchmarks/expert_texts.py RUN --characters 20000 --seeds 3

For each use of the experts, texts are generated at one temperature. The columns are the share of
words that the training part does not have; the mean and the maximum length of the passages that the
text shares with it, in characters; the share of new 16-grams; and characters per second in compiled
code. The last row is the validation part, as far as the texts are long. A sample of each follows.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import nextchar
from nextchar.config import ExpertUse
from nextchar.novelty import novelty
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.text.corpus import Corpus

_WORD = re.compile(r"\w+")
NGRAM = 16


class Row(NamedTuple):
    """The figures of a text."""

    unknown_words: float
    mean_match: float
    longest_match: float
    new_ngrams: float
    speed: float


def figures(
    text: str, seconds: float, model: nextchar.LanguageModel, corpus: Corpus, known: set[str]
) -> Row:
    """Return the figures of a text, written in some seconds."""
    words = _WORD.findall(text)
    found = novelty(model.vocabulary, corpus.original, text, ngrams=[NGRAM])
    return Row(
        sum(word not in known for word in words) / len(words),
        found.mean_match,
        found.longest_match,
        found.unseen_share[NGRAM] or 0.0,
        len(text) / seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    model, corpus = nextchar.LanguageModel.load(options.run), open_corpus(options.run)
    known = set(_WORD.findall(model.vocabulary.decode(np.asarray(corpus.original))))
    print("| experts | unknown words | mean match | longest match | new 16-grams | chars/s |")
    print("|---|---|---|---|---|---|")
    uses: tuple[ExpertUse, ...] = ("none", "fixed")
    for use in uses:
        model.generate(length=1000, experts=use, engine="compiled")
        rows = []
        for seed in range(1, options.seeds + 1):
            began = time.perf_counter()
            text = model.generate(
                length=options.characters,
                temperature=options.temperature,
                seed=seed,
                experts=use,
                engine="compiled",
            )
            rows.append(figures(text, time.perf_counter() - began, model, corpus, known))
        _print(use, Row(*(statistics.median(each) for each in zip(*rows, strict=True))))
    part = model.vocabulary.decode(np.asarray(corpus.validation[: options.characters]))
    _print("(validation part)", figures(part, float("inf"), model, corpus, known))
    for use in uses:
        sample = model.generate(
            length=400, temperature=options.temperature, seed=1, experts=use, engine="compiled"
        )
        print(f"\n--- {use}, seed 1 ---\n{sample}")


def _print(name: str, row: Row) -> None:
    print(
        f"| {name} | {row.unknown_words:.1%} | {row.mean_match:.2f} | {row.longest_match:.0f} | "
        f"{row.new_ngrams:.1%} | {row.speed:,.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
