"""Random bits for a batch of which several processes may each have a share.

What is dropped must not depend on how many processes train. So each of them draws for the whole
batch, from generators in the same state, and takes what falls on its own streams.

Shapes: B streams, of which a process has B/R; R processes.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

BITS = 16
LEVELS: int = 1 << BITS


class SharedGenerator(torch.Generator):
    """A generator that knows which share of the batch is drawn for here.

    Parameters
    ----------
    device
        Where it draws.
    rank, world
        Share r of R.
    """

    def __new__(cls, device: torch.device, *, rank: int, world: int) -> Self:  # noqa: ARG004
        """Make the generator; torch's own takes the device alone."""
        return super().__new__(cls, device)  # type: ignore[call-arg]

    def __init__(self, device: torch.device, *, rank: int, world: int) -> None:  # noqa: ARG002
        self.rank = rank
        self.world = world


def draw_numbers(like: Tensor, generator: torch.Generator, *, per_stream: bool) -> Tensor:
    """Draw whole numbers, each of the 2¹⁶ of int16 equally likely.

    Parameters
    ----------
    like
        For the shape and the device.
    generator
        On this device; it moves on by the number of elements of all shares.
    per_stream
        Whether the last axis but one are streams [..., B/R, H], of which a ``SharedGenerator``
        says which they are; else all processes draw the same.

    Returns
    -------
    Tensor
        int16, of the shape of ``like``.
    """
    if not (per_stream and isinstance(generator, SharedGenerator)):
        return _draw(like.shape, like.device, generator)
    streams = like.shape[-2]
    shape = (*like.shape[:-2], streams * generator.world, like.shape[-1])
    return _draw(shape, like.device, generator).narrow(-2, generator.rank * streams, streams)


def _draw(shape: tuple[int, ...], device: torch.device, generator: torch.Generator) -> Tensor:
    count = torch.Size(shape).numel()
    # four draws of 16 bits from each 64: five times as fast as a draw an element
    words = torch.empty(-(-count * BITS // 64), dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:count].view(shape)
