"""The time of a training batch from ids in a file, compared with a mapped file.

    python benchmarks/corpus_reading.py --symbols 1000000000

The ids are random. Both take turns, and the minima are reported. The file should fit into memory:
otherwise the disk is measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from nextchar.text.stored_ids import IdsFile, StoredIds
from nextchar.text.streams import Streams

T, ROUNDS, STEPS = 64, 5, 2000


def write(path: Path, symbols: int) -> None:
    """Write random ids."""
    draw = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, symbols, 1 << 24):
            file.write(draw.bytes(min(1 << 24, symbols - start)))


def seconds(streams: Streams, first: int) -> float:
    """Return the seconds of a batch."""
    began = time.perf_counter()
    for step in range(first, first + STEPS):
        streams.batch(step)
    return (time.perf_counter() - began) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", type=int, default=100_000_000)
    symbols = parser.parse_args().symbols
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.bin"
        write(path, symbols)
        with path.open("rb") as file:
            stored = StoredIds(IdsFile(file, path, np.dtype(np.uint8)), 0, symbols)
        mapped = np.asarray(np.memmap(path, np.uint8, mode="r"))
        for B in (32, 128):
            both = {
                name: Streams(ids=ids, batch_size=B, sequence_length=T)
                for name, ids in (("in a file", stored), ("mapped", mapped))
            }
            times: dict[str, list[float]] = {name: [] for name in both}
            for number in range(ROUNDS):
                for name, streams in both.items():
                    times[name].append(seconds(streams, number * STEPS))
            shown = ", ".join(f"{name} {min(each) * 1e6:.1f} µs" for name, each in times.items())
            print(f"{symbols:,} symbols, batch {B} × {T}: {shown}")


if __name__ == "__main__":
    main()
