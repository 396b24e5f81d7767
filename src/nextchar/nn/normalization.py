"""Batch normalisation of a layer's outputs.

Shapes: T time steps, B streams, H hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MOMENTUM = 0.1
EPSILON = 1e-5


class BatchNorm(nn.Module):
    """Batch normalisation of each unit, with a learned gain and bias.

    Training mode uses the statistics of all T·B positions of the window (Ioffe & Szegedy 2015; over
    time too: Laurent et al. 2016). A position is therefore influenced by later positions of the
    window. Evaluation mode uses running averages from training, which do not depend on the future.

    Parameters
    ----------
    hidden_size
        H.

    Attributes
    ----------
    gain, bias
        The learned gain and bias, [H]; initially 1 and 0.
    mean, variance
        The running averages, [H], which are saved with the weights.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(hidden_size))
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        self.register_buffer("mean", torch.zeros(hidden_size))
        self.register_buffer("variance", torch.ones(hidden_size))

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return the equivalent scale and shift [H] of evaluation mode."""
        factor = self.gain / (self.variance + EPSILON).sqrt()
        return factor, self.bias - factor * self.mean

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise inputs [..., H].

        Training mode needs at least two positions, and updates the running averages. If the gain is
        frozen, the running averages are frozen too, and are used even in training mode.
        """
        flat = inputs.flatten(0, -2)
        normalized = functional.batch_norm(
            flat.to(self.gain.dtype),
            self.mean,
            self.variance,
            self.gain,
            self.bias,
            training=self.training and self.gain.requires_grad,
            momentum=MOMENTUM,
            eps=EPSILON,
        )
        return normalized.view(inputs.shape)
