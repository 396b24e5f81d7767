"""Dynamic loss scaling for float16, whose gradients would otherwise underflow.

Micikevicius et al. 2018: the loss is multiplied by a scale, and the gradients are divided by it
before any other use. A step whose gradients overflow is skipped and halves the scale; 2,000 steps
without overflow double it. With adam and adamw, nothing is copied to the host.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim import Optimizer

from nextchar.config import TrainingConfig
from nextchar.errors import RunError
from nextchar.training.trainer_state import TrainerState

# A smaller scale cannot be the result of a few unlucky batches: the gradients are non-finite at
# every scale.
LOWEST = 1e-3


class LossScale:
    """The loss scale; in other precisions than float16, it has no effect.

    Parameters
    ----------
    config
        Its ``precision`` must be resolved (not ``auto``).
    device
        The device of the network.

    Attributes
    ----------
    is_used
        Whether the precision is float16.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self.is_used = config.precision == "float16"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.is_used)

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale, for the backward pass."""
        scaled: Tensor = self._scaler.scale(loss)
        return scaled

    def undo(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimiser's parameters by the scale, in place."""
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        """Take the optimiser's step, unless the gradients have overflowed, and update the scale."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def counted(self, norms: Tensor) -> Tensor:
        """Return gradient norms for the divergence check; those of a skipped step are 0."""
        return torch.where(norms.isfinite().all(), norms, 0.0) if self.is_used else norms

    def is_lost(self) -> bool:
        """Return whether the gradients are non-finite at every scale; waits for the device."""
        return self.is_used and self._scaler.get_scale() < LOWEST

    def save(self, progress: TrainerState) -> None:
        """Store the scale in the training state; waits for the device."""
        if self.is_used:
            values = self._scaler.state_dict()
            progress.loss_scale = values["scale"]
            progress.loss_scale_steps = values["_growth_tracker"]

    def restore(self, progress: TrainerState) -> None:
        """Restore the scale from the training state; ``RunError`` if it is missing."""
        if self.is_used:
            if progress.loss_scale is None:
                raise RunError("the loss scale is missing, which training in float16 needs")
            saved = {"scale": progress.loss_scale, "_growth_tracker": progress.loss_scale_steps}
            self._scaler.load_state_dict({**self._scaler.state_dict(), **saved})
