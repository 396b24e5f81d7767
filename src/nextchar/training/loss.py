"""The training loss: cross-entropy and the regularisation of activations.

Weight penalties are in ``optimization.add_penalties``, as their gradients need no backward pass.

Shapes: T time steps, B streams, V vocabulary size, H hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.config import TrainingConfig
from nextchar.nn.network import NetworkOutput
from nextchar.text.streams import NO_TARGET


@dataclass(frozen=True)
class Loss:
    """The loss of a step.

    Attributes
    ----------
    minimized
        The loss to differentiate, including regularisation, shape [].
    nats
        The cross-entropy alone, for reports: the mean over all targets in nats, shape [].
    """

    minimized: Tensor
    nats: Tensor


def sequence_loss(
    reading: NetworkOutput,
    targets: Tensor,
    config: TrainingConfig,
    *,
    target_share: float = 1.0,
    stream_share: float = 1.0,
) -> Loss:
    """Return the loss of a network's output for a window.

    Parameters
    ----------
    reading
        The output.
    targets
        The next symbol at each position, int64[T, B]; ``NO_TARGET`` at positions without one.
    config
        Sets the strengths of

        - label smoothing ε: the target has 1 − ε + ε/V of the probability, each other symbol
          ε/V (Szegedy et al. 2016);
        - activation regularisation α: α · mean of (m ⊙ h_t)², with the dropout mask m; and
          temporal activation regularisation β: β · mean of (h_t − h_{t−1})², both of the last
          layer (Merity, McCann & Socher 2017).
    target_share, stream_share
        The shares of these targets and streams in the whole step. They scale the result to this
        process's contribution to the means over the step.
    """
    logits, symbols = reading.logits.flatten(0, 1), targets.flatten()
    # Without a target, the mean is not a number.
    reduction = "mean" if target_share > 0 else "sum"
    minimized = target_share * functional.cross_entropy(
        logits,
        symbols,
        ignore_index=NO_TARGET,
        reduction=reduction,
        label_smoothing=config.label_smoothing,
    )
    nats = minimized.detach()
    if config.label_smoothing > 0:
        nats = target_share * functional.cross_entropy(
            logits.detach(), symbols, ignore_index=NO_TARGET, reduction=reduction
        )
    alpha = stream_share * config.activation_regularization
    beta = stream_share * config.temporal_activation_regularization
    real = targets != NO_TARGET
    if alpha > 0:
        minimized = minimized + alpha * _mean_square(reading.dropped, real)
    if beta > 0 and len(targets) > 1:
        changes = reading.outputs[1:] - reading.outputs[:-1]
        minimized = minimized + beta * _mean_square(changes, real[1:])
    return Loss(minimized, nats)


def _mean_square(values: Tensor, real: Tensor) -> Tensor:
    """Return the mean square of values [T, B, H]; positions without a target count as zero."""
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    return wide.masked_fill(~real.unsqueeze(-1), 0).square().mean()
