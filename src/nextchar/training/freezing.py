"""Which levels of a network learn at a step: frozen ones, and gradual unfreezing.

A level is the embedding, a recurrent layer or the head (``NetworkConfig.level_names``). ``freeze``
fixes so many of them, from the input; ``unfreeze_every`` steps free one after the other, from the
output (Howard & Ruder 2018). What is frozen has no gradient: no update, no weight decay and no
momentum touches it, the gradient norm does not count it, and no backward pass is computed for it
where nothing below it learns.

New symbols of a network initialised from another one always learn, even if their layer group is
frozen: frozen, they would keep their random weights.

Legend: V symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from nextchar.config import TrainingConfig


@dataclass(frozen=True)
class GrownWeight:
    """The weight of a grown network where symbols enter.

    Attributes
    ----------
    weight, dimension
        It has a part for each symbol along this dimension, of size V.
    known
        Ids of the symbols that were there before the network grew.
    """

    weight: nn.Parameter
    dimension: int
    known: range


class Freezing:
    """Decides for each step which parameters learn.

    Parameters
    ----------
    levels
        The parameters from the input to the output, whose ``requires_grad`` is set.
    config
        With ``freeze`` below the number of levels.
    grown
        Where new symbols enter, or ``None`` if there are none.

    Attributes
    ----------
    partly_frozen
        The weight of which only the part of new symbols learns while its level is frozen. It must
        not decay.
    """

    def __init__(
        self,
        levels: Sequence[Sequence[nn.Parameter]],
        config: TrainingConfig,
        grown: GrownWeight | None = None,
    ) -> None:
        self._levels = levels
        self._config = config
        self._grown = grown if config.freeze else None
        self.partly_frozen = None if self._grown is None else self._grown.weight

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
        grown = self._grown
        if grown is None or grown.weight.grad is None or self.frozen_levels(step) == 0:
            return
        grown.weight.grad.narrow(grown.dimension, grown.known.start, len(grown.known)).zero_()
