"""Transfer from a pretrained run to a new text, compared with training from scratch.

    python benchmarks/transfer.py runs/shakespeare new.txt --json transfer.json

For each size, two networks are trained on the first bytes of the new text for the same number of
steps: a new one, and the pretrained one with the new symbols added. Both are evaluated on the same
end of the text at ten points during training; the best result counts. Only the named columns of a
table are read, one cell per line.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import nextchar
from nextchar.config import TextConfig
from nextchar.experiments.variants import parse_values
from nextchar.tasks.language_modeling.transfer import RESETTABLE
from nextchar.text.tables import kind_of, read_rows

HELD_OUT = 20_000  # characters at the end of the text
STEPS_AND_DROPOUT = ((10_000, 100, 0.5), (100_000, 300, 0.5), (1_000_000, 500, 0.1))
BATCH: dict[str, Any] = {"batch_size": 16, "sequence_length": 64}


def as_text(source: Path, columns: list[str]) -> str:
    if not columns:
        return source.read_text("utf-8")
    rows = read_rows(source, columns, TextConfig(), kind=kind_of(source) or "csv")
    return "".join(f"{field}\n" for row in rows for field in row.fields)


def options_of(variant: str) -> dict[str, Any]:
    """Return the options in ``name=value name=value``."""
    pairs = [each.partition("=") for each in variant.split()]
    return {name: parse_values(name, value)[0] for name, _, value in pairs}


def measure(text: Path, options: dict[str, Any], *, from_run: Path | None = None) -> float:
    """Train once, and return the best bits per character on the held-out end."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = nextchar.train(text, run, from_run=from_run, **BATCH, **options)
    return result.nats_per_char / math.log(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--columns", nargs="*", default=[])
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[s for s, _, _ in STEPS_AND_DROPOUT]
    )
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    parser.add_argument(
        "--with", dest="variants", nargs="+", default=[""],
        help="transfer options, each like 'freeze=1 layer_decay=0.5'; '' for none",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()

    source = nextchar.LanguageModel.load(options.run)
    network = source.config.to_dict()["network"]
    shape = {name: value for name, value in network.items() if name not in RESETTABLE}
    shape["vocabulary"] = source.config.text.vocabulary
    whole = as_text(options.text, options.columns)
    learnt, held_out = whole[:-HELD_OUT], whole[-HELD_OUT:]
    variants = {each: options_of(each) for each in options.variants}
    titles = [f"pretrained{each and f', {each}'}" for each in variants]
    print(f"| bytes | characters | steps | from scratch | {' | '.join(titles)} | gain |")
    print("|---" * (len(titles) + 5) + "|")
    reports = []
    for size, steps, dropout in STEPS_AND_DROPOUT:
        if size not in options.sizes:
            continue
        part = learnt.encode()[:size].decode(errors="ignore")
        how = {
            "steps": steps, "validate_every": steps // 10, "dropout": dropout,
            "validation_fraction": HELD_OUT / (len(part) + HELD_OUT), "seed": options.seed,
            "learning_rate": options.learning_rate,
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "text.txt"
            text.write_text(part + held_out, "utf-8", newline="")
            scratch = measure(text, {**shape, **how})
            begun = {
                name: measure(text, {**how, **own}, from_run=options.run)
                for name, own in variants.items()
            }
        gain = scratch - min(begun.values())
        reports.append(
            {
                "bytes": len(part.encode()), "characters": len(part), "steps": steps,
                "scratch_bits_per_char": scratch, "gain_bits_per_char": gain,
                "transfer_bits_per_char": begun,
            }
        )  # fmt: skip
        shown = " | ".join(f"{bits:.3f}" for bits in begun.values())
        print(
            f"| {len(part.encode()):,} | {len(part):,} | {steps} | {scratch:.3f} | {shown} "
            f"| {gain:.3f} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
