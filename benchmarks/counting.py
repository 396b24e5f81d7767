"""Time, memory and size of counting a text for the experts, with the default limits.

    python benchmarks/counting.py --megabytes 100

The text is the Python source of this installation up to a size, or a file. A new process reads its
ids and counts them. The figures are the time of ``Experts.count`` without compilation, the peak
memory of that process before and after it (Linux), and the size of the counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nextchar.experts.experts import Experts
from nextchar.text.vocabulary import Vocabulary, learn

MEGABYTE = 1_000_000
MOST_BYTES = 300 * MEGABYTE


def source(characters: int) -> str:
    """Return Python source of this installation; modules are in the order of their paths."""
    parts, length = [], 0
    folders = {Path(each).resolve() for each in sys.path if Path(each).is_dir()}
    files = {path for folder in folders for path in folder.rglob("*.py")}
    for path in sorted(files):
        parts.append(path.read_text(encoding="utf-8", errors="ignore"))
        length += len(parts[-1])
        if length >= characters:
            break
    return "".join(parts)[:characters]


def peak_bytes() -> int:
    """Return the peak resident set of this process so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--text", type=Path, help="count this file instead")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    figures = counted(options.text, options.megabytes * MEGABYTE)
    for name, value in figures.items():
        print(f"{name:24} {value:12,.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def counted(file: Path | None, characters: int) -> dict[str, float]:
    """Encode a text, and count it in a new process, which has not held the text itself."""
    text = source(characters) if file is None else file.read_text(encoding="utf-8")
    vocabulary = learn("char", [text], 1)
    with tempfile.NamedTemporaryFile(suffix=".npy") as ids:
        np.save(ids, vocabulary.encode(text))
        ids.flush()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(measure, (Path(ids.name), vocabulary))


def measure(file: Path, vocabulary: Vocabulary) -> dict[str, float]:
    """Count the ids in a file; return the figures."""
    ids = np.load(file)
    Experts.count(ids[:4096], vocabulary, 8, most_bytes=MOST_BYTES)  # compiles
    before, began = peak_bytes(), time.perf_counter()
    experts = Experts.count(ids, vocabulary, 8, most_bytes=MOST_BYTES)
    return {
        "symbols": len(ids),
        "vocabulary": len(vocabulary),
        "seconds": time.perf_counter() - began,
        "megabytes_of_counts": experts.tables.nbytes / MEGABYTE,
        "peak_megabytes_before": before / MEGABYTE,
        "peak_megabytes": peak_bytes() / MEGABYTE,
    }


if __name__ == "__main__":
    main()
