"""The effect of each regulariser on a small text, on which a network overfits.

    python benchmarks/regularization.py plays.txt --json regularization.json --picture curves.png

An LSTM of 256 units is trained on the first 100,000 characters (a tenth of them held out) for
1,000 steps of 32 × 64 symbols (about 23 epochs): without any regulariser, with each alone, and with
several combined. The table shows the lowest and the final validation loss, and the training loss.
First, the default of ``--minutes`` is compared with a network of the same size and number of steps
without any regulariser, for ``--seeds`` seeds. The picture shows their curves.

Finished results are read from the JSON file, so an interrupted benchmark can be continued.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import nextchar
from nextchar.runs.training import history

CHARACTERS = 100_000
NOTHING: Mapping[str, Any] = {
    "weight_decay": 0.0,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
    "weight_dropout": 0.0,
}
FIXED: Mapping[str, Any] = {"hidden_size": 256, "learning_rate": 1e-2, "precision": "float32"}
STRONG = {"dropout": 0.5, "embedding_dropout": 0.12, "weight_dropout": 0.4, "weight_decay": 0.1}
WEIGHTS = {"activation_regularization": 2.0, "temporal_activation_regularization": 1.0}

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "dropout on inputs 0.2": {"input_dropout": 0.2},
    "dropout on outputs 0.3": {"dropout": 0.3},
    "dropout on outputs 0.5": {"dropout": 0.5},
    "the same, locked": {"dropout": 0.5, "locked_dropout": True},
    "dropout on the embedding 0.2": {"embedding_dropout": 0.2},
    "dropout on recurrent weights 0.5": {"weight_dropout": 0.5},
    "zoneout h 0.1": {"zoneout": 0.1},
    "zoneout h 0.2, c 0.3": {"zoneout": 0.2, "zoneout_cell": 0.3},
    "L1 1e-5": {"l1_penalty": 1e-5},
    "L2 1e-4": {"l2_penalty": 1e-4},
    "decoupled weight decay 0.1": {"weight_decay": 0.1},
    "decoupled weight decay 1": {"weight_decay": 1.0},
    "AR 2, TAR 1": WEIGHTS,
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "layer normalisation": {"layer_norm": True},
    "batch normalisation": {"batch_norm": True},
    "tied, E 256": {"tied": True},
    "EMA 0.99": {"ema_decay": 0.99},
    "SWA, last half": {"swa_share": 0.5},
    "two layers of 160, residual": {"hidden_size": 160, "layers": 2, "residual": True},
    "outputs 0.5, EMA 0.99": {"dropout": 0.5, "ema_decay": 0.99},
    "outputs 0.5, embedding 0.12": {"dropout": 0.5, "embedding_dropout": 0.12},
    "outputs 0.5, recurrent weights 0.2": {"dropout": 0.5, "weight_dropout": 0.2},
    "strong: outputs 0.5, embedding 0.12, weights 0.4, decay 0.1": STRONG,
    "strong, locked": {**STRONG, "locked_dropout": True},
    "strong, AR 2, TAR 1": {**STRONG, **WEIGHTS},
    "strong, EMA 0.99": {**STRONG, "ema_decay": 0.99},
    "strong, label smoothing 0.1": {**STRONG, "label_smoothing": 0.1},
    "strong, layer normalisation": {**STRONG, "layer_norm": True},
}


def measure(text: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Train once; return the losses, and the curve over the epochs."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = nextchar.train(text, run, **options)
        rows = history(run)
        network = nextchar.LanguageModel.load(run).config
    return {
        "best_nats_per_char": result.nats_per_char,
        "last_nats_per_char": rows[-1]["validation_nats_per_char"],
        "train_nats_per_char": rows[-1]["train_nats_per_char"],
        "seconds": result.seconds,
        "parameters": result.parameters,
        "config": network.to_dict(),
        "curve_epochs_train_validation": [
            (row["epochs"], row["train_nats_per_char"], row["validation_nats_per_char"])
            for row in rows
        ],
    }


class Kept:
    """A cache of metrics by name in a JSON file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.figures: dict[str, Any] = {}
        if path is not None and path.exists():
            self.figures = json.loads(path.read_text(encoding="utf-8"))

    def cached(self, name: str, text: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metrics of a name; measure them if they are not cached."""
        if name not in self.figures:
            self.figures[name] = measure(text, options)
            if self._path is not None:
                self._path.write_text(json.dumps(self.figures, indent=2) + "\n", encoding="utf-8")
        figures: dict[str, Any] = self.figures[name]
        return figures


def ablate(text: Path, steps: int, kept: Kept) -> None:
    print("| | best | final | training | s |\n|---|---|---|---|---|")
    for name, options in VARIANTS.items():
        each = kept.cached(name, text, {**NOTHING, **FIXED, "steps": steps, **options})
        print(
            f"| {name} | {each['best_nats_per_char']:.3f} | {each['last_nats_per_char']:.3f} "
            f"| {each['train_nats_per_char']:.3f} | {each['seconds']:.0f} |",
            flush=True,
        )


def against_nothing(text: Path, minutes: float, seeds: int, kept: Kept) -> dict[str, list[Any]]:
    """Train the default and its counterpart without regularisers."""
    runs: dict[str, list[Any]] = {"the default": [], "without regularisers": []}
    for seed in range(seeds):
        default = kept.cached(f"default, seed {seed}", text, {"minutes": minutes, "seed": seed})
        config = default["config"]
        same = {
            **{name: config["network"][name] for name in ("cell", "hidden_size", "layers")},
            **{name: config["training"][name] for name in ("steps", "learning_rate", "precision")},
            **NOTHING,
            "validate_every": config["training"]["validate_every"],
            "seed": seed,
        }
        runs["the default"].append(default)
        runs["without regularisers"].append(kept.cached(f"twin, seed {seed}", text, same))
    print("\n| | H | steps | best | final |\n|---|---|---|---|---|")
    for name, each in runs.items():
        config = each[0]["config"]
        best = " ".join(f"{run['best_nats_per_char']:.3f}" for run in each)
        last = " ".join(f"{run['last_nats_per_char']:.3f}" for run in each)
        size, steps = config["network"]["hidden_size"], config["training"]["steps"]
        print(f"| {name} | {size} | {steps:,} | {best} | {last} |")
    gain = [
        twin["last_nats_per_char"] - default["last_nats_per_char"]
        for default, twin in zip(*runs.values(), strict=True)
    ]
    print(
        f"\nthe final loss of the default is {statistics.mean(gain):.3f} nats/char lower on average"
    )
    return runs


def draw(runs: Mapping[str, list[Any]], path: Path) -> None:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for color, (name, each) in zip(("C0", "C3"), runs.items(), strict=True):
        for number, run in enumerate(each):
            epochs, train, validation = zip(*run["curve_epochs_train_validation"], strict=True)
            label = name if number == 0 else None
            axes.plot(epochs, validation, color=color, label=label and f"{label}: validation")
            axes.plot(epochs, train, color=color, ls=":", label=label and f"{label}: training")
    axes.set_xlabel("epochs over the training part")
    axes.set_ylabel("nats per character")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=1.5, help="time budget of the default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--picture", type=Path, help="plot the curves of the default and its counterpart"
    )
    parser.add_argument(
        "--json", type=Path, help="store the results in this file, and continue from it"
    )
    options = parser.parse_args()
    kept = Kept(options.json)
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        text.write_bytes(options.text.read_bytes()[:CHARACTERS])
        runs = against_nothing(text, options.minutes, options.seeds, kept)
        if options.picture:
            draw(runs, options.picture)
        print()
        ablate(text, options.steps, kept)


if __name__ == "__main__":
    main()
