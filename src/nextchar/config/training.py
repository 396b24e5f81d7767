"""Configuration of training: budget, optimiser, regularisation, averaging and device."""

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

# Defaults of each optimiser; those of adamw are the defaults of the fields.
USUAL_BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    "adam": {"weight_decay": 0.0},
    "rmsprop": {"weight_decay": 0.0, "learning_rate": 2e-3},
    "sgd": {"weight_decay": 0.0, "learning_rate": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Section):
    """Optimisation, regularisation, validation and checkpoints."""

    IN_OLDER_RUNS: ClassVar[Mapping[str, Any]] = {"reset_probability": 0.0}

    batch_size: int = option(32, "Parallel streams of text (B).", at_least=1)
    sequence_length: int = option(
        64, "Length of truncated backpropagation through time, in symbols (T).", at_least=1
    )
    window_growth: float = option(
        0.0,
        "Share of the steps that read a window in parts, with an update after each: first "
        "quarters, then halves.",
        at_least=0, at_most=1,
    )  # fmt: skip
    reset_probability: float = option(
        0.03,
        "Probability of resetting a stream's state before a step, to train the network to start "
        "without context.",
        at_least=0, at_most=1,
    )  # fmt: skip
    steps: int = option(5000, "Optimiser steps.", at_least=1, at_most=1 << 50)
    minutes: float | None = option(
        None, "Time budget; plan the run to take about this long, instead of --steps.", above=0
    )
    optimizer: OptimizerName = option("adamw", "The update rule.")
    learning_rate: float = option(
        6e-3,
        "Peak learning rate (default 0.002 for rmsprop, 0.5 for sgd).",
        above=0,
        at_most=3.4e38,
    )
    beta1: float = option(0.9, "Decay of the first moment (adam, adamw).", at_least=0, below=1)
    beta2: float = option(
        0.99, "Decay of the second moment (adam, adamw, rmsprop).", at_least=0, below=1
    )
    momentum: float = option(0.9, "Momentum (sgd).", at_least=0, below=1)
    weight_decay: float = option(
        0.1,
        "Weight decay of matrices: decoupled with adamw, otherwise an L2 gradient (default 0).",
        at_least=0,
    )  # fmt: skip
    l1_penalty: float = option(
        0.0, "Coefficient of the L1 penalty, the sum of |w| over weight matrices.", at_least=0
    )
    l2_penalty: float = option(
        0.0, "Coefficient of the L2 penalty, half the sum of w² over weight matrices.", at_least=0
    )
    activation_regularization: float = option(
        0.0, "Coefficient of the mean square of the last layer's output after dropout (AR).",
        at_least=0,
    )  # fmt: skip
    temporal_activation_regularization: float = option(
        0.0, "Coefficient of the mean squared change per step of that output before dropout (TAR).",
        at_least=0,
    )  # fmt: skip
    label_smoothing: float = option(
        0.0, "Share of the target probability spread over all symbols.", at_least=0, below=1
    )
    schedule: ScheduleName = option("linear", "Learning rate schedule after the warm-up.")
    warmup: float = option(
        0.03, "Share of the steps used for warm-up of the learning rate.", at_least=0, at_most=1
    )
    plateau_factor: float = option(
        0.5, "Learning rate multiplier at a plateau (schedule plateau).", above=0, below=1
    )
    plateau_patience: int = option(
        1, "Validations without a new best before the rate is reduced (schedule plateau).",
        at_least=1,
    )  # fmt: skip
    patience: int = option(
        0, "Validations without improvement before early stopping; 0 disables it.",
        at_least=0,
    )  # fmt: skip
    min_improvement: float = option(
        0.0, "Minimum improvement for --patience, in nats per character.", at_least=0
    )
    clip_norm: float = option(
        1.0, "Maximum global gradient norm; 0 disables clipping by norm.", at_least=0
    )
    clip_value: float = option(
        0.0, "Maximum absolute gradient value; 0 disables clipping by value.", at_least=0
    )
    ema_decay: float = option(
        0.0, "Decay per step of averaged weights, used for validation and saving; 0 disables it.",
        at_least=0, below=1,
    )  # fmt: skip
    swa_share: float = option(
        0.0, "Final share of the steps over which weights are averaged uniformly; 0 disables it.",
        at_least=0, at_most=1,
    )  # fmt: skip
    freeze: int = option(
        0, "Frozen layer groups, from the input: 1 is the embedding, 2 adds layer 1, and so on.",
        at_least=0,
    )  # fmt: skip
    unfreeze_every: int = option(
        0, "Steps between unfreezing successive layer groups, from the output; 0 disables it.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    layer_decay: float = option(
        1.0, "Learning rate of each layer group relative to the next group towards the output.",
        above=0, at_most=1,
    )  # fmt: skip
    precision: Precision = option(
        "auto",
        "Arithmetic of matrix products in training: auto is the fastest of float32, bfloat16 and "
        "int16 (fixed point, in recurrent layers); float16 needs a GPU.",
    )
    device: Device = option("auto", "Device for training; auto uses a GPU if available.")
    validate_every: int = option(
        0,
        "Steps between validations; 0 means a tenth of the run.",
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
        60.0, "Maximum time between two checkpoints for --resume, in seconds.", at_least=0
    )
    keep_checkpoints: int = option(
        0, "Number of recent checkpoints of weights to keep, in addition to the best.", at_least=0
    )
    seed: int = option(0, "Seed of the random generators.", at_least=0, below=2**63)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ema_decay > 0 and self.swa_share > 0:
            raise ConfigError(
                f"ema_decay and swa_share both average the weights: set only one; got "
                f"{self.ema_decay} and {self.swa_share}"
            )
        if self.unfreeze_every > 0 and self.freeze == 0:
            raise ConfigError(
                f"unfreeze_every {self.unfreeze_every} needs freeze above 0, but freeze is 0"
            )
