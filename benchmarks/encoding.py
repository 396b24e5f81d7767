"""Speed of encoding text as ids, and memory use of building a corpus.

    python benchmarks/encoding.py [--gigabytes 0.1] [--json FILE]

Encoding is measured on one core, for generated ASCII and Korean text. The baseline, in the same
process, is the list of dictionary look-ups common in tutorials. Speeds are in 10^6 bytes of UTF-8
per second; the best of several repetitions is reported. Memory is the growth of the peak resident
set (Linux) of a fresh process that reads a generated file, learns its vocabulary and builds its
corpus.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nextchar.config import TextConfig, VocabularyKind
from nextchar.text.corpus import Corpus
from nextchar.text.reading import open_text
from nextchar.text.vocabulary import learn

KINDS: tuple[VocabularyKind, ...] = ("char", "byte", "jamo")
MEGABYTE = 10**6
SAMPLE_BYTES = 8 * MEGABYTE
REPETITIONS = 5


def make_text(language: str, size: int) -> str:
    """Return words, spaces, full stops and line breaks: about ``size`` bytes of UTF-8."""
    random_words = random.Random(0)
    first, count, lengths = (0x61, 26, 9) if language == "ascii" else (0xAC00, 2350, 5)
    words = [
        "".join(chr(first + random_words.randrange(count)) for _ in range(1 + index % lengths))
        for index in range(5000)
    ]
    line = " ".join(random_words.choices(words, k=20_000)).replace(" b", ".\n")
    return line * max(1, size // len(line.encode()))


def best_seconds(work: Callable[[], object]) -> float:
    """Return the shortest time of several repetitions."""
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure_speeds(language: str) -> dict[str, float]:
    """Measure every kind of vocabulary and the baseline, in 10^6 bytes per second."""
    text = make_text(language, SAMPLE_BYTES)
    megabytes = len(text.encode()) / MEGABYTE
    table = {symbol: number for number, symbol in enumerate(sorted(set(text)))}
    speeds: dict[str, float] = {}
    for kind in KINDS:
        vocabulary = learn(kind, [text], 1)
        vocabulary.encode(text[:1])  # makes the look-up table
        speeds[kind] = megabytes / best_seconds(partial(vocabulary.encode, text))
    speeds["peer_dictionary"] = megabytes / best_seconds(lambda: [table[c] for c in text])
    return speeds


def write_text(path: Path, size: int) -> None:
    """Write a text, half ASCII and half Korean, in constant memory."""
    block = make_text("ascii", MEGABYTE) + make_text("korean", MEGABYTE)
    data = block.encode()
    with path.open("wb") as file:
        for _ in range(max(1, size // len(data))):
            file.write(data)


def peak_bytes() -> int:
    """Return the peak resident set of this process so far."""
    # Not getrusage: its peak includes that of the parent process.
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def build_corpus(kind: VocabularyKind, folder: Path) -> dict[str, float]:
    """Build a corpus from ``folder/text.txt``; return the time and the additional memory."""
    config = TextConfig(vocabulary=kind)
    before, start = peak_bytes(), time.perf_counter()
    with open_text([folder / "text.txt"], config) as source:
        vocabulary = learn(kind, source.chunks(), 1)
        Corpus.build(source, vocabulary, folder / kind, config)
        megabytes = source.size / MEGABYTE
    seconds = time.perf_counter() - start
    return {
        "megabytes": megabytes,
        "seconds": seconds,
        "megabytes_per_second": megabytes / seconds,
        "added_peak_megabytes": (peak_bytes() - before) / MEGABYTE,
    }


def measure_corpora(size: int) -> dict[str, dict[str, float]]:
    """Build a corpus of every kind, each in a separate process."""
    # Spawned, not forked: a forked process starts with the memory of its parent.
    processes = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        write_text(Path(name, "text.txt"), size)
        results: dict[str, dict[str, float]] = {}
        for kind in KINDS:
            with processes.Pool(1) as pool:
                results[kind] = pool.apply(build_corpus, (kind, Path(name)))
    return results


def print_results(results: dict[str, Any]) -> None:
    for language, speeds in results["megabytes_per_second"].items():
        for name, speed in speeds.items():
            print(f"encode  {language:7} {name:16} {speed:8.0f} MB/s")
    for kind, corpus in results["corpus"].items():
        print(
            f"corpus  {kind:7} {corpus['megabytes']:8.0f} MB in {corpus['seconds']:6.1f} s, "
            f"{corpus['megabytes_per_second']:5.0f} MB/s, "
            f"{corpus['added_peak_megabytes']:5.0f} MB of additional memory"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=0.1, help="size of the corpus (GiB)")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    results: dict[str, Any] = {
        "megabytes_per_second": {name: measure_speeds(name) for name in ("ascii", "korean")},
        "corpus": measure_corpora(int(arguments.gigabytes * 2**30)),
    }
    print_results(results)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
