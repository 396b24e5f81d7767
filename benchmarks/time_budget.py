"""Runs with a time budget on a quiet machine, beside other work, and with other work half-way.

    python benchmarks/time_budget.py tinyshakespeare.txt --minutes 1 --seeds 4

Each row is one command ``nextchar train --minutes``. The other work is a loop that keeps one core
busy: for the whole command, or from half of the budget on. The columns are

    planned     the network and the steps planned before the first step
    steps       the steps of the run at its end
    s           wall time of the whole command, and its difference from the budget
    nats        nats/char of the network on the validation part
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

OTHER_WORK = [sys.executable, "-c", "while True: pass"]
KINDS = ("quiet", "busy", "half-way")


def train(text: Path, out: Path, minutes: float, seed: int, kind: str) -> tuple[str, float]:
    """Train beside the other work; return the messages and the wall time in seconds."""
    others: list[subprocess.Popen[bytes]] = []
    waited = threading.Timer(
        30 * minutes if kind == "half-way" else 0,
        lambda: others.append(subprocess.Popen(OTHER_WORK)),
    )
    command = [sys.executable, "-m", "nextchar", "train", str(text), "--out", str(out)]
    command += ["--minutes", f"{minutes:g}", "--seed", str(seed), "--json"]
    began = time.perf_counter()
    if kind != "quiet":
        waited.start()
    try:
        outcome = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
    finally:
        waited.cancel()
        for other in others:
            other.kill()
            other.wait()
    values = json.loads(outcome.stdout)
    planned = re.search(r"min: (\d+ × \w+ \d+).*, ([\d,]+) steps", outcome.stderr)
    network, steps = planned.groups() if planned else ("?", "?")
    row = f"| {kind} | {seed} | {network}, {steps} | {values['steps']:,} "
    row += f"| {seconds:.1f} ({100 * (seconds / (60 * minutes) - 1):+.1f} %) "
    return f"{row}| {values['nats_per_char']:.4f} |", seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    print("| other work | seed | planned | steps | s | nats |\n|---|---|---|---|---|---|")
    for seed in range(1, options.seeds + 1):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                row, _ = train(options.text, Path(folder) / "run", options.minutes, seed, kind)
            print(row, flush=True)


if __name__ == "__main__":
    main()
