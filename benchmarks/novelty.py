"""Time and memory for finding the overlap of a text with a large corpus, against simple baselines.

    python benchmarks/novelty.py [--corpus-megabytes 100] [--text-megabytes 1] [--json FILE]

Corpus and text consist of the same 20,000 artificial words, a few of them frequent and most of them
rare, as in natural language. Three methods are measured, each in a fresh process, with the growth
of its peak resident set (Linux):

- ``nextchar.novelty``, which finds the unseen n-grams for eight values of n and the longest shared
  spans. The pages of the memory-mapped corpus are included, although the system can reclaim them.
- A set of all n-grams of the corpus, for one n. It uses a tenth of the corpus, to fit in memory;
  ``nextchar.novelty`` runs on the same tenth.
- Python's ``n-gram in corpus`` for a sample of the text's n-grams, for eight values of n. The time
  for all of them is extrapolated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nextchar.novelty import novelty
from nextchar.novelty.report import NGRAMS
from nextchar.text.vocabulary import from_dict, learn

MEGABYTE = 10**6
WORDS = 20_000
WORDS_AT_ONCE = 200_000
SET_N = 16
SAMPLED = 10  # n-grams of each n


def sentences(seed: int) -> Iterator[str]:
    """Yield artificial sentences endlessly, in blocks of about a megabyte."""
    letters = random.Random(0)
    words = ["".join(letters.choices("etaoinshrdlu", k=1 + rank % 9)) for rank in range(WORDS)]
    ends = random.Random(1).choices([" ", ", ", ".\n"], weights=[8, 1, 1], k=WORDS)
    frequency = 1 / (np.arange(WORDS) + 3.0)
    draw = np.random.default_rng(seed)
    while True:
        chosen = draw.choice(WORDS, size=WORDS_AT_ONCE, p=frequency / frequency.sum()).tolist()
        yield "".join(words[word] + ends[place] for word, place in itertools.pairwise(chosen))


def write_text(path: Path, size: int, seed: int) -> None:
    """Write this number of characters of sentences."""
    with path.open("w", encoding="ascii") as file:
        for piece in sentences(seed):
            file.write(piece[: size - file.tell()])
            if file.tell() == size:
                return


def write_ids(folder: Path) -> None:
    """Encode ``corpus.txt`` in the format of a run: a file of ids, and the vocabulary."""
    corpus = (folder / "corpus.txt").read_text(encoding="ascii")
    vocabulary = learn("char", [corpus], 1)
    vocabulary.encode(corpus).tofile(folder / "ids.bin")
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary.to_dict()))


def peak_bytes() -> int:
    """Return the peak resident set of this process so far."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def by_novelty(folder: Path, share: float) -> dict[str, Any]:
    """Compare the text with the first part of the corpus."""
    text = (folder / "text.txt").read_text(encoding="ascii")
    vocabulary = from_dict(json.loads((folder / "vocabulary.json").read_text()))
    corpus = np.memmap(folder / "ids.bin", dtype=vocabulary.dtype, mode="r")
    ids = corpus[: int(share * len(corpus))]
    novelty(vocabulary, ids[:1000], text[:1000])  # compiles the code, or loads it from the cache
    before, began = peak_bytes(), time.perf_counter()
    found = novelty(vocabulary, ids, text)
    return {
        "corpus_characters": len(ids),
        "seconds": time.perf_counter() - began,
        "added_peak_megabytes": (peak_bytes() - before) / MEGABYTE,
        "unseen_ngram_share": found.unseen_share,
        "longest_match_characters": found.longest_match,
    }


def by_set(folder: Path, share: float) -> dict[str, Any]:
    """Look up the text's n-grams of one n in the set of those of the corpus."""
    text = (folder / "text.txt").read_text(encoding="ascii")
    corpus = (folder / "corpus.txt").read_text(encoding="ascii")
    corpus = corpus[: int(share * len(corpus))]
    before, began = peak_bytes(), time.perf_counter()
    known = {corpus[place : place + SET_N] for place in range(len(corpus) - SET_N + 1)}
    places = range(len(text) - SET_N + 1)
    unseen = sum(text[place : place + SET_N] not in known for place in places)
    return {
        "corpus_characters": len(corpus),
        "seconds": time.perf_counter() - began,
        "added_peak_megabytes": (peak_bytes() - before) / MEGABYTE,
        "unseen_ngram_share": {SET_N: unseen / len(places)},
    }


def by_search(folder: Path) -> dict[str, Any]:
    """Search the corpus for a sample of n-grams."""
    text = (folder / "text.txt").read_text(encoding="ascii")
    corpus = (folder / "corpus.txt").read_text(encoding="ascii")
    draw = random.Random(0)
    began = time.perf_counter()
    for n in NGRAMS:
        for _ in range(SAMPLED):
            place = draw.randrange(len(text) - n + 1)
            _ = text[place : place + n] in corpus
    seconds = (time.perf_counter() - began) / (SAMPLED * len(NGRAMS))
    return {
        "corpus_characters": len(corpus),
        "seconds_per_ngram": seconds,
        "seconds": seconds * sum(len(text) - n + 1 for n in NGRAMS),
    }


def measure(corpus_size: int, text_size: int) -> dict[str, Any]:
    """Run every method in a separate process."""
    ways: dict[str, Callable[[Path], dict[str, Any]]] = {
        "nextchar": partial(by_novelty, share=1.0),
        "nextchar_tenth": partial(by_novelty, share=0.1),
        "set_tenth": partial(by_set, share=0.1),
        "search": by_search,
    }
    # Spawned, not forked: a forked process starts with the memory of its parent.
    processes = multiprocessing.get_context("spawn")
    figures: dict[str, Any] = {"text_characters": text_size}
    with tempfile.TemporaryDirectory() as name:
        write_text(Path(name, "corpus.txt"), corpus_size, seed=1)
        write_text(Path(name, "text.txt"), text_size, seed=2)
        write_ids(Path(name))
        for way, work in ways.items():
            with processes.Pool(1) as pool:
                figures[way] = pool.apply(work, (Path(name),))
    return figures


def print_table(figures: dict[str, Any]) -> None:
    names = {
        "nextchar": f"nextchar, {len(NGRAMS)} values of n and spans",
        "nextchar_tenth": "the same, a tenth of the corpus",
        "set_tenth": f"set of {SET_N}-grams, a tenth of the corpus",
        "search": f"`in`, {len(NGRAMS)} values of n, extrapolated",
    }
    print(f"| | corpus, MB | s | added memory, MB | unseen {SET_N}-grams |\n|---|---|---|---|---|")
    for way, words in names.items():
        row = figures[way]
        memory, unseen = "–", "–"
        if "unseen_ngram_share" in row:
            memory = f"{row['added_peak_megabytes']:,.0f}"
            unseen = f"{row['unseen_ngram_share'][SET_N]:.3%}"
        size = row["corpus_characters"] / MEGABYTE
        print(f"| {words} | {size:,.0f} | {row['seconds']:,.1f} | {memory} | {unseen} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus-megabytes", type=float, default=100)
    parser.add_argument("--text-megabytes", type=float, default=1)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    sizes = [int(size * MEGABYTE) for size in (options.corpus_megabytes, options.text_megabytes)]
    if min(sizes) < 1000:
        parser.error("a corpus and a text must have at least 0.001 MB")
    figures = measure(*sizes)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
