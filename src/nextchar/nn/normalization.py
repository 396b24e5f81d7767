"""Batch normalisation of what a layer gives.

Shapes: T time steps, B streams, H hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SHARE_OF_NEWEST = 0.1
EPSILON = 1e-5


class BatchNorm(nn.Module):
    """Bring each unit to mean 0 and deviation 1, then to a learned gain and bias.

    In training mode over the T·B positions of the window (Ioffe & Szegedy 2015; over time too:
    Laurent et al. 2016), so that a position is not blind to what comes after it in the window.
    In evaluation mode by running averages of what training saw, which know no future.

    Parameters
    ----------
    hidden_size
        H.

    Attributes
    ----------
    gain, bias
        [H], 1 and 0 at the beginning.
    mean, variance
        The running averages [H], which are saved with the weights.
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
        """Give the factor and the summand [H] that it comes to in evaluation mode."""
        factor = self.gain / (self.variance + EPSILON).sqrt()
        return factor, self.bias - factor * self.mean

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise [..., H]; in training mode at least two positions, and the averages move.

        Where the gain is frozen, the averages are too, and are what is normalised by.
        """
        flat = inputs.flatten(0, -2)
        normalized = functional.batch_norm(
            flat.to(self.gain.dtype),
            self.mean,
            self.variance,
            self.gain,
            self.bias,
            training=self.training and self.gain.requires_grad,
            momentum=SHARE_OF_NEWEST,
            eps=EPSILON,
        )
        return normalized.view(inputs.shape)
