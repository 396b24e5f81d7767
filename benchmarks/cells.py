"""Throughput of each cell's forward and backward pass, in characters per second.

nextchar's implementation of each cell is compared with torch's own module, if there is one, and
with autograd over a loop of time steps. The variants of a cell take turns in one process, and the
median of the rounds is reported, so a busy machine affects them equally.

    python benchmarks/cells.py --hidden 256 512 --precision float32 bfloat16 --json cells.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nextchar.config import NetworkConfig
from nextchar.nn.cell import Cell
from nextchar.nn.cells import build_cell
from nextchar.nn.initialization import initialize_cell
from nextchar.nn.recurrent import choose_path, unroll

CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "rnn sigmoid": {"cell": "rnn", "activation": "sigmoid"},
    "lstm": {"cell": "lstm"},
    "peephole_lstm": {"cell": "peephole_lstm"},
    "peephole_lstm matrix": {"cell": "peephole_lstm", "peepholes": "matrix"},
    "gru": {"cell": "gru"},
    "gru before": {"cell": "gru", "reset": "before"},
    "min_gru": {"cell": "min_gru"},
    "min_lstm": {"cell": "min_lstm"},
}
STOCK: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def main() -> None:
    options = read_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    reports = [
        measure(name, hidden, precision, options)
        for precision in options.precision
        for hidden in options.hidden
        for name in options.cells
    ]
    if options.json:
        options.json.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--hidden", nargs="+", type=int, default=[256, 512])
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--batch", type=int, default=32, help="streams (B)")
    parser.add_argument("--length", type=int, default=64, help="time steps (T)")
    parser.add_argument("--inputs", type=int, default=128, help="input size (I)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="number of torch threads")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    return parser.parse_args()


def measure(
    name: str, hidden: int, precision: str, options: argparse.Namespace
) -> dict[str, str | int | float]:
    """Measure the variants of one cell and print a line."""
    generator = torch.Generator().manual_seed(0)
    config = NetworkConfig(hidden_size=hidden, **CELLS[name])
    cell = build_cell(config, options.inputs)
    initialize_cell(cell, config, generator)
    cell = cell.to(options.device)
    inputs = torch.randn(options.length, options.batch, options.inputs, generator=generator)
    inputs = inputs.to(options.device).requires_grad_()
    runs = {way: backward_of(run, inputs, PRECISIONS[precision])
            for way, run in variants(name, cell, inputs).items()}  # fmt: skip
    seconds = median_seconds(runs, options.rounds, options.device)
    rates = {way: options.batch * options.length / taken for way, taken in seconds.items()}
    report: dict[str, str | int | float] = {
        "cell": name, "hidden_size": hidden, "precision": precision,
        "batch_size": options.batch, "sequence_length": options.length,
        "path": choose_path(cell, inputs), "threads": torch.get_num_threads(),
    }  # fmt: skip
    report.update({f"{way}_chars_per_second": rate for way, rate in rates.items()})
    report.update({f"ratio_to_{way}": rates["chosen"] / rates[way] for way in rates})
    del report["ratio_to_chosen"]
    columns = "  ".join(
        f"{way} {rates[way]:>9,.0f} (×{rates['chosen'] / rates[way]:.2f})"
        for way in rates if way != "chosen"
    )  # fmt: skip
    print(
        f"{precision:9} H={hidden:<5} {name:21} {report['path']:9}"
        f"{rates['chosen']:>10,.0f} chars/s  {columns}",
        flush=True,
    )
    return report


def variants(name: str, cell: Cell, inputs: Tensor) -> dict[str, Callable[[], Tensor]]:
    """Return the implementations that compute the outputs [T, B, H]."""
    state = cell.initial_state(inputs.shape[1])
    ways: dict[str, Callable[[], Tensor]] = {
        "chosen": lambda: unroll(cell, inputs, state)[0],
        "stepwise": lambda: unroll(cell, inputs, state, path="stepwise")[0],
    }
    if name in STOCK:
        module = STOCK[name](cell.input_size, cell.hidden_size, device=inputs.device)
        ways["torch"] = lambda: first(module(inputs))
    return ways


def first(results: tuple[Tensor, Any]) -> Tensor:
    return results[0]


def backward_of(
    run: Callable[[], Tensor], inputs: Tensor, dtype: torch.dtype
) -> Callable[[], None]:
    """Return a function that runs both passes, with autocast unless in float32."""
    low = dtype != torch.float32

    def forward_and_backward() -> None:
        with torch.autocast(inputs.device.type, dtype if low else None, enabled=low):
            outputs = run()
        torch.autograd.backward(outputs, torch.ones_like(outputs))

    return forward_and_backward


def median_seconds(
    runs: dict[str, Callable[[], None]], rounds: int, device: str
) -> dict[str, float]:
    """Return the median time of each call, run in turn after one warm-up round."""
    taken: dict[str, list[float]] = {way: [] for way in runs}
    for _ in range(rounds + 1):
        for way, run in runs.items():
            start = time.perf_counter()
            run()
            if device != "cpu":
                torch.cuda.synchronize()
            taken[way].append(time.perf_counter() - start)
    return {way: statistics.median(times[1:]) for way, times in taken.items()}


if __name__ == "__main__":
    main()
