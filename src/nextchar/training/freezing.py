"""Which levels of a network learn at a step: frozen ones, and gradual unfreezing.

A level is the embedding, a recurrent layer or the head (``NetworkConfig.level_names``). ``freeze``
fixes so many of them, from the input; ``unfreeze_every`` steps free one after the other, from the
output (Howard & Ruder 2018). What is frozen has no gradient: no update, no weight decay and no
momentum touches it, the gradient norm does not count it, and no backward pass is computed for it
where nothing below it learns.

Where a network has grown new symbols (``nextchar.transfer``), their part of the level where
symbols enter always learns: frozen, it would stay as it was made up.

Legend: V symbols.
"""

from __future__ import annotations

from torch import nn

from nextchar.config import TrainingConfig
from nextchar.nn.network import Network


class Freezing:
    """Decides for each step which parameters learn.

    Parameters
    ----------
    network
        Whose ``requires_grad`` is set.
    config
        With ``freeze`` below the number of levels.
    known
        The ids of the symbols that were there before the network grew; ``None`` is all.

    Attributes
    ----------
    partly_frozen
        The weight of which only the part of new symbols learns while its level is frozen. It must
        not decay.
    """

    def __init__(
        self, network: Network, config: TrainingConfig, known: range | None = None
    ) -> None:
        self._levels = network.levels
        self._config = config
        self._known = range(network.vocabulary_size) if known is None else known
        name, self._dimension = next(iter(network.symbol_weights.items()))
        has_grown = len(self._known) < network.vocabulary_size
        self.partly_frozen: nn.Parameter | None = (
            network.get_parameter(name) if config.freeze and has_grown else None
        )

    def frozen_levels(self, step: int) -> int:
        """Give how many levels are fixed in a step (counted from 0)."""
        freed = step // self._config.unfreeze_every if self._config.unfreeze_every else 0
        return max(0, self._config.freeze - freed)

    def begin(self, step: int) -> None:
        """Say to every parameter whether it learns in this step; before its forward pass."""
        if not self._config.freeze:
            return
        frozen = self.frozen_levels(step)
        for number, level in enumerate(self._levels):
            for parameter in level:
                parameter.requires_grad_(number >= frozen or parameter is self.partly_frozen)

    def clear_known(self, step: int) -> None:
        """Take the gradient of the known symbols out of a weight that is partly frozen."""
        weight = self.partly_frozen
        if weight is None or weight.grad is None or self.frozen_levels(step) == 0:
            return
        weight.grad.narrow(self._dimension, self._known.start, len(self._known)).zero_()
