"""Options that have no effect because of other options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from nextchar.config.network import NetworkConfig
from nextchar.config.training import TrainingConfig

_NETWORK: Mapping[str, tuple[Callable[[NetworkConfig], bool], str]] = {
    "activation": (lambda c: c.cell == "rnn", "needs cell rnn"),
    "peepholes": (lambda c: c.cell == "peephole_lstm", "needs cell peephole_lstm"),
    "reset": (lambda c: c.cell == "gru", "needs cell gru"),
    "forget_bias": (lambda c: "lstm" in c.cell, "needs an lstm cell"),
    "dropout": (
        lambda c: c.layers > 1 or c.output_dropout is None,
        "needs a second layer if output_dropout is set",
    ),
    "locked_dropout": (
        lambda c: any((c.input_dropout, c.dropout, c.output_dropout)),
        "needs input_dropout, dropout or output_dropout",
    ),
    "residual": (
        lambda c: c.layers > 1 or (c.input == "embedding" and c.embedding_size == c.hidden_size),
        "needs a second layer, or embedding_size equal to hidden_size",
    ),
}
_TRAINING: Mapping[str, tuple[Callable[[TrainingConfig], bool], str]] = {
    "min_improvement": (lambda c: c.patience > 0, "needs patience"),
    "momentum": (lambda c: c.optimizer == "sgd", "needs optimizer sgd"),
    "beta1": (lambda c: c.optimizer in ("adam", "adamw"), "needs optimizer adam or adamw"),
    "beta2": (lambda c: c.optimizer != "sgd", "needs optimizer adam, adamw or rmsprop"),
    "plateau_factor": (lambda c: c.schedule == "plateau", "needs schedule plateau"),
    "plateau_patience": (lambda c: c.schedule == "plateau", "needs schedule plateau"),
    "unfreeze_every": (lambda c: c.unfreeze_every < c.steps, "is after the last step"),
}


def without_effect(
    network: NetworkConfig, training: TrainingConfig, given: Collection[str]
) -> list[str]:
    """Return the given options without effect, each with the reason."""
    idle = [
        f"{name} {why}"
        for name, (acts, why) in _NETWORK.items()
        if name in given and getattr(network, name) and not acts(network)
    ]
    idle += [
        f"{name} {why}"
        for name, (acts, why) in _TRAINING.items()
        if name in given and getattr(training, name) and not acts(training)
    ]
    return idle
