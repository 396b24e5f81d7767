"""The choices about training: steps, rates, penalties, averages, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextchar.config.checking import Section, option
from nextchar.errors import ConfigError

OptimizerName = Literal["adamw", "adam", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "linear", "cosine", "plateau"]
Precision = Literal["auto", "float32", "bfloat16", "float16", "int16"]
Device = Literal["auto", "cpu", "cuda"]

# What an optimiser takes where nothing else is said; adamw's are the fields' own defaults.
USUAL_BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    "adam": {"weight_decay": 0.0},
    "rmsprop": {"weight_decay": 0.0, "learning_rate": 2e-3},
    "sgd": {"weight_decay": 0.0, "learning_rate": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Section):
    """How the network learns."""

    IN_OLDER_RUNS: ClassVar[Mapping[str, Any]] = {"reset_probability": 0.0}

    batch_size: int = option(32, "Parallel streams of text (B).", at_least=1)
    sequence_length: int = option(
        64, "Symbols through which one step goes back in time (T).", at_least=1
    )
    reset_probability: float = option(
        0.03,
        "Probability of clearing a stream's state before a step, so that the network learns to "
        "begin a text from nothing.",
        at_least=0, at_most=1,
    )  # fmt: skip
    steps: int = option(5000, "Optimiser steps.", at_least=1, at_most=1 << 50)
    minutes: float | None = option(
        None, "Plan the run to take about this long, in place of --steps.", above=0
    )
    optimizer: OptimizerName = option("adamw", "The update rule.")
    learning_rate: float = option(
        6e-3,
        "Peak learning rate (unless set, rmsprop takes 0.002, sgd 0.5).",
        above=0,
        at_most=3.4e38,
    )
    beta1: float = option(0.9, "Decay of the first moment (adam, adamw).", at_least=0, below=1)
    beta2: float = option(
        0.99, "Decay of the second moment (adam, adamw, rmsprop).", at_least=0, below=1
    )
    momentum: float = option(0.9, "Momentum (sgd).", at_least=0, below=1)
    weight_decay: float = option(
        0.1, "Decay of weight matrices: decoupled with adamw, else an L2 gradient (unless set, 0).",
        at_least=0,
    )  # fmt: skip
    l1_penalty: float = option(
        0.0, "Times the sum of |w| over weight matrices, added to the loss.", at_least=0
    )
    l2_penalty: float = option(
        0.0, "Times half the sum of w² over weight matrices, added to the loss.", at_least=0
    )
    activation_regularization: float = option(
        0.0, "Times the mean square of the last layer's dropped output, added to the loss (AR).",
        at_least=0,
    )  # fmt: skip
    temporal_activation_regularization: float = option(
        0.0, "Times the mean square of the change of that output in a step, undropped (TAR).",
        at_least=0,
    )  # fmt: skip
    label_smoothing: float = option(
        0.0, "Share of the target's probability that all symbols share.", at_least=0, below=1
    )
    schedule: ScheduleName = option("linear", "How the learning rate falls after the warm-up.")
    warmup: float = option(
        0.03, "Share of the steps in which the rate rises.", at_least=0, at_most=1
    )
    plateau_factor: float = option(
        0.5, "Rate multiplier at a plateau (schedule plateau).", above=0, below=1
    )
    plateau_patience: int = option(
        1, "Validations without a new best before the rate falls (schedule plateau).", at_least=1
    )
    patience: int = option(
        0, "Validations without an improvement after which training stops early; 0 is never.",
        at_least=0,
    )  # fmt: skip
    min_improvement: float = option(
        0.0, "Nats per character that count as an improvement for --patience.", at_least=0
    )
    clip_norm: float = option(1.0, "Bound on the global gradient norm; 0 is none.", at_least=0)
    clip_value: float = option(0.0, "Bound on each gradient element; 0 is none.", at_least=0)
    ema_decay: float = option(
        0.0, "Decay a step of the averaged weights that are validated and kept; 0 is none.",
        at_least=0, below=1,
    )  # fmt: skip
    swa_share: float = option(
        0.0, "Share of the steps, at the end, whose weights are averaged equally; 0 is none.",
        at_least=0, at_most=1,
    )  # fmt: skip
    freeze: int = option(
        0, "Levels that stay as they are, from the input: 1 is the embedding, 2 layer 1 too, ….",
        at_least=0,
    )  # fmt: skip
    unfreeze_every: int = option(
        0, "Steps after which the next frozen level, from the output, learns too; 0 is never.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    layer_decay: float = option(
        1.0, "Each level's learning rate as a share of the rate of the level above.",
        above=0, at_most=1,
    )  # fmt: skip
    precision: Precision = option(
        "auto",
        "Arithmetic of the products in training: auto is the fastest here of float32, bfloat16 and "
        "int16, which is fixed-point numbers in recurrent layers; float16 needs a GPU.",
    )
    device: Device = option("auto", "Where to train; auto is a GPU where there is one.")
    validate_every: int = option(
        0,
        "Steps between validations; 0 is a tenth of the run.",
        at_least=0,
        at_most=1 << 50,
    )
    sample_length: int = option(
        0,
        "Characters of sample text to show at each validation.",
        at_least=0,
        at_most=1 << 30,
    )
    checkpoint_seconds: float = option(
        60.0, "Longest time between two saves of what --resume needs.", at_least=0
    )
    keep_checkpoints: int = option(
        0, "Keep the weights of this many newest validations, beside the best.", at_least=0
    )
    seed: int = option(0, "Seed of everything random.", at_least=0, below=2**63)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ema_decay > 0 and self.swa_share > 0:
            raise ConfigError(
                f"ema_decay and swa_share are two ways to average the weights: set one; got "
                f"{self.ema_decay} and {self.swa_share}"
            )
        if self.unfreeze_every > 0 and self.freeze == 0:
            raise ConfigError(
                f"unfreeze_every {self.unfreeze_every} frees what freeze has fixed, and freeze is 0"
            )
