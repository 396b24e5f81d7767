"""Dropout and zoneout, whose randomness is an argument.

Shapes: T time steps, B streams, H hidden; where nothing else is said, any.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nextchar.nn.rng import LEVELS, draw_numbers

WINDOW_DIMENSIONS = 3  # [T, B, H]


class Dropout(nn.Module):
    """Dropout in training mode, and nothing otherwise.

    Parameters
    ----------
    p
        Probability in [0, 1).
    locked
        Inputs [T, B, H] have one mask [B, H] for all steps: variational dropout (Gal & Ghahramani
        2016; "locked" in Merity, Keskar & Socher 2018).
    axis
        The axis of the batch, as for ``draw_numbers``; ``None`` for weights.
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
        """Drop with the generator's draws; ``ValueError`` where one is needed and is None."""
        if not self.is_active:
            return inputs
        source = _needed(generator, f"dropout {self.p}")
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

    Hinton et al. (2012), Srivastava et al. (2014). The global generator is neither read nor moved.

    Parameters
    ----------
    inputs
        Any shape, floating point.
    p
        Probability in [0, 1), taken to the nearest multiple of 1/65536.
    generator
        On the device of the inputs; it moves on.
    locked
        Whether all steps of inputs [T, B, H] share one mask.
    axis
        As for ``draw_numbers``.

    Returns
    -------
    Tensor
        Shape and type of the inputs.
    """
    like = inputs[0] if locked and inputs.dim() == WINDOW_DIMENSIONS else inputs
    kept = draw_kept(like, p, generator, axis=axis)
    return inputs * kept.to(inputs.dtype).mul_(LEVELS / (LEVELS - _dropped(p)))


def drop_symbols(
    ids: Tensor, p: float, generator: torch.Generator | None, *, unknown_id: int, symbols: int
) -> Tensor:
    """Let ``<unk>`` stand for symbols int64[T, B], each with probability p, so that it is learned.

    Ids from ``symbols`` on stand for no symbol, and stay. ``ValueError`` where a draw is needed
    and there is no generator.
    """
    if p == 0:
        return ids
    like = torch.empty(ids.shape, device=ids.device)
    kept = draw_kept(like, p, _needed(generator, f"dropout {p} of symbols"), axis=-1)
    return ids.masked_fill(~kept & (ids < symbols), unknown_id)


def draw_zones(like: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Draw what zoneout keeps (Krueger et al. 2017): 1 with probability p, and otherwise 0.

    Shape and type are those of a tensor; ``ValueError`` where there is no generator.
    """
    source = _needed(generator, f"zoneout {p}")
    return draw_kept(like, p, source).logical_not().to(like.dtype)


def draw_kept(
    like: Tensor,
    p: float,
    generator: torch.Generator,
    *,
    axis: int | None = -2,
) -> Tensor:
    """Draw bool of the shape of a tensor, each False with probability p; see ``draw_numbers``."""
    numbers = draw_numbers(like, generator, axis=axis)
    kept: Tensor = numbers >= _dropped(p) - LEVELS // 2
    return kept


def _dropped(p: float) -> int:
    """Give how many of the levels a draw may have are dropped."""
    return min(round(p * LEVELS), LEVELS - 1)


def _needed(generator: torch.Generator | None, what: str) -> torch.Generator:
    if generator is None:
        raise ValueError(
            f"{what} in training mode needs a generator, got None (call .eval() to run without)"
        )
    return generator
