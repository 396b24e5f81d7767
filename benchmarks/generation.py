"""Generation speed in characters per second, compared with a loop around torch's modules.

    python benchmarks/generation.py --json generation.json
    python benchmarks/generation.py --run runs/demo --text held-out.txt   # also the loss from int8

``stock`` is an embedding, ``torch.nn.RNN``, ``LSTM`` or ``GRU`` called with one time step, a
linear head, softmax, multinomial and ``.item()``, with torch's default settings. ``no oneDNN`` is
the same with ``torch.backends.mkldnn.flags(enabled=False)``. ``torch's best`` is the best of both
with one thread and with all threads. torch has no peephole LSTM. ``plain`` is nextchar's loop in
torch, ``engine`` the default compiled loop, ``one thread`` the compiled loop on a single thread.
All generate at temperature 1, in many short turns. The best turn of each is reported, as other load
on the machine can only slow it down.

The bandwidth utilisation is that of ``one thread``: the bytes of the weights read per symbol, times
symbols per second, divided by the bytes per second of a compiled sum over an array of that size,
in the same turns.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nextchar.compilation.jit import compiled, use_widest_vectors
from nextchar.config import NetworkConfig
from nextchar.generation.compiled.packing import make_memory, pack
from nextchar.generation.compiled.step import step
from nextchar.generation.engine import Engine, TextGenerator
from nextchar.generation.plain import StoredWeights
from nextchar.generation.sampling import Sampling
from nextchar.language_model.model import LanguageModel
from nextchar.nn.network import Network

V, E = 65, 128
NETWORKS: dict[str, dict[str, str | int]] = {
    "lstm 256": {"cell": "lstm", "hidden_size": 256},
    "lstm 512": {"cell": "lstm", "hidden_size": 512},
    "lstm 512x2": {"cell": "lstm", "hidden_size": 512, "layers": 2},
    "lstm 1024": {"cell": "lstm", "hidden_size": 1024},
    "gru 512": {"cell": "gru", "hidden_size": 512},
    "rnn 512": {"cell": "rnn", "hidden_size": 512},
    "peephole 512": {"cell": "peephole_lstm", "hidden_size": 512},
}
STOCK: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
PEERS = ("stock", "stock_one_thread", "stock_no_onednn", "stock_no_onednn_one_thread")
TURN_SECONDS = 0.05  # torch's threads keep spinning for a while after its turns
STREAMS = 64
HELD_OUT = 25_000

Write = Callable[[int], object]
Report = dict[str, str | int | float]


def main() -> None:
    options = read_options()
    print(
        f"characters/s, best of {options.rounds} turns; V = {V}, E = {E}, "
        f"{torch.get_num_threads()} torch threads, torch {torch.__version__}"
    )
    reports = [measure(name, options.rounds) for name in options.networks]
    reports.append(loading())
    if options.run:
        reports.append(first_character(options.run))
    if options.run and options.text:
        reports.append(lost_by_int8(options.run, options.text))
    if options.json:
        options.json.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--run", type=Path, help="a run directory, to time the first character")
    parser.add_argument("--text", type=Path, help="a text not used in training, to score int8 on")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    return parser.parse_args()


def measure(name: str, rounds: int) -> Report:
    """Measure one network and print a line."""
    config = NetworkConfig.from_dict({**NETWORKS[name], "embedding_size": E})
    network = Network(V, config, generator=torch.Generator().manual_seed(0))
    weights = pack(network).panels.values
    ways: dict[str, Write] = {
        "plain": writer(network, "plain"),
        "engine": writer(network, "compiled"),
        "one_thread": writer(network, "compiled", threads=1),
        "int8_one_thread": writer(network, "compiled", threads=1, weights="int8"),
        "streams": writer(network, "compiled", samples=STREAMS),
        "sum": repeated_sums(weights),
    }
    if config.cell in STOCK:
        ways.update(dict.fromkeys(PEERS, stock(config)))
    rates = best_rates(ways, rounds)
    if config.cell in STOCK:
        rates["torchs_best"] = max(rates[peer] for peer in PEERS)
    rates["streams"] *= STREAMS
    bandwidth = rates.pop("sum") * weights.nbytes
    report: Report = {"network": name, "weights_bytes": weights.nbytes, "streams": STREAMS}
    report.update({f"{way}_chars_per_second": rate for way, rate in rates.items()})
    report.update({f"ratio_to_{way}": rates["engine"] / rates[way] for way in rates})
    del report["ratio_to_engine"]
    report["gigabytes_per_second"] = bandwidth / 1e9
    report["share_of_bandwidth"] = rates["one_thread"] * weights.nbytes / bandwidth
    report["int8_ratio_on_one_thread"] = rates["int8_one_thread"] / rates["one_thread"]
    report["streams_ratio_to_single_runs"] = rates["streams"] / rates["engine"]
    peers = "".join(
        f"  {way.replace('_', ' ')} {rates[way]:,.0f} (x{rates['engine'] / rates[way]:.1f})"
        for way in ("stock", "stock_no_onednn", "torchs_best", "plain")
        if way in rates
    )  # fmt: skip
    print(
        f"{name:13} engine {rates['engine']:>7,.0f}{peers}\n"
        f"{'':13} one thread {rates['one_thread']:,.0f}: {report['share_of_bandwidth']:.0%} of "
        f"{bandwidth / 1e9:.0f} GB/s, int8 x{report['int8_ratio_on_one_thread']:.2f}; "
        f"{STREAMS} streams {rates['streams']:,.0f} "
        f"(x{report['streams_ratio_to_single_runs']:.1f})",
        flush=True,
    )
    return report


def writer(
    network: Network,
    engine: Engine,
    *,
    threads: int = 0,
    weights: StoredWeights = "float32",
    samples: int = 1,
) -> Write:
    """Return a generation loop that has already run once, so its code is loaded."""
    usual = torch.get_num_threads()
    torch.set_num_threads(threads or usual)
    prompt = torch.zeros(1, dtype=torch.long)
    made = TextGenerator(
        network, prompt, Sampling(), range(samples), engine=engine, weights=weights
    )
    made.write(2)
    torch.set_num_threads(usual)
    return made.write


def stock(config: NetworkConfig) -> Write:
    """Return the loop around torch's modules."""
    embedding = nn.Embedding(V, E)
    cell = STOCK[config.cell](E, config.hidden_size, config.layers)
    head = nn.Linear(config.hidden_size, V)

    def write(count: int) -> list[int]:
        written, state = [0], None
        with torch.no_grad():
            for _ in range(count):
                outputs, state = cell(embedding(torch.tensor([[written[-1]]])), state)
                shares = torch.softmax(head(outputs[0]), -1)
                written.append(int(torch.multinomial(shares, 1).item()))
        return written

    return write


def repeated_sums(weights: NDArray[np.float32]) -> Write:
    """Return a loop that repeatedly sums an array as large as the weights."""

    def read(count: int) -> None:
        for _ in range(count):
            array_sum(weights.ravel())

    return read


@compiled
def array_sum(values: NDArray[np.float32]) -> np.float32:
    """Return the sum of values [n]: a memory read with negligible arithmetic."""
    use_widest_vectors()
    result = np.float32(0)
    for j in range(values.size):
        result += values[j]
    return result


def best_rates(ways: dict[str, Write], rounds: int) -> dict[str, float]:
    """Run each loop for a short time in every round; return its best symbols per second."""
    threads = torch.get_num_threads()
    counts = dict.fromkeys(ways, 2)
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 2):
        for way, write in ways.items():
            torch.set_num_threads(1 if way.endswith("one_thread") else threads)
            with torch.backends.mkldnn.flags(enabled="no_onednn" not in way):
                began = time.perf_counter()
                write(counts[way])
                rate = counts[way] / (time.perf_counter() - began)
            counts[way] = max(2, int(rate * TURN_SECONDS))
            if turn >= 2:  # the first turns only calibrate the count
                rates[way].append(rate)
    torch.set_num_threads(threads)
    return {way: max(measured) for way, measured in rates.items()}


def loading() -> Report:
    """Measure the start-up time of the compiled loop, when compiled and when loaded from cache."""
    code = (
        "import time, torch; from nextchar.config import NetworkConfig\n"
        "from nextchar.nn.network import Network\n"
        "from nextchar.generation.engine import TextGenerator\n"
        "from nextchar.generation.sampling import Sampling\n"
        "network = Network(9, NetworkConfig(), generator=torch.Generator())\n"
        "def write(engine): TextGenerator(network, "
        "torch.zeros(1, dtype=torch.long), Sampling(), [0], engine=engine).write(2)\n"
        "write('plain'); began = time.perf_counter()\n"
        "write('compiled'); print(time.perf_counter() - began)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        compiling, *loads = (
            float(subprocess.check_output([sys.executable, "-c", code], env=environment))
            for _ in range(4)
        )
    report: Report = {"compiling_seconds": compiling, "loading_seconds": statistics.median(loads)}
    print(f"compiling {compiling:.1f} s, loading {report['loading_seconds']:.2f} s")
    return report


def first_character(run: Path) -> Report:
    """Measure the time from starting the command to its first character."""
    command = [sys.executable, "-m", "nextchar", "generate", str(run), "--length", "2000"]
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            if process.stdout is not None:
                process.stdout.read(1)
            seconds.append(time.perf_counter() - began)
    warm = statistics.median(seconds[1:])
    print(f"first character after {warm:.2f} s")
    return {"first_character_seconds": warm}


def lost_by_int8(run: Path, text: Path) -> Report:
    """Score a text with the compiled step, and print the increase in loss from int8 weights."""
    model = LanguageModel.load(run)
    characters = text.read_text(encoding="utf-8")[: HELD_OUT + 1]
    ids = model.vocabulary.encode(characters, unknown="skip").astype(np.int64)
    bits = {
        weights: bits_per_symbol(model.network, ids, weights) for weights in ("float32", "int8")
    }
    lost = bits["int8"] - bits["float32"]
    print(f"{len(ids) - 1:,} symbols: {bits['float32']:.4f} bits, {lost:.5f} more with int8")
    return {"symbols": len(ids) - 1, "float32_bits": bits["float32"], "int8_lost_bits": lost}


def bits_per_symbol(network: Network, ids: NDArray[np.int64], stored: StoredWeights) -> float:
    with torch.inference_mode():
        logits, state = network(torch.from_numpy(ids[:1, None]), network.initial_state(1))
    weights = pack(network, stored)
    memory = make_memory(weights, logits[-1], state)
    nats = 0.0
    for symbol in ids[1:]:
        scores = memory.logits[0, 0].astype(np.float64)
        nats += np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[symbol]
        step(weights, memory, np.array([symbol]))
    return float(nats) / (len(ids) - 1) / math.log(2)


if __name__ == "__main__":
    main()
