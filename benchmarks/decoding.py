"""Decoding: quality and speed of beam search, cost of constraints, latency of completion.

    python benchmarks/decoding.py runs/plays plays.txt --json decoding.json

- Beam search of several widths after 100 prompts from the end of a text, held out from the model:
  mean log-probability of 40 characters, and time per prompt.
- 200 stanzas constrained by an expression: the number of matches (all must match), and characters
  per second compared with unconstrained text of the same lengths, in turn.
- The five most probable completions of each prompt: median time.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import time
from pathlib import Path

import torch

import nextchar

WIDTHS = (1, 4, 16)
PROMPTS, PROMPT_LENGTH, LENGTH = 100, 60, 40
STANZA = r"[A-Z]{3,12}:\n([A-Z][a-z ,]{10,40}[.!?]\n){4}"
STANZAS, ROUNDS = 200, 5


def evenly_spaced_prompts(text: str) -> list[str]:
    """Return prompts at evenly spaced positions of a text."""
    step = (len(text) - PROMPT_LENGTH) // PROMPTS
    return [text[place : place + PROMPT_LENGTH] for place in range(0, step * PROMPTS, step)]


def beams(model: nextchar.LanguageModel, prompts: list[str]) -> list[dict[str, float]]:
    """Measure beam search of every width after each prompt."""
    rows = []
    for width in WIDTHS:
        began = time.perf_counter()
        found = [model.search(prompt, width=width, length=LENGTH)[0] for prompt in prompts]
        seconds = (time.perf_counter() - began) / len(prompts)
        bits = [each.log_probability / math.log(2) for each in found]
        rows.append(
            {
                "width": width,
                "mean_log_probability_bits": statistics.mean(bits),
                "milliseconds_a_prompt": 1e3 * seconds,
            }
        )
        print(
            f"beam {width:2}: {rows[-1]['mean_log_probability_bits']:7.2f} bits, "
            f"{1e3 * seconds:.1f} ms a prompt"
        )
    return rows


def stanzas(model: nextchar.LanguageModel) -> dict[str, float]:
    """Generate constrained stanzas and unconstrained text of the same lengths, in turn."""
    valid = characters = 0
    held, free = [], []
    model.generate_batch(samples=2, match=STANZA, engine="compiled")
    for turn in range(ROUNDS):
        samples = STANZAS // ROUNDS
        began = time.perf_counter()
        texts = model.generate_batch(
            samples=samples, match=STANZA, seed=turn * samples, engine="compiled"
        )
        seconds = time.perf_counter() - began
        valid += sum(re.fullmatch(STANZA, text) is not None for text in texts)
        longest = max(map(len, texts))
        characters += sum(map(len, texts))
        # All samples continue until the last one has ended.
        held.append(samples * longest / seconds)
        began = time.perf_counter()
        model.generate_batch(samples=samples, length=longest, seed=turn, engine="compiled")
        free.append(samples * longest / (time.perf_counter() - began))
    single = {}
    for name, options in (("held", {"match": STANZA}), ("free", {"length": 150})):
        began = time.perf_counter()
        texts = [model.generate(seed=seed, engine="compiled", **options) for seed in range(20)]
        single[name] = sum(map(len, texts)) / (time.perf_counter() - began)
    rate, free_rate = statistics.median(held), statistics.median(free)
    print(
        f"stanzas: {valid} of {STANZAS} match, {characters / STANZAS:.0f} characters on average; "
        f"{rate:,.0f} chars/s constrained, {free_rate:,.0f} free (x{rate / free_rate:.2f}); "
        f"one by one {single['held']:,.0f} constrained, {single['free']:,.0f} free "
        f"(x{single['held'] / single['free']:.2f})"
    )
    return {
        "valid": valid,
        "stanzas": STANZAS,
        "held_chars_per_second": rate,
        "free_chars_per_second": free_rate,
        "one_by_one_held_chars_per_second": single["held"],
        "one_by_one_free_chars_per_second": single["free"],
    }


def completions(model: nextchar.LanguageModel, prompts: list[str]) -> dict[str, float]:
    """Measure the completion of the last word of each prompt."""
    times = []
    for prompt in prompts:
        began = time.perf_counter()
        model.complete(prompt)
        times.append(1e3 * (time.perf_counter() - began))
    ordered = sorted(times)
    median, slow = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
    print(f"complete: median {median:.1f} ms, 95 % within {slow:.1f} ms")
    return {"median_milliseconds": median, "milliseconds_of_95_percent": slow}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument(
        "--characters",
        type=int,
        default=100_000,
        help="take prompts from this many characters at the end",
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    text = options.text.read_bytes().decode("utf-8")[-options.characters :]
    if len(text) < 2 * PROMPTS * PROMPT_LENGTH:
        parser.error(f"the text must have {2 * PROMPTS * PROMPT_LENGTH:,} characters")
    model = nextchar.LanguageModel.load(options.run)
    network = model.config.network
    print(
        f"{network.layers} x {network.cell} {network.hidden_size}, "
        f"{torch.get_num_threads()} threads"
    )
    prompts = evenly_spaced_prompts(text)
    figures = {
        "beams": beams(model, prompts),
        "stanzas": stanzas(model),
        "completions": completions(model, prompts),
    }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
