"""Time of dynamic evaluation beside the same updates with torch's own LSTM, and loss by setting.

    python benchmarks/dynamic_evaluation.py --segment 20 40
    python benchmarks/dynamic_evaluation.py --run runs/plays runs/code

A network with random weights reads random symbols, which takes the same time as a trained one and a
text. The two are timed in turns of 1,000 symbols; the best turn of each is reported, in
microseconds per symbol.

With ``--run``, the loss of runs on their validation parts instead, network alone, in nats per
original character: fixed, and learning from segments of 20, 40 and 64 symbols, each length with its
own rate and decay.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch.nn import functional

from nextchar import LanguageModel
from nextchar.config import NetworkConfig
from nextchar.evaluation.dynamic import Adaptation, Update
from nextchar.nn.initialization import initial_generator
from nextchar.nn.network import Network, State, detach
from nextchar.nn.recurrent import Path as ReadingPath
from nextchar.tasks.language_modeling.data import open_corpus

V, SYMBOLS, TURNS = 65, 1000, 12
SETTINGS = (
    Adaptation(segment=20, rate=0.001, decay=0.001),
    Adaptation(segment=40, rate=0.0015, decay=0.0015),
    Adaptation(segment=64, rate=0.002, decay=0.003),
)
PATHS: tuple[ReadingPath, ...] = ("auto", "fused")


class Learner:
    """A network that learns from segments, read by one path of its cells."""

    def __init__(self, hidden_size: int, path: ReadingPath) -> None:
        config = NetworkConfig(cell="lstm", hidden_size=hidden_size)
        self.network = Network(V, config, generator=initial_generator(1)).eval()
        self.path: ReadingPath = path
        self.weights: list[torch.Tensor] = list(self.network.parameters())
        sizes = [torch.full_like(weight, 0.01) for weight in self.weights]
        self.update = Update(self.weights, sizes, Adaptation())
        self.state: State = self.network.initial_state(1)

    def learn(self, ids: torch.Tensor) -> None:
        """Predict a segment int64[T + 1], and learn from it."""
        start = detach(self.state)
        logits, self.state = self.network(ids[:-1].unsqueeze(1), start, path=self.path)
        loss = functional.cross_entropy(logits.squeeze(1), ids[1:])
        self.update.apply(torch.autograd.grad(loss, self.weights))


def measure(hidden_size: int, segment: int) -> dict[str, float]:
    """Return the microseconds per symbol of each path."""
    learners = {path: Learner(hidden_size, path) for path in PATHS}
    random = torch.Generator().manual_seed(0)
    ids = torch.randint(V, (SYMBOLS // segment, segment + 1), generator=random)
    best = dict.fromkeys(PATHS, float("inf"))
    for _ in range(TURNS):
        for path, learner in learners.items():
            began = time.perf_counter()
            for each in ids:
                learner.learn(each)
            best[path] = min(best[path], 1e6 * (time.perf_counter() - began) / SYMBOLS)
    return {"nextchar": best["auto"], "torch": best["fused"]}


def losses(run: Path) -> dict[str, float]:
    """Return the nats per character of a run's validation part: fixed, and by segment."""
    model, ids = LanguageModel.load(run), open_corpus(run).validation
    found = {"fixed": model.evaluate_ids(ids, exact=True, experts="none").nats_per_char}
    for each in SETTINGS:
        result = model.evaluate_ids(ids, adaptation=each, experts="none")
        found[str(each.segment)] = result.nats_per_char
    return found


def compare_losses(runs: list[Path]) -> dict[str, dict[str, float]]:
    """Print and return the losses of runs."""
    names = ["fixed", *(str(each.segment) for each in SETTINGS)]
    print(f"| run | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    results = {}
    for run in runs:
        result = losses(run)
        results[run.name] = result
        print(f"| {run.name} | {' | '.join(f'{result[name]:.4f}' for name in names)} |", flush=True)
    return results


def compare_times(hidden_sizes: list[int], segments: list[int]) -> dict[str, dict[str, float]]:
    """Print and return the times by the number of units and the length of a segment."""
    print("| units | segment | nextchar | torch | ratio |\n|---|---|---|---|---|")
    results = {}
    for hidden_size in hidden_sizes:
        for segment in segments:
            result = measure(hidden_size, segment)
            results[f"{hidden_size}, {segment}"] = result
            ratio = result["torch"] / result["nextchar"]
            row = f"{result['nextchar']:.0f} | {result['torch']:.0f} | {ratio:.2f}"
            print(f"| {hidden_size} | {segment} | {row} |", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hidden-size", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--segment", type=int, nargs="+", default=[Adaptation().segment])
    parser.add_argument("--run", type=Path, nargs="+", help="compare the losses of runs instead")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    if options.run:
        results = compare_losses(options.run)
    else:
        results = compare_times(options.hidden_size, options.segment)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
