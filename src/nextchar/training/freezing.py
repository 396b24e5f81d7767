"""Frozen layer groups and gradual unfreezing.

A layer group is the embedding, a recurrent layer or the head (``NetworkConfig.level_names``).
``freeze`` is the number of frozen groups, counted from the input. Every ``unfreeze_every`` steps
one of them is unfrozen, the one nearest to the output first (Howard & Ruder 2018). Frozen
parameters have no gradient: they receive no update, weight decay or momentum, and do not count in
the gradient norm. The backward pass ends at the lowest group that learns.

In a network initialised from a pretrained model, the parameters of new symbols always learn, even
in a frozen layer group: otherwise they would keep their random initial weights.

Legend: V symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from nextchar.config import TrainingConfig


@dataclass(frozen=True)
class GrownWeight:
    """The input weight of a pretrained network to which symbols were added.

    Attributes
    ----------
    weight
        The parameter.
    dimension
        Its symbol dimension, of size V.
    known
        Ids of the symbols of the pretrained network.
    """

    weight: nn.Parameter
    dimension: int
    known: range


class Freezing:
    """Selects the parameters that learn at each step.

    Parameters
    ----------
    layer_groups
        The parameters of each layer group, from the input to the output; their ``requires_grad``
        is set.
    config
        Its ``freeze`` must be below the number of layer groups.
    grown
        The input weight that has parameters of new symbols; ``None`` if there are none.

    Attributes
    ----------
    partly_frozen
        The weight in which the parameters of new symbols learn while its layer group is frozen. It
        must have no weight decay.
    """

    def __init__(
        self,
        layer_groups: Sequence[Sequence[nn.Parameter]],
        config: TrainingConfig,
        grown: GrownWeight | None = None,
    ) -> None:
        self._layer_groups = layer_groups
        self._config = config
        self._grown = grown if config.freeze else None
        self.partly_frozen = None if self._grown is None else self._grown.weight

    def frozen_groups(self, step: int) -> int:
        """Return the number of frozen layer groups at a step (counted from 0)."""
        freed = step // self._config.unfreeze_every if self._config.unfreeze_every else 0
        return max(0, self._config.freeze - freed)

    def begin(self, step: int) -> None:
        """Freeze and unfreeze the parameters for a step; call it before the forward pass."""
        if not self._config.freeze:
            return
        frozen = self.frozen_groups(step)
        for number, group in enumerate(self._layer_groups):
            for parameter in group:
                parameter.requires_grad_(number >= frozen or parameter is self.partly_frozen)

    def clear_known(self, step: int) -> None:
        """Zero the gradient of the known symbols in the partly frozen weight."""
        grown = self._grown
        if grown is None or grown.weight.grad is None or self.frozen_groups(step) == 0:
            return
        grown.weight.grad.narrow(grown.dimension, grown.known.start, len(grown.known)).zero_()
