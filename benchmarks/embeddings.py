"""The effect of a pretrained embedding on a small language model.

    python benchmarks/embeddings.py tinyshakespeare.txt --json embeddings.json

The corpus is the first 20,000 characters of the text, with the last tenth held out. The embedding
of a small LSTM is initialised at random, with CBOW vectors of its own training part, or with CBOW
vectors of the rest of the file. The table shows the lowest loss on the held-out part and the loss
after a tenth of the steps, in bits per character: the mean over the seeds, and each value.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import nextchar
from nextchar.runs.training import history

CHARACTERS = 20_000
SIZE = 64
FIXED: dict[str, Any] = {
    "hidden_size": 128,
    "embedding_size": SIZE,
    "dropout": 0.3,
    "batch_size": 16,
    "sequence_length": 64,
    "precision": "float32",
}


def learn_vectors(text: Path, out: Path, epochs: int) -> Path:
    vectors = nextchar.train_embeddings(text, method="cbow", size=SIZE, window=3, epochs=epochs)
    vectors.save(out)
    return out


def measure(text: Path, out: Path, steps: int, options: dict[str, Any]) -> tuple[float, float]:
    """Train once; return validation bits per character: after a tenth of the steps, and best."""
    nextchar.train(text, out, steps=steps, validate_every=steps // 20, **FIXED, **options)
    held_out = [row["validation_bits_per_char"] for row in history(out)]
    return held_out[1], min(held_out)


def variants(whole: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Write the texts, train the vectors, and return the options of each variant."""
    texts = {
        "small": whole[:CHARACTERS],
        "own": whole[: CHARACTERS * 9 // 10],
        "rest": whole[CHARACTERS:],
    }
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    own = learn_vectors(folder / "own.txt", folder / "vectors-own", 50)
    rest = learn_vectors(folder / "rest.txt", folder / "vectors-rest", 3)
    return {
        "drawn": {},
        "vectors of its own training part": {"embedding_from": own},
        f"vectors of {len(texts['rest']):,} other characters": {"embedding_from": rest},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: dict[str, dict[str, list[float]]] = {}
    print("| embedding | after a tenth | best |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for variant, options in variants(arguments.text.read_text("utf-8"), folder).items():
            runs = [
                measure(
                    folder / "small.txt",
                    folder / f"{variant}-{seed}",
                    arguments.steps,
                    {**options, "seed": seed},
                )
                for seed in range(arguments.seeds)
            ]
            early, best = (list(column) for column in zip(*runs, strict=True))
            results[variant] = {"early_bits": early, "best_bits": best}
            print(f"| {variant} | {_shown(early)} | {_shown(best)} |", flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2))


def _shown(bits: list[float]) -> str:
    each = ", ".join(f"{value:.3f}" for value in bits)
    return f"{statistics.mean(bits):.3f} ({each})"


if __name__ == "__main__":
    main()
