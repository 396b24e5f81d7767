"""Dropout and zoneout with an explicit random generator.

Shapes: T time steps, B streams, H hidden; any shape unless stated otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nextchar.nn.rng import LEVELS, draw_numbers

WINDOW_DIMENSIONS = 3  # [T, B, H]


class Dropout(nn.Module):
    """Dropout in training mode, and the identity in evaluation mode.

    Parameters
    ----------
    p
        Probability in [0, 1).
    locked
        Whether all time steps of inputs [T, B, H] share one mask [B, H]: variational dropout (Gal &
        Ghahramani 2016; "locked" in Merity, Keskar & Socher 2018).
    axis
        The batch axis, as in ``draw_numbers``; ``None`` for weights.
    """

    def __init__(self, p: float, *, locked: bool = False, axis: int | None = -2) -> None:
        super().__init__()
        self.p = p
        self.locked = locked
        self.axis = axis

    @property
    def is_active(self) -> bool:
        """Whether a call changes anything."""
        return self.training and self.p > 0

    def forward(self, inputs: Tensor, generator: torch.Generator | None) -> Tensor:
        """Apply dropout; raise ``ValueError`` if a generator is needed but missing."""
        if not self.is_active:
            return inputs
        source = _require_generator(generator, f"dropout {self.p}")
        return dropout(inputs, self.p, source, locked=self.locked, axis=self.axis)


def dropout(
    inputs: Tensor,
    p: float,
    generator: torch.Generator,
    *,
    locked: bool = False,
    axis: int | None = -2,
) -> Tensor:
    """Set elements to zero with probability p and scale the others by 1 / (1 − p).

    Hinton et al. (2012), Srivastava et al. (2014). The global generator is not used.

    Parameters
    ----------
    inputs
        A floating-point tensor of any shape.
    p
        Probability in [0, 1), rounded to the nearest multiple of 1/65536.
    generator
        Random generator on the device of the inputs; its state advances.
    locked
        Whether all time steps of inputs [T, B, H] share one mask.
    axis
        The batch axis, as in ``draw_numbers``.

    Returns
    -------
    Tensor
        The result, with the shape and dtype of the inputs.
    """
    like = inputs[0] if locked and inputs.dim() == WINDOW_DIMENSIONS else inputs
    kept = draw_kept(like, p, generator, axis=axis)
    return inputs * kept.to(inputs.dtype).mul_(LEVELS / (LEVELS - _dropped(p)))


def drop_symbols(
    ids: Tensor, p: float, generator: torch.Generator | None, *, unknown_id: int, symbols: int
) -> Tensor:
    """Replace symbols int64[T, B] with ``<unk>`` at random, which trains its embedding.

    Each symbol is replaced with probability p. Ids of ``symbols`` and above are not symbols, and
    do not change. Raise ``ValueError`` if a generator is needed but missing.
    """
    if p == 0:
        return ids
    like = torch.empty(ids.shape, device=ids.device)
    kept = draw_kept(like, p, _require_generator(generator, f"dropout {p} of symbols"), axis=-1)
    return ids.masked_fill(~kept & (ids < symbols), unknown_id)


def draw_zones(like: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Draw a zoneout mask (Krueger et al. 2017): 1 with probability p, otherwise 0.

    The mask has the shape and dtype of ``like``. Raise ``ValueError`` if the generator is missing.
    """
    source = _require_generator(generator, f"zoneout {p}")
    return draw_kept(like, p, source).logical_not().to(like.dtype)


def draw_kept(
    like: Tensor,
    p: float,
    generator: torch.Generator,
    *,
    axis: int | None = -2,
) -> Tensor:
    """Draw a bool mask of the shape of ``like``, False with probability p; see ``draw_numbers``."""
    numbers = draw_numbers(like, generator, axis=axis)
    kept: Tensor = numbers >= _dropped(p) - LEVELS // 2
    return kept


def _dropped(p: float) -> int:
    """Return the number of random values, out of ``LEVELS``, that drop an element."""
    return min(round(p * LEVELS), LEVELS - 1)


def _require_generator(generator: torch.Generator | None, purpose: str) -> torch.Generator:
    if generator is None:
        raise ValueError(
            f"{purpose} in training mode needs a generator, got None (call .eval() to run without)"
        )
    return generator
