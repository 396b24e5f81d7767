"""Train on this machine's Python library for half a minute, generate text, and evaluate a line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nextchar
from nextchar.text import datasets


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = nextchar.train(datasets.fetch("python"), run, minutes=0.5)
        print(f"{result.steps} steps, {result.nats_per_char:.3f} nats per character")

        model = nextchar.LanguageModel.load(run)
        for piece in model.stream("import ", length=300, temperature=0.7, seed=1):
            print(piece, end="", flush=True)

        for line in ("    return self.name\n", "colourless green ideas\n"):
            print(f"{model.evaluate(line).bits_per_char:6.2f} bits per character: {line!r}")


if __name__ == "__main__":
    main()
