"""Validation in parallel streams compared with exact validation: difference and speed.

    python benchmarks/validation.py runs/plays

Both are measured on the validation part of a trained run, for several warm-up lengths.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import nextchar
from nextchar.evaluation import nats_parallel, nats_sequential
from nextchar.tasks.language_modeling.data import open_corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    model = nextchar.LanguageModel.load(arguments.run)
    ids = open_corpus(arguments.run).validation[:]
    predictions = (len(ids) - 1) * math.log(2)

    began = time.perf_counter()
    exact = nats_sequential(model.network, [ids])
    seconds = time.perf_counter() - began
    print(f"exact: {exact / predictions:.6f} bits/symbol, {len(ids) / seconds:,.0f} symbols/s\n")
    print("| warm-up | difference in bits/symbol | symbols/s | speed-up |")
    print("|---|---|---|---|")
    for warm_up in (0, 32, 64, 128, 256, 512):
        began = time.perf_counter()
        near = nats_parallel(model.network, [ids], warm_up=warm_up)
        took = time.perf_counter() - began
        print(
            f"| {warm_up} | {(near - exact) / predictions:+.6f} | {len(ids) / took:,.0f} "
            f"| {seconds / took:.1f} |"
        )


if __name__ == "__main__":
    main()
