"""Compressed size of a text, compared with general-purpose compressors and with ``evaluate``.

    python benchmarks/compression.py runs/plays plays.txt --characters 100000

The compressors are ``compress`` with a run; xz, bz2 and zstd at their best settings; and PPMd of
order 6 without a memory limit. zstd and PPMd need the packages zstandard and pyppmd. Each result is
also decompressed, and must equal the text. The row ``evaluate`` is the model's cross-entropy in
order and in float32, including the first symbol: a lower bound for any coder with its predictions.

For a fair comparison, use a text that the run was not trained on, such as the end of its file
(--characters). The run has read the text before it, so the column "primed" lets the compressors
read it too: it is the number of bytes that the end adds to the compressed beginning. The size
excludes the weights, as that of the other compressors excludes their programs; the size of the
weights is printed below the table.
"""

from __future__ import annotations

import argparse
import bz2
import importlib
import json
import lzma
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import nextchar
from nextchar.compression import compress, decompress
from nextchar.config import ExpertUse

PPMD_ORDER, PPMD_MEMORY = 6, 256 << 20


class Codec(NamedTuple):
    """A compressor and its decompressor."""

    name: str
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


def codecs(model: nextchar.LanguageModel, size: int) -> Iterator[Codec]:
    """Return all installed codecs, configured for a text of this size in bytes."""
    uses: tuple[ExpertUse, ...] = ("none",) if model.experts is None else ("none", "adaptive")
    for use in uses:
        yield Codec(
            f"nextchar, experts {use}",
            partial(compress, model, experts=use),
            partial(decompress, model),
        )
    best = 9 | lzma.PRESET_EXTREME
    yield Codec("xz -9e", lambda data: lzma.compress(data, preset=best), lzma.decompress)
    yield Codec("bz2 -9", lambda data: bz2.compress(data, 9), bz2.decompress)
    try:
        zstandard = importlib.import_module("zstandard")
    except ModuleNotFoundError:
        print("zstd is left out: zstandard is not installed")
    else:
        writer, reader = zstandard.ZstdCompressor(level=19), zstandard.ZstdDecompressor()
        yield Codec("zstd -19", writer.compress, reader.decompress)
    try:
        pyppmd = importlib.import_module("pyppmd")
    except ModuleNotFoundError:
        print("PPMd is left out: pyppmd is not installed")
    else:
        settings = (PPMD_ORDER, PPMD_MEMORY)
        yield Codec(
            f"PPMd order {PPMD_ORDER}",
            lambda data: (coder := pyppmd.Ppmd7Encoder(*settings)).encode(data) + coder.flush(),
            lambda data: pyppmd.Ppmd7Decoder(*settings).decode(data, size),
        )


def cross_entropy_bytes(model: nextchar.LanguageModel, text: str) -> float:
    """Return the cross-entropy of a text in bytes, read as if after a line break."""
    result = model.evaluate("\n" + text, exact=True, experts="none")
    return result.bits_per_char * result.characters / 8


def measure(codec: Codec, data: bytes, before: bytes) -> dict[str, object]:
    """Compress and decompress once, after a short warm-up text that loads the code.

    ``before`` is the text before the data, which a model has read in training.
    """
    codec.decompress(codec.compress(b""))
    began = time.perf_counter()
    packed = codec.compress(data)
    between = time.perf_counter()
    restored = codec.decompress(packed)
    ended = time.perf_counter()
    return {
        "name": codec.name,
        "bytes": len(packed),
        "primed_bytes": _primed(codec, data, before),
        "exact": restored == data,
        "compress_seconds": between - began,
        "decompress_seconds": ended - between,
    }


def _primed(codec: Codec, data: bytes, before: bytes) -> int | None:
    """Return the bytes that the data add to the compressed text before them."""
    if codec.name.startswith("nextchar") or not before:
        return None
    return len(codec.compress(before + data)) - len(codec.compress(before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path, help="UTF-8 text; for a byte model, any file")
    parser.add_argument(
        "--characters", type=int, help="only use this many characters from the end of the text"
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    text = options.text.read_bytes().decode("utf-8", "surrogateescape")
    count = len(text) if options.characters is None else options.characters
    before = text[: max(0, len(text) - count)].encode("utf-8", "surrogateescape")
    text = text[-count:]
    if len(text) == 0:
        parser.error(f"nothing to compress: got 0 characters of {options.text}")
    data = text.encode("utf-8", "surrogateescape")

    model = nextchar.LanguageModel.load(options.run)
    network = model.config.network
    print(f"{network.layers} × {network.cell} {network.hidden_size}, {len(data):,} bytes\n")
    rows = [measure(codec, data, before) for codec in codecs(model, len(data))]
    wrong = [row["name"] for row in rows if not row["exact"]]
    if wrong:
        raise RuntimeError(f"decompression returned a different text: {', '.join(map(str, wrong))}")
    least = cross_entropy_bytes(model, text)
    print("| | bytes | bits/char | primed | compress, chars/s | decompress, chars/s |")
    print("|---|---|---|---|---|---|")
    print(f"| evaluate, experts none | {least:,.0f} | {8 * least / len(text):.4f} | – | – | – |")
    for row in rows:
        size, there, back = (
            float(str(row[key])) for key in ("bytes", "compress_seconds", "decompress_seconds")
        )
        primed = "–" if row["primed_bytes"] is None else f"{row['primed_bytes']:,}"
        print(
            f"| {row['name']} | {size:,.0f} | {8 * size / len(text):.4f} | {primed} | "
            f"{len(text) / there:,.0f} | {len(text) / back:,.0f} |"
        )
    excess = float(str(rows[0]["bytes"])) / least - 1
    weights = 4 * model.parameters
    print(f"\nnextchar is {excess:+.3%} above evaluate; its weights are {weights:,} bytes")
    if options.json:
        figures = {
            "characters": len(text),
            "original_bytes": len(data),
            "evaluate_bytes": least,
            "weight_bytes": weights,
            "codecs": rows,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
