"""Time, memory and size of counting a text for the experts, with the default limits.

    python benchmarks/counting.py --megabytes 100

The text is the Python source of this installation up to a size, or a file. The figures are the time
of ``Experts.count`` without compilation, the peak memory of this process (Linux), and the size of
the counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from nextchar.experts.experts import Experts
from nextchar.text.vocabulary import learn

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
    characters = options.megabytes * MEGABYTE
    text = source(characters) if options.text is None else options.text.read_text(encoding="utf-8")
    vocabulary = learn("char", [text], 1)
    ids = vocabulary.encode(text)
    del text
    Experts.count(ids[:4096], vocabulary, 8, most_bytes=MOST_BYTES)  # compiles
    before, began = peak_bytes(), time.perf_counter()
    experts = Experts.count(ids, vocabulary, 8, most_bytes=MOST_BYTES)
    figures = {
        "symbols": len(ids),
        "vocabulary": len(vocabulary),
        "seconds": time.perf_counter() - began,
        "megabytes_of_counts": experts.tables.nbytes / MEGABYTE,
        "peak_megabytes_before": before / MEGABYTE,
        "peak_megabytes": peak_bytes() / MEGABYTE,
    }
    for name, value in figures.items():
        print(f"{name:24} {value:12,.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
