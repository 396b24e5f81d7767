"""Ablation of training recipes in a fixed time: one change at a time, on one thread.

    python benchmarks/recipe.py tinyshakespeare.txt --characters 15e6 --only base "rate 1e-2"

Each recipe trains a network on the first 90 % of the text, for a fixed number of characters, and is
evaluated on the rest. Schedules depend on the characters read, and times are CPU times, so other
load on the machine does not change the results. The training loop is separate from nextchar's, as
half of these options did not help and are not part of nextchar.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from network_variants import Variant, VariantNetwork, nats
from nextchar.config import NetworkConfig
from nextchar.nn.kernels.hardware import has_bfloat16
from nextchar.nn.network import Network, clear, detach
from nextchar.text.streams import NO_TARGET, Streams
from nextchar.text.vocabulary import Ids, learn

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training recipe; the defaults are the baseline."""

    network: dict[str, Any] | Variant = dataclasses.field(default_factory=dict)
    rate: float = 6e-3
    beta2: float = 0.99
    weight_decay: float = 0.1
    schedule: str = "linear"
    streams: int = 32
    window: int = 64
    random_windows: bool = False  # T drawn from [T/2, 3T/2] at each step
    growing: str = (
        ""  # a quarter of the "streams", or of the "window", at first, then half, then all
    )
    growth: tuple[float, float] = (0.15, 0.4)  # where the quarter and the half end
    decay_schedule: str = "constant"  # or it "rises" from 0 to twice its value, or "falls"
    snapshots: int = 1  # networks of the last fifth whose probabilities are averaged
    averaged: float = 0.0  # decay of the average over the second half
    muon: bool = False  # orthogonalised momentum for the cells' matrices (Jordan et al. 2024)


WIDE = {"hidden_size": 512, "dropout": 0.4, "embedding_dropout": 0.1, "weight_dropout": 0.3}
RECIPES = {
    "base": Recipe(network={"dropout": 0.1}),
    "dropout 0.2": Recipe(network={"dropout": 0.2}),
    "dropout 0.2, recurrent weights 0.2": Recipe(network={"dropout": 0.2, "weight_dropout": 0.2}),
    "rate 1e-2": Recipe(network={"dropout": 0.1}, rate=1e-2),
    "rate 1.6e-2": Recipe(network={"dropout": 0.1}, rate=1.6e-2),
    "beta2 0.999": Recipe(network={"dropout": 0.2}, beta2=0.999),
    "weight decay 0.03": Recipe(network={"dropout": 0.1}, rate=1e-2, weight_decay=0.03),
    "weight decay 0.3": Recipe(network={"dropout": 0.1}, rate=1e-2, weight_decay=0.3),
    "cosine": Recipe(network={"dropout": 0.1}, rate=1e-2, schedule="cosine"),
    "averaged": Recipe(network={"dropout": 0.1}, rate=1e-2, averaged=0.998),
    "16 streams": Recipe(network={"dropout": 0.1}, rate=1e-2, streams=16),
    "windows of 128": Recipe(network={"dropout": 0.1}, rate=1e-2, window=128),
    "random windows": Recipe(network={"dropout": 0.1}, rate=1e-2, random_windows=True),
    "growing batch": Recipe(network={"dropout": 0.1}, rate=1e-2, growing="streams"),
    "growing window": Recipe(network={"dropout": 0.1}, rate=1e-2, growing="window"),
    "window grows later": Recipe(
        network={"dropout": 0.1}, rate=1e-2, growing="window", growth=(0.3, 0.6)
    ),
    "window grows to the end": Recipe(
        network={"dropout": 0.1}, rate=1e-2, growing="window", growth=(0.5, 1.0)
    ),
    "window grows to 80 %": Recipe(
        network={"dropout": 0.1}, rate=1e-2, growing="window", growth=(0.4, 0.8)
    ),
    "window grows later, rate 1.6e-2": Recipe(
        network={"dropout": 0.1}, rate=1.6e-2, growing="window", growth=(0.3, 0.6)
    ),
    "window grows later, cosine": Recipe(
        network={"dropout": 0.1},
        rate=1e-2,
        schedule="cosine",
        growing="window",
        growth=(0.3, 0.6),
    ),
    "batch grows later": Recipe(
        network={"dropout": 0.1}, rate=1e-2, growing="streams", growth=(0.3, 0.6)
    ),
    "window grows to 128": Recipe(
        network={"dropout": 0.1}, rate=1e-2, growing="window", window=128
    ),
    "decay rises": Recipe(network={"dropout": 0.1}, rate=1e-2, decay_schedule="rises"),
    "decay falls": Recipe(network={"dropout": 0.1}, rate=1e-2, decay_schedule="falls"),
    "snapshots": Recipe(network={"dropout": 0.1}, rate=1e-2, snapshots=4),
    "two layers": Recipe(
        network={"hidden_size": 192, "layers": 2, "dropout": 0.1}, rate=1e-2
    ),
    "two layers, skip connections": Recipe(
        network=Variant(kind="skip", hidden_size=192, layers=2), rate=1e-2
    ),
    "plain torch, no rounds": Recipe(network=Variant(kind="mogrifier", rounds=0), rate=1e-2),
    "mogrifier, 2 rounds": Recipe(network=Variant(kind="mogrifier", rounds=2), rate=1e-2),
    "mogrifier, 4 rounds": Recipe(network=Variant(kind="mogrifier", rounds=4), rate=1e-2),
    "windows of 32": Recipe(network={"dropout": 0.1}, rate=1e-2, window=32),
    "muon": Recipe(network={"dropout": 0.2}, muon=True),
    "gru": Recipe(network={"cell": "gru", "dropout": 0.2}),
    "gru before": Recipe(network={"cell": "gru", "reset": "before", "dropout": 0.2}),
    "two layers, residual": Recipe(
        network={"hidden_size": 192, "layers": 2, "residual": True, "dropout": 0.1}, rate=1e-2
    ),
    "wide": Recipe(network=WIDE, rate=5e-3),
    "wide, rate 1e-2": Recipe(network=WIDE, rate=1e-2),
    "wide, outputs only": Recipe(network=WIDE | {"dropout": 0.5, "weight_dropout": 0.0}, rate=5e-3),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument(
        "--characters", type=float, default=15e6, help="characters to read in training"
    )
    parser.add_argument("--first", type=int, help="only use this many characters of the text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    text = options.text.read_text(encoding="utf-8")[: options.first]
    vocabulary = learn("char", [text], 1)
    ids = vocabulary.encode(text)
    print("| recipe | nats/char | training | CPU seconds | chars/s |\n|---|---|---|---|---|")
    reports = []
    for name in options.only:
        report = train(RECIPES[name], ids, len(vocabulary), options.characters, options.seed)
        reports.append({"recipe": name, **report})
        print(
            f"| {name} | {report['nats_per_char']:.4f} | {report['train_nats_per_char']:.3f} | "
            f"{report['seconds']:.0f} | {report['chars_per_second']:,.0f} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def train(recipe: Recipe, ids: Ids, symbols: int, characters: float, seed: int) -> dict[str, float]:
    """Train a network with a recipe and evaluate it."""
    held_out = len(ids) // 10
    generator = torch.Generator().manual_seed(seed)
    network = build(recipe, symbols, generator)
    optimizers = build_optimizers(network, recipe)
    average: list[Tensor] = []
    snapshots: list[nn.Module] = []
    losses: list[float] = []
    read, state, began = 0, network.initial_state(0), time.process_time()
    for inputs, targets, fresh in batches(ids[:-held_out], recipe, characters, seed):
        share = read / characters
        if inputs.shape[1] != state[0][0].shape[0]:
            state = network.initial_state(inputs.shape[1])
        for optimizer, rate in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * scheduled(recipe.schedule, share)
                if group["weight_decay"] > 0:
                    group["weight_decay"] = decayed(recipe, share)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16(CPU)):
            logits, state = network(inputs, clear(state, fresh), generator=generator)
        loss = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET
        )
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
        state, read = detach(state), read + inputs.numel()
        losses.append(float(loss.detach()))
        if read / characters > 0.8 + 0.2 * len(snapshots) / recipe.snapshots:
            snapshots.append(copy.deepcopy(network))
        if recipe.averaged and share > 0.5:
            weights = [weight.detach() for weight in network.parameters()]
            average = average or [weight.clone() for weight in weights]
            torch._foreach_lerp_(average, weights, 1 - recipe.averaged)
    seconds = time.process_time() - began
    with torch.no_grad():
        for weight, mean in zip(network.parameters(), average, strict=False):
            weight.copy_(mean)
    measured = [*snapshots[1:], network]
    held = torch.from_numpy(ids[-held_out:].astype(np.int64))
    return {
        "nats_per_char": nats(measured, held), "train_nats_per_char": float(np.mean(losses[-200:])),
        "seconds": seconds, "chars_per_second": read / seconds,
    }  # fmt: skip


def build(recipe: Recipe, symbols: int, generator: torch.Generator) -> Network | VariantNetwork:
    """Return the network of a recipe."""
    if isinstance(recipe.network, Variant):
        return recipe.network.build(symbols, generator)
    return Network(symbols, NetworkConfig.from_dict(recipe.network), generator=generator)


def decayed(recipe: Recipe, share: float) -> float:
    """Return the weight decay at a share of the training."""
    factors = {"constant": 1.0, "rises": 2 * share, "falls": 2 * (1 - share)}
    return recipe.weight_decay * max(1e-6, factors[recipe.decay_schedule])


def batches(
    ids: Ids, recipe: Recipe, characters: float, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield inputs and targets [T, B], and the reset mask, until enough characters are read."""
    read, step = 0, 0
    generator = np.random.default_rng(seed)
    position, count = 0, 0
    while read < characters:
        if recipe.random_windows or recipe.growing:
            share = read / characters
            first, second = recipe.growth
            parts = 4 if share < first else 2 if share < second else 1
            wanted = recipe.streams // (parts if recipe.growing == "streams" else 1)
            T = recipe.window // (parts if recipe.growing == "window" else 1)
            if recipe.random_windows:
                T = int(generator.integers(T // 2, T * 3 // 2 + 1))
            length = (len(ids) - 1) // wanted
            begins = wanted != count or position + T > length
            count, position = wanted, 0 if begins else position
            at = np.arange(count) * length + position + np.arange(T)[:, None]
            position += T
            inputs, targets = ids[at].astype(np.int64), ids[at + 1].astype(np.int64)
            fresh = np.full(count, begins)
        else:
            streams = Streams(ids=ids, batch_size=recipe.streams, sequence_length=recipe.window)
            batch = streams.batch(step)
            inputs, targets, fresh = batch.inputs, batch.targets, batch.reset
        step, read = step + 1, read + inputs.size
        yield torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(fresh)


def scheduled(schedule: str, share: float) -> float:
    """Return the factor of the rate: warm-up over 3 % of the training, then decay to zero."""
    if share < 0.03:
        return share / 0.03 + 1e-3
    left = (1 - share) / 0.97
    return 0.5 * (1 - math.cos(math.pi * left)) if schedule == "cosine" else left


def build_optimizers(
    network: Network | VariantNetwork, recipe: Recipe
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return the optimisers, each with its peak rate."""
    parameters = list(network.parameters())
    optimizers: list[tuple[torch.optim.Optimizer, float]] = []
    if recipe.muon:
        if not isinstance(network, Network):
            raise TypeError("muon is for the networks of nextchar")
        gates = {id(cell.weight_ih): cell.gate_count for cell in network.stack.cells}
        matrices = [p for cell in network.stack.cells for p in cell.parameters() if p.ndim == 2]
        gate_count = next(iter(gates.values()))
        optimizers.append((Muon(matrices, gate_count, recipe.weight_decay / 10), 0.02))
        parameters = [p for p in parameters if all(p is not m for m in matrices)]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, recipe.beta2), fused=True)
    return [*optimizers, (adam, recipe.rate)]


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with orthogonalised updates, separately for each gate's matrix."""

    def __init__(self, matrices: list[nn.Parameter], gates: int, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": 0.02, "weight_decay": weight_decay})
        self.gates = gates

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Update the weights."""
        for group in self.param_groups:
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 0.05)
                update = weight.grad.lerp(momentum, 0.95)
                steps = [orthogonalized(part) for part in update.chunk(self.gates)]
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(torch.cat(steps), alpha=-group["lr"])


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return a matrix with singular values near 1, after five Newton–Schulz iterations."""
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    wide: Tensor = (x.T if tall else x).float()
    return wide * math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))


if __name__ == "__main__":
    main()
