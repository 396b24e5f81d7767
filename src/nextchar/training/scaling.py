"""The loss scale of float16, whose gradients would otherwise vanish (Micikevicius et al. 2018).

Gradients are taken of the loss times a factor, and divided by it before anything looks at them. A
step whose gradients overflow is not taken, and halves the factor; 2,000 steps without one double
it. With adam and adamw, nothing is brought to the host.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim import Optimizer

from nextchar.config import TrainingConfig
from nextchar.training.trainer_state import TrainerState

# A factor below this has been halved by more than a few unlucky batches: the gradients are no
# numbers whatever it is.
LOWEST = 1e-3


class LossScale:
    """The factor, where precision is float16; otherwise nothing is changed.

    Parameters
    ----------
    config
        With ``precision`` decided.
    device
        Of the network.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self.is_used = config.precision == "float16"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.is_used)

    def scaled(self, loss: Tensor) -> Tensor:
        """Give what the gradient is to be taken of."""
        scaled: Tensor = self._scaler.scale(loss)
        return scaled

    def undo(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimiser's parameters, in place."""
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        """Take the optimiser's step, unless the gradients overflowed, and follow that."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def counted(self, norm: Tensor) -> Tensor:
        """Give a gradient norm as it counts for divergence: that of a step not taken is nothing."""
        return torch.where(norm.isfinite(), norm, 0.0) if self.is_used else norm

    def is_lost(self) -> bool:
        """Say whether no factor brings finite gradients any more; waits for the device."""
        return self.is_used and self._scaler.get_scale() < LOWEST

    def save(self, progress: TrainerState) -> None:
        """Note what resuming needs; waits for the device."""
        if self.is_used:
            values = self._scaler.state_dict()
            progress.loss_scale = values["scale"]
            progress.loss_scale_steps = values["_growth_tracker"]

    def restore(self, progress: TrainerState) -> None:
        """Go back to what was noted."""
        if self.is_used and progress.loss_scale is not None:
            noted = {"scale": progress.loss_scale, "_growth_tracker": progress.loss_scale_steps}
            self._scaler.load_state_dict({**self._scaler.state_dict(), **noted})
