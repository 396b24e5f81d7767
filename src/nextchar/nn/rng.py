"""Random bits for a batch that may be distributed over several processes.

Dropout masks must not depend on the number of processes. Each process therefore draws the numbers
of the whole batch, from generators with equal states, and uses those of its own rows.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

BITS = 16
LEVELS: int = 1 << BITS


class SharedGenerator(torch.Generator):
    """A generator that draws for the whole batch and knows the rows of this process.

    Parameters
    ----------
    device
        The device of the random numbers.
    rows
        The contiguous rows of this process.
    whole
        Number of rows of the whole batch, over all processes.
    """

    def __new__(cls, device: torch.device, *, rows: range, whole: int) -> Self:  # noqa: ARG004
        """Create the generator; the constructor of torch accepts only the device."""
        return super().__new__(cls, device)  # type: ignore[call-arg]

    def __init__(self, device: torch.device, *, rows: range, whole: int) -> None:  # noqa: ARG002
        self.rows = rows
        self.whole = whole


def draw_numbers(like: Tensor, generator: torch.Generator, *, axis: int | None = -2) -> Tensor:
    """Draw uniform integers from all 2¹⁶ values of int16.

    Parameters
    ----------
    like
        A tensor with the shape and the device of the result.
    generator
        Random generator on this device; its state advances by the elements of the whole batch.
    axis
        The batch axis, counted from the end. With a ``SharedGenerator``, it contains the rows of
        this process, possibly as several consecutive copies. ``None`` is for weights: all processes
        draw the same numbers.

    Returns
    -------
    Tensor
        int16, with the shape of ``like``.
    """
    if axis is None or not isinstance(generator, SharedGenerator):
        return _draw(like.shape, like.device, generator)
    rows, whole = generator.rows, generator.whole
    axis += like.dim()
    copies = like.shape[axis] // len(rows)
    shape = (*like.shape[:axis], copies, whole, *like.shape[axis + 1 :])
    drawn = _draw(shape, like.device, generator)
    return drawn.narrow(axis + 1, rows.start, len(rows)).reshape(like.shape)


def _draw(shape: tuple[int, ...], device: torch.device, generator: torch.Generator) -> Tensor:
    count = torch.Size(shape).numel()
    # Four 16-bit numbers from each 64-bit draw: five times as fast as one draw per element.
    words = torch.empty(-(-count * BITS // 64), dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:count].view(shape)
