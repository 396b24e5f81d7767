"""Training throughput, compared with the usual tutorial loop.

    python benchmarks/training.py --json training.json

nextchar's training step (batch, forward, loss, backward, clipping, update), in the precision that
it selects, is compared with an embedding, ``torch.nn.RNN``, ``LSTM`` or ``GRU`` and a linear head,
trained by Adam in float32. torch has no peephole LSTM, so its baseline is autograd over a loop of
time steps. Both read windows of the same ids and carry their state. The baseline runs twice: in a
separate process with default settings, as is usual, and in this process, whose C library keeps
freed memory for the next step (``keep_freed_memory``). All take turns with the matrix products of
a step, and the medians of the rounds are reported.

The nominal cost of a character is 6 · W floating-point operations: 2 forward and 4 backward for
each of the W weights in matrix products, which are G · H · (I + H) per layer and V · H for the
head. The nominal share of the peak is this cost times characters per second, divided by the best
rate of the products [B, H] · [H, G·H] and [B, G·H] · [G·H, H] alone in nextchar's precision. The
products use torch.mm, with either layout of the weights. torch has no product of 16-bit integers,
so nextchar's own is measured, on one thread's share of the columns; the rate assumes that all
threads are equally fast. nextchar may compute fewer products than the nominal number: it can
project the V rows of the embedding instead of all T · B positions.

Legend: T time steps, B streams, V symbols, E embedding, G gates, H hidden, L layers, I input of a
layer: E for the first, H above.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nextchar.config import Config
from nextchar.nn.autotune import fastest_arithmetic
from nextchar.nn.kernels.fixed_point import (
    COLUMNS,
    ONE,
    PAIRS_OF_GRADIENTS,
    PAIRS_OF_STATES,
    multiply_integers,
)
from nextchar.nn.kernels.quantized import STATE_SCALES
from nextchar.nn.network import Network
from nextchar.text.streams import Streams
from nextchar.training.memory import keep_freed_memory
from nextchar.training.objective import StreamObjective
from nextchar.training.stepper import Stepper

B, T, V, E = 32, 64, 65, 128
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "peephole_lstm": 4}
STOCK: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
HIDDEN = (128, 256, 512, 1024)
LAYERS = (1, 2)
IDS = B * T * 512
TURN_SECONDS = 0.1
LEAST_ROUNDS = 3

Run = Callable[[], object]
Report = dict[str, str | int | float]


class PeepholeLSTM(nn.Module):
    """A peephole LSTM as a loop of time steps: one product for all four gates."""

    def __init__(self, input_size: int, hidden_size: int, layers: int) -> None:
        super().__init__()
        sizes = [input_size] + [hidden_size] * (layers - 1)
        self.gates = nn.ModuleList(nn.Linear(I + hidden_size, 4 * hidden_size) for I in sizes)  # noqa: E741
        self.peepholes = nn.Parameter(torch.zeros(layers, 3, hidden_size))

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return outputs and state for vectors [T, B, I], from a state of two tensors [L, B, H]."""
        hidden, cells = [], []
        for layer, gates in enumerate(self.gates):
            h, c = state[0][layer], state[1][layer]
            p_i, p_f, p_o = self.peepholes[layer]
            outputs = []
            for x in inputs:
                i, f, g, o = gates(torch.cat((x, h), dim=1)).chunk(4, dim=1)
                i = torch.sigmoid(i + p_i * c)
                f = torch.sigmoid(f + p_f * c)
                c = f * c + i * torch.tanh(g)
                h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
                outputs.append(h)
            inputs = torch.stack(outputs)
            hidden.append(h)
            cells.append(c)
        return inputs, (torch.stack(hidden), torch.stack(cells))


class TutorialModel(nn.Module):
    """The usual tutorial model: embedding, recurrent layers, linear head."""

    def __init__(self, cell: str, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        self.recurrence = STOCK.get(cell, PeepholeLSTM)(E, hidden_size, layers)
        self.head = nn.Linear(hidden_size, V)
        zeros = torch.zeros(layers, B, hidden_size)
        self.initial_state = (zeros, zeros) if "lstm" in cell else zeros

    def forward(
        self, ids: Tensor, state: Tensor | tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor | tuple[Tensor, Tensor]]:
        """Return logits [T, B, V] and the state for ids [T, B]."""
        outputs, state = self.recurrence(self.embedding(ids), state)
        return self.head(outputs), state


def tutorial_step(cell: str, hidden_size: int, layers: int, ids: Tensor) -> Run:
    """Return the usual tutorial training step, on windows of ids [N]."""
    model = TutorialModel(cell, hidden_size, layers)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    streams = ids.view(B, -1).T.contiguous()
    windows = (len(streams) - 1) // T
    state, number = model.initial_state, 0

    def step() -> float:
        nonlocal state, number
        start = number % windows * T
        inputs, targets = streams[start : start + T], streams[start + 1 : start + T + 1]
        optimizer.zero_grad()
        logits, after = model(inputs, state)
        loss = criterion(logits.reshape(-1, V), targets.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state = tuple(s.detach() for s in after) if "lstm" in cell else after.detach()
        number += 1
        return float(loss.item())

    return step


def own_step(cell: str, hidden_size: int, layers: int, ids: Tensor) -> tuple[Run, str]:
    """Return nextchar's training step, and the precision that it selects."""
    config = Config.from_options(
        {
            "cell": cell, "hidden_size": hidden_size, "layers": layers,
            "input": "embedding", "embedding_size": E, "dropout": 0.0,
            "batch_size": B, "sequence_length": T, "steps": 1_000_000,
        }
    )  # fmt: skip
    precision = fastest_arithmetic(config.network, B, torch.device("cpu"))
    config = config.with_options(precision=precision)
    network = Network(V, config.network, generator=torch.Generator().manual_seed(0))
    streams = Streams(ids=ids.numpy(), batch_size=B, sequence_length=T)
    objective = StreamObjective(network, streams, config.training)
    return Stepper(network, objective, config.training).step, config.training.precision


class Apart:
    """The tutorial step in a separate process, which is idle between calls."""

    def __init__(self, cell: str, hidden_size: int, layers: int) -> None:
        context = get_context("spawn")
        self._pipe, end = context.Pipe()
        size = (cell, hidden_size, layers)
        self._process = context.Process(target=serve_steps, args=(end, *size), daemon=True)
        self._process.start()

    def __call__(self) -> None:
        """Run a step."""
        self._pipe.send(True)
        self._pipe.recv()

    def close(self) -> None:
        """Terminate the process."""
        self._pipe.send(False)
        self._process.join()


def serve_steps(pipe: Connection, cell: str, hidden_size: int, layers: int) -> None:
    """Run a step for each request from the other end of the pipe."""
    torch.manual_seed(0)
    step = tutorial_step(cell, hidden_size, layers, random_ids())
    while pipe.recv():
        step()
        pipe.send(True)


def random_ids() -> Tensor:
    return torch.randint(V, (IDS,), generator=torch.Generator().manual_seed(0))


def products(hidden_size: int, gates: int, dtype: torch.dtype) -> dict[str, Run]:
    """Return the products of a step, each with both layouts of the weights."""
    runs: dict[str, Run] = {}
    wide = gates * hidden_size
    for direction, inner, outer in (
        ("forward", hidden_size, wide),
        ("backward", wide, hidden_size),
    ):
        left, out = torch.randn(B, inner).to(dtype), torch.empty(B, outer, dtype=dtype)
        rows = torch.randn(inner, outer).to(dtype)
        runs[f"{direction} product by rows"] = _product(left, rows, out)
        columns = rows.T.contiguous().T
        runs[f"{direction} product by columns"] = _product(left, columns, out)
    return runs


def integer_products(hidden_size: int, gates: int) -> dict[str, Run]:
    """Return one thread's share of the integer products of a step, on packed operands."""
    wide, threads = gates * hidden_size, torch.get_num_threads()
    forward = _integer_product(hidden_size, wide // threads, PAIRS_OF_STATES)
    backward = _integer_product(wide, hidden_size // threads, gates * PAIRS_OF_GRADIENTS)
    return {"forward product of integers": forward, "backward product of integers": backward}


def _integer_product(inner: int, columns: int, chunk: int) -> Run:
    count = -(-columns // COLUMNS)
    xs = np.random.default_rng(0).integers(-ONE, ONE, (B, inner)).astype(np.int16)
    panels = np.ones((count, inner * COLUMNS), np.int16)
    factors, out = np.ones(count * COLUMNS, np.float32), np.empty((B, count * COLUMNS), np.float32)
    return lambda: multiply_integers(xs, panels, factors, STATE_SCALES, 0, 0, chunk, out)


def _product(left: Tensor, right: Tensor, out: Tensor) -> Run:
    return lambda: torch.mm(left, right, out=out)


def measure(cell: str, hidden_size: int, layers: int, ids: Tensor, seconds: float) -> Report:
    """Measure one size of one cell."""
    torch.manual_seed(0)
    own, precision = own_step(cell, hidden_size, layers, ids)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    apart = Apart(cell, hidden_size, layers)
    kept = tutorial_step(cell, hidden_size, layers, ids)
    runs: dict[str, Run] = {"own": own, "stock": apart, "stock_kept": kept}
    runs |= products(hidden_size, GATES[cell], dtype)
    if precision == "int16":
        runs |= integer_products(hidden_size, GATES[cell])
    taken = take_turns(runs, seconds)
    apart.close()
    own_rate, stock_rate, kept_rate = (
        B * T / statistics.median(taken[name]) for name in ("own", "stock", "stock_kept")
    )
    torch_rate, own_integers = (
        product_rate(taken, GATES[cell], hidden_size, kind) for kind in (" by ", " of integers")
    )
    rate = own_integers or torch_rate
    weights = product_weights(cell, hidden_size, layers)
    return {
        "cell": cell, "hidden_size": hidden_size, "layers": layers, "precision": precision,
        "batch_size": B, "sequence_length": T, "threads": torch.get_num_threads(),
        "rounds": len(taken["own"]), "chars_per_second": own_rate,
        "stock_chars_per_second": stock_rate, "ratio": own_rate / stock_rate,
        "ratio_with_kept_memory": own_rate / kept_rate,
        "product_gflops": rate / 1e9, "torch_product_gflops": torch_rate / 1e9,
        "nominal_flops_per_char": 6 * weights,
        "nominal_share_of_product": 6 * weights * own_rate / rate,
    }  # fmt: skip


def product_rate(taken: dict[str, list[float]], gates: int, hidden_size: int, kind: str) -> float:
    """Return operations per second of the fastest products of a kind; 0 if none was run."""
    best = [
        min(min(times) for name, times in taken.items() if name.startswith(way) and kind in name)
        for way in ("forward product", "backward product")
        if any(name.startswith(way) and kind in name for name in taken)
    ]
    return 4 * B * gates * hidden_size**2 / sum(best) if best else 0.0


def product_weights(cell: str, hidden_size: int, layers: int) -> int:
    """Return the number of weights in matrix products: input, recurrent and head."""
    inputs = [E] + [hidden_size] * (layers - 1)
    return sum(GATES[cell] * hidden_size * (I + hidden_size) for I in inputs) + V * hidden_size  # noqa: E741


def take_turns(runs: dict[str, Run], seconds: float) -> dict[str, list[float]]:
    """Run the calls in turn until the time is up; return the seconds per call of each turn.

    The calls of a turn fill ``TURN_SECONDS``, so the caches stay warm between them.
    """
    counts = {}
    for name, run in runs.items():
        timed(run, 1)  # The first call includes one-time preparation.
        counts[name] = max(1, int(TURN_SECONDS / timed(run, 1)))
    taken: dict[str, list[float]] = {name: [] for name in runs}
    ends = time.perf_counter() + seconds
    rounds = 0
    while rounds < LEAST_ROUNDS or time.perf_counter() < ends:
        for name, run in runs.items():
            taken[name].append(timed(run, counts[name]))
        rounds += 1
    return taken


def timed(run: Run, calls: int) -> float:
    """Return the mean seconds per call, over this number of calls."""
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls


def print_row(row: Report) -> None:
    print(
        f"| {row['cell']} | {row['hidden_size']} | {row['layers']} | {row['precision']} "
        f"| {row['chars_per_second']:,.0f} | {row['stock_chars_per_second']:,.0f} "
        f"| {row['ratio']:.2f} | {row['ratio_with_kept_memory']:.2f} "
        f"| {row['product_gflops']:.0f} | {row['torch_product_gflops']:.0f} "
        f"| {row['nominal_share_of_product']:.0%} |",
        flush=True,
    )


def summarize(reports: list[Report]) -> list[Report]:
    """Print and return the median and the lowest ratio of each cell."""
    print("\n| cell | median ratio | lowest ratio | median with kept memory |\n|---|---|---|---|")
    summary: list[Report] = []
    for cell in dict.fromkeys(str(report["cell"]) for report in reports):
        ratios = [float(report["ratio"]) for report in reports if report["cell"] == cell]
        rows = [report for report in reports if report["cell"] == cell]
        kept = statistics.median(float(row["ratio_with_kept_memory"]) for row in rows)
        middle, lowest = statistics.median(ratios), min(ratios)
        summary.append(
            {
                "cell": cell, "median_ratio": middle, "lowest_ratio": lowest,
                "median_ratio_with_kept_memory": kept,
            }
        )  # fmt: skip
        print(f"| {cell} | {middle:.2f} | {lowest:.2f} | {kept:.2f} |")
    return summary


def print_profile(cell: str, hidden_size: int, layers: int, ids: Tensor) -> None:
    """Print a profile of nextchar's training step.

    The self time of ``…ThroughTime`` covers all time steps of a window: in float32, a single
    compiled call.
    """
    step, _ = own_step(cell, hidden_size, layers, ids)
    for _ in range(5):
        step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        for _ in range(20):
            step()
    averages = [average for average in profiled.key_averages() if average.self_cpu_time_total]
    total = sum(average.self_cpu_time_total for average in averages)
    print(f"\n{layers} × {cell} {hidden_size}: {total / 20_000:.2f} ms a step\n")
    print("| operation | share of the step | calls |\n|---|---|---|")
    for average in sorted(averages, key=lambda each: -each.self_cpu_time_total)[:8]:
        share = average.self_cpu_time_total / total
        print(f"| {average.key} | {share:.0%} | {average.count // 20} |")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--hidden", nargs="+", type=int, default=list(HIDDEN))
    parser.add_argument("--layers", nargs="+", type=int, default=list(LAYERS))
    parser.add_argument("--seconds", type=float, default=4.5, help="seconds per row")
    parser.add_argument("--quick", action="store_true", help="H 128 and 512, L 1, 2 s each")
    parser.add_argument(
        "--profile", action="store_true", help="print a profile instead of the throughput"
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    if options.quick:
        options.hidden, options.layers, options.seconds = [128, 512], [1], 2.0
    return options


def main() -> None:
    options = read_options()
    keep_freed_memory()  # as nextchar.train does
    ids = random_ids()
    if options.profile:
        for cell, hidden_size, layers in product(options.cells, options.hidden, options.layers):
            print_profile(cell, hidden_size, layers, ids)
        return
    print(f"B {B}, T {T}, V {V}, E {E}, {torch.get_num_threads()} threads\n")
    print("| cell | H | L | precision | nextchar chars/s | stock chars/s | ratio ", end="")
    print("| with kept memory | products GFLOP/s | torch's | nominal share |\n|" + "---|" * 11)
    reports = []
    for cell, hidden_size, layers in product(options.cells, options.hidden, options.layers):
        report = measure(cell, hidden_size, layers, ids, options.seconds)
        print_row(report)
        reports.append(report)
    summary = summarize(reports)
    if options.json:
        content = {"rows": reports, "summary": summary}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
