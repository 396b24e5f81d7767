"""Random bits for a batch that may be distributed over several processes.

Dropout masks must not depend on the number of processes. Each process therefore draws the numbers
of the whole batch, from generators with equal states, and uses those of its own streams.

Shapes: B streams in total, R processes with B/R streams each, H hidden.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

BITS = 16
LEVELS: int = 1 << BITS


class SharedGenerator(torch.Generator):
    """A generator with the process's rank, which determines its streams in the batch.

    Parameters
    ----------
    device
        The device of the random numbers.
    rank, world
        The rank of this process, and the number of processes R.
    """

    def __new__(cls, device: torch.device, *, rank: int, world: int) -> Self:  # noqa: ARG004
        """Create the generator; the constructor of torch accepts only the device."""
        return super().__new__(cls, device)  # type: ignore[call-arg]

    def __init__(self, device: torch.device, *, rank: int, world: int) -> None:  # noqa: ARG002
        self.rank = rank
        self.world = world


def draw_numbers(like: Tensor, generator: torch.Generator, *, per_stream: bool) -> Tensor:
    """Draw uniform integers from all 2¹⁶ values of int16.

    Parameters
    ----------
    like
        A tensor with the shape and the device of the result.
    generator
        Random generator on this device; its state advances by the draws of all processes.
    per_stream
        Whether the second to last axis is the streams of this process, [..., B/R, H]. A
        ``SharedGenerator`` then returns the numbers of these streams; otherwise all processes draw
        the same numbers.

    Returns
    -------
    Tensor
        int16, with the shape of ``like``.
    """
    if not (per_stream and isinstance(generator, SharedGenerator)):
        return _draw(like.shape, like.device, generator)
    streams = like.shape[-2]
    shape = (*like.shape[:-2], streams * generator.world, like.shape[-1])
    return _draw(shape, like.device, generator).narrow(-2, generator.rank * streams, streams)


def _draw(shape: tuple[int, ...], device: torch.device, generator: torch.Generator) -> Tensor:
    count = torch.Size(shape).numel()
    # Four 16-bit numbers from each 64-bit draw: five times as fast as one draw per element.
    words = torch.empty(-(-count * BITS // 64), dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:count].view(shape)
