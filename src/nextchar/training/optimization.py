"""Update rules, learning-rate schedules, penalties on weights and gradient clipping.

T, B and H as everywhere; a *step* is one update of the weights, counted from 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nextchar.config import TrainingConfig
from nextchar.errors import RunError


def build_optimizer(
    levels: Sequence[Sequence[nn.Parameter]],
    config: TrainingConfig,
    *,
    undecayed: nn.Parameter | None = None,
) -> Optimizer:
    """Make the optimiser that the configuration names.

    Matrices decay and vectors (biases, peepholes) do not: decoupled from the gradient with
    adamw (Loshchilov & Hutter 2019), as an L2 term in the gradient with the others.

    Parameters
    ----------
    levels
        The parameters from the input to the output. Each level has ``config.layer_decay`` of the
        rate of the level above (discriminative fine-tuning: Howard & Ruder 2018).
    undecayed
        A matrix that does not decay either.
    """
    top = len(levels) - 1
    factors = [
        (parameter, config.layer_decay ** (top - number))
        for number, level in enumerate(levels)
        for parameter in level
    ]
    matrices = [(p, factor) for p, factor in factors if p.ndim >= 2]
    vectors = [(p, factor) for p, factor in factors if p.ndim < 2]

    def settings(entry: tuple[nn.Parameter, float]) -> tuple[float, float]:
        parameter, factor = entry
        decays = parameter.ndim >= 2 and parameter is not undecayed
        return factor, config.weight_decay if decays else 0.0

    # All matrices, then all vectors, whatever the groups: checkpoints number them in this order.
    groups = [
        {"params": [p for p, _ in entries], "factor": factor, "weight_decay": weight_decay}
        for part in (matrices, vectors)
        for (factor, weight_decay), entries in itertools.groupby(part, key=settings)
    ]
    rate, betas = config.learning_rate, (config.beta1, config.beta2)
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, betas=betas, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, betas=betas, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=rate, alpha=config.beta2, foreach=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=config.momentum, foreach=True)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Name every tensor of an optimiser's state ``{parameter index}.{key}``."""
    state: Mapping[int, Mapping[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value
        for index, entries in state.items()
        for key, value in entries.items()
        if isinstance(value, Tensor)
    }


def load_optimizer_tensors(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what ``optimizer_tensors`` gave.

    Raises
    ------
    RunError
        The names do not fit the optimiser's parameters.
    """
    complete = optimizer.state_dict()
    count = sum(len(group["params"]) for group in complete["param_groups"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        if not index.isdigit() or int(index) >= count:
            raise RunError(f"optimiser state '{name}' fits none of the {count} parameters")
        state.setdefault(int(index), {})[key] = tensor
    complete["state"] = state
    optimizer.load_state_dict(complete)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the rate of the top level; the levels below have their shares of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def scheduled_rate(config: TrainingConfig, step: int, first_step: int = 0) -> float:
    """Return the learning rate of a step, before any plateau factor.

    The rate rises linearly over ``warmup · steps`` steps to ``learning_rate``; then it stays
    (constant, plateau), or falls to zero at the end of the run, on a line or on half a cosine
    (Loshchilov & Hutter 2017). The schedule begins at ``first_step``.
    """
    steps, step = config.steps - first_step, step - first_step
    rising = round(config.warmup * steps)
    if step < rising:
        return config.learning_rate * (step + 1) / rising
    if config.schedule in ("constant", "plateau"):
        return config.learning_rate
    left = (steps - step) / max(1, steps - rising)
    if config.schedule == "linear":
        return config.learning_rate * left
    return config.learning_rate * 0.5 * (1 - math.cos(math.pi * left))


def add_penalties(parameters: Iterable[Tensor], config: TrainingConfig) -> None:
    """Add the gradients of the penalties on weight matrices, in place.

    Those of λ₁ Σ|w| (L1: Tibshirani 1996) and of λ₂/2 Σw² (L2, ridge), both with respect to w.
    """
    weights = [p for p in parameters if p.ndim >= 2 and p.grad is not None]
    gradients = [p.grad for p in weights if p.grad is not None]
    values = [p.detach() for p in weights]
    if config.l1_penalty > 0:
        torch._foreach_add_(gradients, [w.sign() for w in values], alpha=config.l1_penalty)
    if config.l2_penalty > 0:
        torch._foreach_add_(gradients, values, alpha=config.l2_penalty)


def clip_gradients(parameters: Iterable[Tensor], config: TrainingConfig) -> Tensor:
    """Clip gradients in place, each element first and then the global norm; give the norm.

    Nothing is brought to the host, so that a GPU is never waited for.

    Returns
    -------
    Tensor
        The global L2 norm, shape [], before anything was clipped; not finite where any gradient
        is not, and then the gradients are of no use. Clipping by norm: Pascanu, Mikolov & Bengio
        2013.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = clipped_norm = nn.utils.get_total_norm(gradients)
    if config.clip_value > 0:
        torch._foreach_clamp_min_(gradients, -config.clip_value)
        torch._foreach_clamp_max_(gradients, config.clip_value)
        clipped_norm = nn.utils.get_total_norm(gradients)
    if config.clip_norm > 0:
        torch._foreach_mul_(gradients, torch.clamp(config.clip_norm / clipped_norm, max=1.0))
    return norm
