"""Optimisers, learning-rate schedules, weight penalties and gradient clipping.

A *step* is one batch, counted from 0; it updates the weights at most ``MOST_PARTS`` times.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nextchar.config import TrainingConfig
from nextchar.errors import RunError
from nextchar.nn.parameters import TensorLayout, layouts_of, require_finite, require_layouts
from nextchar.training.window_growth import MOST_PARTS

_COUNTER = "step"  # in the state of a parameter: the number of its updates
_SQUARES = ("exp_avg_sq", "square_avg")


def build_optimizer(
    layer_groups: Sequence[Sequence[nn.Parameter]],
    config: TrainingConfig,
    *,
    undecayed: nn.Parameter | None = None,
) -> Optimizer:
    """Return the configured optimiser.

    Weight decay applies to matrices, not to vectors (biases, peepholes). With adamw it is
    decoupled from the gradient (Loshchilov & Hutter 2019); with the other optimisers it is an L2
    term in the gradient.

    Parameters
    ----------
    layer_groups
        The parameters of each layer group, from the input to the output. The learning rate of a
        group is ``config.layer_decay`` times the rate of the group above (discriminative
        fine-tuning: Howard & Ruder 2018).
    config
        Names the optimiser and its settings.
    undecayed
        A matrix without weight decay.
    """
    top = len(layer_groups) - 1
    factors = [
        (parameter, config.layer_decay ** (top - number))
        for number, group in enumerate(layer_groups)
        for parameter in group
    ]
    matrices = [(p, factor) for p, factor in factors if p.ndim >= 2]
    vectors = [(p, factor) for p, factor in factors if p.ndim < 2]

    def settings(entry: tuple[nn.Parameter, float]) -> tuple[float, float]:
        parameter, factor = entry
        decays = parameter.ndim >= 2 and parameter is not undecayed
        return factor, config.weight_decay if decays else 0.0

    # All matrices before all vectors: the parameter indices in checkpoints depend on this order.
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
    """Return the tensors of an optimiser's state, named ``{parameter index}.{key}``."""
    state: Mapping[int, Mapping[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": value
        for index, entries in state.items()
        for key, value in entries.items()
        if isinstance(value, Tensor)
    }


def load_optimizer_tensors(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], steps: int, *, may_skip: bool = False
) -> None:
    """Restore an optimiser's state from the result of ``optimizer_tensors``.

    Parameters
    ----------
    optimizer
        The optimiser. Its parameters that learned in the last step have ``requires_grad``.
    tensors
        The saved tensors.
    steps
        Number of steps done. After the first, each of these parameters has a state.
    may_skip
        Whether steps may have been skipped (``scaling``), all of them for a parameter without a
        state.

    Raises
    ------
    RunError
        The names, shapes or types are not those of the optimiser's parameters, or a value is not
        finite or out of range.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    parts = _state_parts(optimizer)
    expected = {
        f"{index}.{part}": TensorLayout(
            () if part == _COUNTER else tuple(parameter.shape), torch.float32
        )
        for index, parameter in enumerate(parameters)
        for part in parts
        if (steps > 0 and parameter.requires_grad and not may_skip)
        or any(f"{index}.{each}" in tensors for each in parts)
    }
    if steps == 0:
        expected = {}
    require_layouts(expected, layouts_of(tensors))
    require_finite(tensors)
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, part = name.partition(".")
        most = MOST_PARTS * steps if part == _COUNTER else math.inf
        least = {_COUNTER: 1, **dict.fromkeys(_SQUARES, 0)}.get(part, -math.inf)
        if tensor.numel() and not least <= tensor.min() <= tensor.max() <= most:
            raise RunError(
                f"the optimiser state {name} is damaged: it must be {least} to {most}, got "
                f"{float(tensor.min()):g} to {float(tensor.max()):g}"
            )
        state.setdefault(int(index), {})[part] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _state_parts(optimizer: Optimizer) -> tuple[str, ...]:
    """Return the names of the tensors that an optimiser keeps for each parameter."""
    if isinstance(optimizer, torch.optim.Adam):  # or its subclass AdamW
        return (_COUNTER, "exp_avg", "exp_avg_sq")
    if isinstance(optimizer, torch.optim.RMSprop):
        return (_COUNTER, "square_avg")
    return ("momentum_buffer",) if optimizer.param_groups[0]["momentum"] else ()


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the rate of the top layer group; the groups below are scaled by their factors."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def scheduled_rate(config: TrainingConfig, step: float, first_step: int = 0) -> float:
    """Return the learning rate at a step or position (``pacing``), before any plateau factor.

    The rate rises linearly over ``warmup · steps`` steps to ``learning_rate``. It then stays
    constant (constant, plateau) or decays to zero at the end of the run, linearly or along half a
    cosine (Loshchilov & Hutter 2017). The schedule begins at ``first_step``.
    """
    steps, step = config.steps - first_step, step - first_step
    rising = round(config.warmup * steps)
    if step < rising:
        return config.learning_rate * min(step + 1, rising) / rising
    if config.schedule in ("constant", "plateau"):
        return config.learning_rate
    left = (steps - step) / max(1, steps - rising)
    if config.schedule == "linear":
        return config.learning_rate * left
    return config.learning_rate * 0.5 * (1 - math.cos(math.pi * left))


def add_penalties(parameters: Iterable[Tensor], config: TrainingConfig) -> None:
    """Add the gradients of the weight penalties to those of the matrices, in place.

    The penalties are λ₁ Σ|w| (L1: Tibshirani 1996) and λ₂/2 Σw² (L2, ridge).
    """
    weights = [p for p in parameters if p.ndim >= 2 and p.grad is not None]
    gradients = [p.grad for p in weights if p.grad is not None]
    values = [p.detach() for p in weights]
    if config.l1_penalty > 0:
        torch._foreach_add_(gradients, [w.sign() for w in values], alpha=config.l1_penalty)
    if config.l2_penalty > 0:
        torch._foreach_add_(gradients, values, alpha=config.l2_penalty)


class GradientNorms(NamedTuple):
    """The L2 norms of the gradients before clipping, on their device.

    Attributes
    ----------
    total
        The global norm, shape []. It is not finite if any gradient is not.
    each
        The norm of each parameter that has a gradient, in order.
    """

    total: Tensor
    each: Tensor


def clip_gradients(parameters: Iterable[Tensor], config: TrainingConfig) -> GradientNorms:
    """Clip gradients in place, first by value and then by global norm; return the norms before.

    Clipping by norm: Pascanu, Mikolov & Bengio 2013. The norms stay on the device, so this does not
    wait for a GPU. If the global norm is not finite, the clipped gradients are unusable.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    each = torch.stack(torch._foreach_norm(gradients))  # noqa: SLF001  (one call for all)
    norm = clipped_norm = torch.linalg.vector_norm(each)
    if config.clip_value > 0:
        torch._foreach_clamp_min_(gradients, -config.clip_value)
        torch._foreach_clamp_max_(gradients, config.clip_value)
        clipped_norm = nn.utils.get_total_norm(gradients)
    if config.clip_norm > 0:
        torch._foreach_mul_(gradients, torch.clamp(config.clip_norm / clipped_norm, max=1.0))
    return GradientNorms(norm, each)
