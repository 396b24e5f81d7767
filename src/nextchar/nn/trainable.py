"""What a trainer asks of a network."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn


class Trainable(nn.Module, ABC):
    """A network whose parameters are arranged in layer groups, from the input to the output."""

    @property
    @abstractmethod
    def layer_groups(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The parameters of each group, every one once: in the first group that has it."""

    @property
    def fitted(self) -> frozenset[str]:
        """The names of buffers that are fitted beside the steps, and so are never averaged."""
        return frozenset()

    @property
    def parameter_count(self) -> int:
        """Number of learned values; shared ones count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def layer_groups_of(groups: Iterable[Sequence[nn.Module]]) -> tuple[tuple[nn.Parameter, ...], ...]:
    """Give the parameters of groups of modules; what is shared belongs to the first."""
    grouped: list[tuple[nn.Parameter, ...]] = []
    known: set[int] = set()
    for modules in groups:
        each = [parameter for module in modules for parameter in module.parameters()]
        grouped.append(tuple(p for p in each if id(p) not in known))
        known.update(map(id, grouped[-1]))
    return tuple(grouped)


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Keep a network in evaluation mode without gradients in the block, then restore its mode."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)
