"""Speed of evaluating a long text, compared with the forward pass of training.

    python benchmarks/scoring.py runs/plays plays.txt --json scoring.json

The benchmark runs the following in turn on the same text, and reports the medians:

- ``evaluate``, which cuts a long text into parallel streams, and ``evaluate(exact=True)``, which
  reads one stream from beginning to end;
- the forward pass of training with its loss: the same network with its dropout, on windows of 64
  symbols in 32 streams, in the precision of its training; as in a training step, which saves
  tensors for the backward pass, and without gradients;
- ``stock``, the forward pass of the usual tutorial loop on the same windows: an embedding,
  ``torch.nn.RNN``, ``LSTM`` or ``GRU`` and a linear layer of these sizes, in float32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import nextchar
from nextchar.evaluation import Evaluation
from nextchar.nn.network import detach
from nextchar.nn.precision import arithmetic_of, computing_in
from nextchar.text.streams import NO_TARGET, Streams

STREAMS, LENGTH = 32, 64
NAMES = {
    "parallel": "parallel streams",
    "exact": "exact, one stream",
    "forward": "forward pass of training",
    "no_grad": "the same without gradients",
    "stock": "forward pass of the tutorial loop",
}
STOCK: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def training_forward(
    model: nextchar.LanguageModel, text: str, *, gradients: bool
) -> Callable[[], float]:
    """Return a forward pass over the text, as in training, that returns the characters read."""
    ids = model.vocabulary.encode(text)
    streams = Streams(ids=ids, batch_size=STREAMS, sequence_length=LENGTH)
    steps = (len(ids) - 1) // (STREAMS * LENGTH)
    generator = torch.Generator()
    arithmetic = arithmetic_of(model.config.training.precision)

    def forward() -> float:
        model.network.train()
        state = model.network.initial_state(STREAMS)
        for step in range(steps):
            batch = streams.batch(step)
            with torch.set_grad_enabled(gradients):
                with computing_in(arithmetic, torch.device("cpu")):
                    inputs = torch.from_numpy(batch.inputs)
                    logits, after = model.network(inputs, state, generator=generator)
                targets = torch.from_numpy(batch.targets).flatten()
                functional.cross_entropy(logits.flatten(0, 1), targets, ignore_index=NO_TARGET)
            state = detach(after)
        model.network.eval()
        return steps * STREAMS * LENGTH * len(text) / len(ids)

    return forward


def stock_forward(model: nextchar.LanguageModel, text: str) -> Callable[[], float]:
    """Return the same pass with torch's modules, randomly initialised."""
    config, ids = model.config.network, model.vocabulary.encode(text)
    streams = Streams(ids=ids, batch_size=STREAMS, sequence_length=LENGTH)
    steps = (len(ids) - 1) // (STREAMS * LENGTH)
    embedding = nn.Embedding(model.network.vocabulary_size, config.embedding_size)
    recurrence = STOCK[config.cell](config.embedding_size, config.hidden_size, config.layers)
    head = nn.Linear(config.hidden_size, model.network.vocabulary_size)

    def forward() -> float:
        state = None
        for step in range(steps):
            batch = streams.batch(step)
            outputs, after = recurrence(embedding(torch.from_numpy(batch.inputs)), state)
            targets = torch.from_numpy(batch.targets).flatten()
            logits = head(outputs).flatten(0, 1)
            functional.cross_entropy(logits, targets, ignore_index=NO_TARGET)
            state = (
                tuple(part.detach() for part in after) if config.cell == "lstm" else after.detach()
            )
        return steps * STREAMS * LENGTH * len(text) / len(ids)

    return forward


def measure(model: nextchar.LanguageModel, text: str, rounds: int) -> dict[str, object]:
    """Run all methods in turn, after a short warm-up of each."""
    forward = {
        name: training_forward(model, text, gradients=name == "forward")
        for name in ("forward", "no_grad")
    }
    if model.config.network.cell in STOCK:
        forward["stock"] = stock_forward(model, text)
    short = text[: len(text) // 10]
    training_forward(model, short, gradients=True)()
    model.evaluate(short)
    model.evaluate(short, exact=True)
    rates: dict[str, list[float]] = {
        name: [] for name in NAMES if name in forward or name in ("parallel", "exact")
    }
    results: dict[str, Evaluation] = {}
    for _ in range(rounds):
        for name in rates:
            began = time.perf_counter()
            if name in forward:
                characters = forward[name]()
            else:
                results[name] = model.evaluate(text, exact=name == "exact")
                characters = len(text)
            rates[name].append(characters / (time.perf_counter() - began))
    speeds = {name: statistics.median(each) for name, each in rates.items()}
    bits = {name: result.bits_per_char for name, result in results.items()}
    return {
        "characters": len(text),
        "precision": model.config.training.precision,
        "threads": torch.get_num_threads(),
        "chars_per_second": speeds,
        "ratio_to_forward": {name: speeds[name] / speeds["forward"] for name in speeds},
        "bits_per_char": bits,
        "bits_per_char_difference": bits["parallel"] - bits["exact"],
    }


def print_table(figures: dict[str, object]) -> None:
    speeds, ratios, bits = (
        figures[key] for key in ("chars_per_second", "ratio_to_forward", "bits_per_char")
    )
    if not (isinstance(speeds, dict) and isinstance(ratios, dict) and isinstance(bits, dict)):
        raise TypeError(figures)
    print("| | chars/s | ratio to the forward pass | bits/char |\n|---|---|---|---|")
    for name in speeds:
        words = NAMES[name]
        shown = f"{bits[name]:.6f}" if name in bits else "–"
        print(f"| {words} | {speeds[name]:,.0f} | {ratios[name]:.2f} | {shown} |")
    print(f"\nparallel − exact: {figures['bits_per_char_difference']:+.6f} bits/char")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument(
        "--characters",
        type=int,
        default=300_000,
        help="only read this many characters from the end of the text",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    text = options.text.read_bytes().decode("utf-8")[-options.characters :]
    least = 20 * STREAMS * LENGTH
    if len(text) < least:
        parser.error(f"{options.text} must have at least {least:,} characters, got {len(text):,}")

    model = nextchar.LanguageModel.load(options.run)
    network = model.config.network
    print(f"{network.layers} × {network.cell} {network.hidden_size}, {len(text):,} characters\n")
    figures = measure(model, text, options.rounds)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
