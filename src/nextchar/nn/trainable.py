"""The interface between a trainer and a network."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn


class Trainable(nn.Module, ABC):
    """A network with its parameters in layer groups, from input to output."""

    @property
    @abstractmethod
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The parameters of each layer group; a shared parameter belongs to the first group."""

    @property
    def fitted(self) -> frozenset[str]:
        """The names of buffers that are not set by training steps, and are never averaged."""
        return frozenset()

    @property
    def parameter_count(self) -> int:
        """The number of trainable values; shared parameters count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def layer_groups_of(groups: Iterable[Sequence[nn.Module]]) -> tuple[tuple[nn.Parameter, ...], ...]:
    """Return the parameters of groups of modules; shared ones belong to the first group."""
    grouped: list[tuple[nn.Parameter, ...]] = []
    known: set[int] = set()
    for modules in groups:
        each = [parameter for module in modules for parameter in module.parameters()]
        grouped.append(tuple(p for p in each if id(p) not in known))
        known.update(map(id, grouped[-1]))
    return tuple(grouped)


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Disable gradients and use evaluation mode within a block, then restore the mode."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)
