"""The loss of nextchar's defaults and of a small GPT after the same wall-clock time.

    python benchmarks/gpt.py plays.txt --json gpt.json
    python benchmarks/gpt.py plays.txt --seconds 90

The GPT has the settings published in nanoGPT's README for a CPU: 4 layers, 4 heads, width 128,
windows of 64, batch size 12, no dropout, 2,000 steps of AdamW with a learning rate that decays from
1e-3 to 1e-4 on a cosine. It is built from torch's own modules and runs in the faster precision. The
comparison favours it: only its training steps are timed, but nextchar's time covers everything from
reading the text to the last save. By default, nextchar's budget is the time of the 2,000 steps.
With ``--seconds``, that is nextchar's budget, and the GPT trains for the time that nextchar took,
with its cosine over that time. Both train on the first nine tenths of the text and keep the weights
that are best on the last tenth.

nextchar predicts that tenth with carried state, alone and with its experts; counting the text for
them is part of its time. The GPT predicts it in two ways: in adjacent
windows, as is common, with 1 to 64 symbols of context per character; and in windows with a stride
of 8, of which only the last 8 predictions count, with a context of at least 57. The better of the
two is compared with the network alone.

Shapes: N symbols, T symbols of a window, B windows, W width, V vocabulary size.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import nextchar
from nextchar.training.memory import keep_freed_memory

LAYERS, HEADS, WIDTH, WINDOW, BATCH = 4, 4, 128, 64, 12
PEAK_RATE, LAST_RATE, WARM_UP_STEPS = 1e-3, 1e-4, 100
BETAS, WEIGHT_DECAY, CLIP_NORM = (0.9, 0.99), 0.1, 1.0
STEPS = 2000
STRIDE = 8
VALIDATIONS = 5
WINDOWS_AT_ONCE = 32
PROBE_SECONDS = 1.0

Figures = dict[str, str | int | float]


class Block(nn.Module):
    """Causal self-attention, then a position-wise feed-forward layer, both with residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH, bias=False)
        self.queries_keys_values = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.attention_out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.mlp_norm = nn.LayerNorm(WIDTH, bias=False)
        self.mlp_in = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.mlp_out = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map [B, T, W] to [B, T, W]."""
        projected = self.queries_keys_values(self.attention_norm(inputs))
        q, k, v = projected.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        inputs = inputs + self.attention_out(seen.transpose(1, 2).flatten(2))
        within = functional.gelu(self.mlp_in(self.mlp_norm(inputs)))
        outputs: Tensor = inputs + self.mlp_out(within)
        return outputs


class GPT(nn.Module):
    """A decoder-only transformer with tied input and output embeddings."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, WIDTH)
        self.positions = nn.Parameter(torch.empty(WINDOW, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:  # Residual projections start smaller, according to the depth.
                share = 1 / math.sqrt(2 * LAYERS) if "_out" in name else 1.0
                nn.init.normal_(parameter, std=0.02 * share)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits [B, T, V] of ids int64[B, T]; T is at most ``WINDOW``."""
        inputs = self.embedding(ids) + self.positions[: ids.shape[1]]
        return functional.linear(self.norm(self.blocks(inputs)), self.embedding.weight)


class GPTTrainer:
    """Trains a GPT on random windows of ids [N]."""

    def __init__(self, model: GPT, ids: Tensor, *, low_precision: bool, seed: int) -> None:
        self.model = model
        self.low_precision = low_precision
        self.steps = 0
        self._ids = ids
        self._generator = torch.Generator().manual_seed(seed)
        parameters = list(model.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim == 2], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, betas=BETAS, fused=True)

    def step(self, share: float) -> None:
        """Make one update; ``share`` is the elapsed share of the training time."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(share)
        starts = torch.randint(len(self._ids) - WINDOW, (BATCH, 1), generator=self._generator)
        windows = self._ids[starts + torch.arange(WINDOW + 1)]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low_precision):
            logits = self.model(windows[:, :-1])
        loss = functional.cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].flatten())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self._optimizer.step()
        self.steps += 1

    def _rate(self, share: float) -> float:
        if self.steps < WARM_UP_STEPS:
            return PEAK_RATE * (self.steps + 1) / WARM_UP_STEPS
        return LAST_RATE + (PEAK_RATE - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def low_precision_is_faster(model: GPT, ids: Tensor) -> bool:
    """Return whether bfloat16 trains faster than float32, measured briefly in turn."""
    trainers = [
        GPTTrainer(copy.deepcopy(model), ids, low_precision=low, seed=0) for low in (False, True)
    ]
    best = [math.inf, math.inf]
    ends = time.perf_counter() + PROBE_SECONDS
    while time.perf_counter() < ends or math.inf in best:
        for index, trainer in enumerate(trainers):
            began = time.perf_counter()
            trainer.step(0.0)
            best[index] = min(best[index], time.perf_counter() - began)
    return best[1] < best[0]


def train_gpt(trainer: GPTTrainer, seconds: float | None, held_out: Tensor) -> float:
    """Train for a time, or for ``STEPS`` steps; keep the weights best on the held-out ids.

    Return the seconds spent on steps.
    """
    model = trainer.model
    best, weights = math.inf, copy.deepcopy(model.state_dict())
    spent, share, validations = 0.0, 0.0, 0
    while share < 1:
        began = time.perf_counter()
        trainer.step(share)
        spent += time.perf_counter() - began
        share = trainer.steps / STEPS if seconds is None else spent / seconds
        if share >= (validations + 1) / VALIDATIONS:
            validations += 1
            nats = gpt_nats_per_char(model, held_out, stride=WINDOW)
            if nats < best:
                best, weights = nats, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    return spent


@torch.inference_mode()
def gpt_nats_per_char(model: GPT, ids: Tensor, *, stride: int) -> float:
    """Return the loss of a GPT on ids [N], in windows with this stride.

    Each prediction counts once, in the first window that contains it. After the first window, these
    are the last ``stride`` predictions of each. The last window ends with the text.
    """
    last = len(ids) - 1 - WINDOW
    starts = torch.arange(0, last + stride, stride).clamp(max=last)
    counted_from = torch.cat((torch.zeros(1, dtype=torch.int64), starts[:-1] + WINDOW))
    nats = 0.0
    for first in range(0, len(starts), WINDOWS_AT_ONCE):
        several = slice(first, first + WINDOWS_AT_ONCE)
        positions = starts[several, None] + torch.arange(WINDOW)
        losses = functional.cross_entropy(
            model(ids[positions]).flatten(0, 1), ids[positions + 1].flatten(), reduction="none"
        ).view_as(positions)
        nats += float(losses[positions >= counted_from[several, None]].double().sum())
    return nats / (len(ids) - 1)


def measure_gpt(text: str, cut: int, seconds: float | None, seed: int) -> Figures:
    keep_freed_memory()  # as nextchar.train does
    symbols = {symbol: index for index, symbol in enumerate(sorted(set(text)))}
    ids = torch.tensor([symbols[symbol] for symbol in text])
    torch.manual_seed(seed)
    model = GPT(len(symbols))
    low_precision = low_precision_is_faster(model, ids[:cut])
    trainer = GPTTrainer(model, ids[:cut], low_precision=low_precision, seed=seed)
    seconds = train_gpt(trainer, seconds, ids[cut:])
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "precision": "bfloat16" if low_precision else "float32",
        "steps": trainer.steps,
        "seconds": seconds,
        "chars_per_second": trainer.steps * BATCH * WINDOW / seconds,
        "side_by_side_nats_per_char": gpt_nats_per_char(model, ids[cut:], stride=WINDOW),
        "sliding_nats_per_char": gpt_nats_per_char(model, ids[cut:], stride=STRIDE),
    }


def measure_nextchar(source: Path, held_out: str, seconds: float, seed: int) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        began = time.perf_counter()
        result = nextchar.train(source, run, minutes=seconds / 60, seed=seed)
        took = time.perf_counter() - began
        model = nextchar.LanguageModel.load(run)
        found = model.evaluate(held_out, exact=True, experts="fixed")  # reads the run's experts
    network, training = model.config.network, model.config.training
    return {
        "cell": network.cell, "hidden_size": network.hidden_size, "layers": network.layers,
        "parameters": result.parameters, "precision": training.precision, "steps": result.steps,
        "best_step": result.best_step, "seconds": took,
        "chars_per_second": result.chars_per_second,
        "nats_per_char": (found.network_nats or math.nan) / found.characters,
        "mixed_nats_per_char": found.nats_per_char,
    }  # fmt: skip


def print_row(name: str, figures: Figures, nats: str) -> None:
    print(
        f"| {name} | {figures['parameters']:,} | {figures['precision']} | {figures['steps']:,} "
        f"| {figures['seconds']:.1f} | {figures['chars_per_second']:,.0f} | {figures[nats]:.4f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument(
        "--seconds",
        type=float,
        help="nextchar's time budget, instead of the time of the GPT's steps",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    text = options.text.read_bytes().decode("utf-8")
    cut = len(text) - math.ceil(len(text) / 10)
    if len(text) - cut <= WINDOW + 1:
        parser.error(f"the last tenth of {options.text} must be longer than {WINDOW + 1}")

    print("| model | weights | precision | steps | s | chars/s | nats/char |")
    print("|---|---|---|---|---|---|---|")
    if options.seconds is None:
        gpt = measure_gpt(text, cut, None, options.seed)
        own = measure_nextchar(options.text, text[cut:], float(gpt["seconds"]), options.seed)
    else:
        own = measure_nextchar(options.text, text[cut:], options.seconds, options.seed)
        gpt = measure_gpt(text, cut, float(own["seconds"]), options.seed)
    kind = f"{own['layers']} × {own['cell']} {own['hidden_size']}"
    print_row(f"nextchar, {kind}", own, "nats_per_char")
    print_row(f"nextchar, {kind}, with experts", own, "mixed_nats_per_char")
    print_row("GPT, adjacent windows", gpt, "side_by_side_nats_per_char")
    print_row(f"GPT, windows with stride {STRIDE}", gpt, "sliding_nats_per_char")
    better = min(float(gpt[f"{way}_nats_per_char"]) for way in ("side_by_side", "sliding"))
    difference = better - float(own["nats_per_char"])
    mixed = better - float(own["mixed_nats_per_char"])
    print(
        f"\nnextchar's network is {difference:.3f} nats/char lower than the better result of the "
        f"GPT, and {mixed:.3f} with its experts."
    )
    if options.json:
        content = {
            "gpt": gpt, "nextchar": own, "nats_per_char_lower": difference,
            "mixed_nats_per_char_lower": mixed,
        }  # fmt: skip
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
