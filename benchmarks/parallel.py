"""Data-parallel training compared with a single process: loss curves and speed.

    python benchmarks/parallel.py plays.txt --steps 200

Each training is a separate command, and each process has --threads threads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from nextchar.runs.training import history

LOSSES = ("train_nats_per_char", "validation_nats_per_char")
# Dropout is enabled, as its masks must not depend on the number of processes either.
OPTIONS = {
    "embedding-size": 64,
    "batch-size": 32,
    "sequence-length": 64,
    "dropout": 0.2,
    "embedding-dropout": 0.05,
    "weight-dropout": 0.1,
    "precision": "float32",
    "validation-fraction": 0.01,
    "validate-every": 1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--processes", default="1,2")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        curves = {
            world: _train(arguments, world, Path(folder) / str(world))
            for world in map(int, arguments.processes.split(","))
        }
    reference = next(iter(curves.values()))
    results = [_compared(reference, curve, world) for world, curve in curves.items()]
    print("| processes | chars/s | largest relative difference: losses | gradient norms |")
    print("|---|---|---|---|")
    for each in results:
        print(
            f"| {each['processes']} | {each['chars_per_second']:,.0f} "
            f"| {each['largest_relative_difference']:.1e} "
            f"| {each['largest_relative_difference_of_gradient_norm']:.1e} |"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


def _train(arguments: argparse.Namespace, world: int, run: Path) -> list[dict[str, Any]]:
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(world)] if world > 1 else []
    options = OPTIONS | {
        "hidden-size": arguments.hidden_size,
        "steps": arguments.steps,
        "device": arguments.device,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, *launcher, "-m", "nextchar", "train", str(arguments.text)]
    subprocess.run(
        [*command, "--out", str(run), "--quiet", *words],
        env=os.environ | {"OMP_NUM_THREADS": str(arguments.threads)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return history(run)


def _compared(
    reference: list[dict[str, Any]], curve: list[dict[str, Any]], world: int
) -> dict[str, Any]:
    return {
        "processes": world,
        "steps": len(curve),
        "chars_per_second": curve[-1]["chars_per_second"],
        "largest_relative_difference": _largest(reference, curve, LOSSES),
        "largest_relative_difference_of_gradient_norm": _largest(
            reference, curve, ("gradient_norm",)
        ),
    }


def _largest(
    left: list[dict[str, Any]], right: list[dict[str, Any]], names: tuple[str, ...]
) -> float:
    return max(
        abs(float(a[name]) - float(b[name])) / abs(float(a[name]))
        for a, b in zip(left, right, strict=True)
        for name in names
    )


if __name__ == "__main__":
    main()
