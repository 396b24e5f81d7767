"""Sampling of the next symbol: pure functions over logits.

Logits are unnormalised log-probabilities ``[B, V]`` in nats; an excluded symbol has ``-inf``.
Filters apply in the usual order: penalty, temperature, top-k, top-p, min-p.

Shapes: B samples, V vocabulary size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nextchar.config.arguments import check_fields
from nextchar.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """The sampling options.

    Attributes
    ----------
    temperature
        Divisor of the logits. At 1 the distribution is the model's own, and towards 0 it becomes
        more peaked. 0 is argmax: always the most probable symbol.
    top_k
        Keep only the k most probable symbols (Fan, Lewis & Dauphin 2018); 0 keeps all.
    top_p
        Keep only the smallest set of most probable symbols whose total probability reaches p
        (nucleus sampling, Holtzman et al. 2020); 1 keeps all.
    min_p
        Keep only symbols whose probability is at least ``min_p`` times that of the most probable
        one (Nguyen et al. 2024); 0 keeps all.
    repetition_penalty
        Factor on the log-probabilities of the symbols among the last ``repetition_window``. Values
        above 1 make them less probable; 1 has no effect. Keskar et al. 2019 scale raw logits
        depending on their sign. Log-probabilities, in contrast, do not depend on the offset of the
        logits.
    repetition_window
        Number of most recent symbols that are penalised.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64

    def __post_init__(self) -> None:
        check_fields(self)
        numbers = (self.temperature, self.top_p, self.min_p, self.repetition_penalty)
        if not all(math.isfinite(number) for number in numbers):
            raise ConfigError(f"sampling options must be finite numbers; got {self}")
        _require(self.temperature >= 0, "temperature must be at least 0", self.temperature)
        _require(self.top_k >= 0, "top_k must be at least 0 (0 means all)", self.top_k)
        _require(0 < self.top_p <= 1, "top_p must be above 0 and at most 1", self.top_p)
        _require(0 <= self.min_p <= 1, "min_p must be at least 0 and at most 1", self.min_p)
        _require(self.repetition_penalty > 0, "repetition_penalty must be above 0",
                 self.repetition_penalty)  # fmt: skip
        _require(self.repetition_window >= 1, "repetition_window must be at least 1",
                 self.repetition_window)  # fmt: skip
        if self.temperature == 0 and (self.top_k, self.top_p, self.min_p) != (0, 1.0, 0.0):
            raise ConfigError(
                "temperature 0 is argmax: it cannot be combined with top_k, top_p or min_p"
            )

    @property
    def penalizes(self) -> bool:
        """Whether the repetition penalty has an effect."""
        return self.repetition_penalty != 1


def _require(holds: bool, rule: str, value: float) -> None:
    if not holds:
        raise ConfigError(f"{rule}; got {value}")


def filtered_logits(logits: Tensor, sampling: Sampling, recent: Tensor | None = None) -> Tensor:
    """Apply all filters of ``sampling``, except the argmax of temperature 0.

    Parameters
    ----------
    logits
        float[B, V].
    recent
        The most recent symbols of each sample, for the repetition penalty, int64[B, n].
    """
    return narrowed_logits(tempered_logits(logits, sampling, recent), sampling)


def tempered_logits(logits: Tensor, sampling: Sampling, recent: Tensor | None = None) -> Tensor:
    """Apply the repetition penalty, and the temperature unless it is 0."""
    if sampling.penalizes and recent is not None:
        window = recent[:, -sampling.repetition_window :]
        logits = penalize_repetition(logits, window, sampling.repetition_penalty)
    if sampling.temperature not in (0, 1):
        # The shift and float64 prevent overflow at very low temperatures.
        logits = (logits - logits.amax(-1, keepdim=True)).double() / sampling.temperature
    return logits


def narrowed_logits(logits: Tensor, sampling: Sampling) -> Tensor:
    """Apply the filters that exclude symbols: top-k, top-p and min-p."""
    if sampling.top_k:
        logits = keep_top_k(logits, sampling.top_k)
    if sampling.top_p < 1:
        logits = keep_top_p(logits, sampling.top_p)
    if sampling.min_p > 0:
        logits = keep_min_p(logits, sampling.min_p)
    return logits


def penalize_repetition(logits: Tensor, recent: Tensor, penalty: float) -> Tensor:
    """Penalise the symbols in ``recent``, int64[B, n]; see ``Sampling``."""
    if recent.shape[-1] == 0:
        return logits
    normalized = logits.log_softmax(-1)
    seen = normalized.gather(-1, recent)
    return normalized.scatter(-1, recent, seen * penalty)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Exclude all but the k most probable symbols; ties keep the smaller ids."""
    if k >= logits.shape[-1]:
        return logits
    _, order = logits.sort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k:], -math.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Exclude all but the smallest set of most probable symbols with total probability ≥ p."""
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.double().softmax(-1)
    # Keep a symbol if the more probable ones do not reach p. The first is always kept.
    before = probabilities.cumsum(-1) - probabilities
    return logits.scatter(-1, order, ordered.masked_fill(before >= p, -math.inf))


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Exclude symbols less probable than ``min_p`` times the most probable one."""
    threshold = logits.amax(-1, keepdim=True) + math.log(min_p)
    return logits.masked_fill(logits < threshold, -math.inf)


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one symbol per row by inverse transform sampling.

    Parameters
    ----------
    logits
        float[B, V].
    uniforms
        Uniform random numbers in [0, 1), float64[B].

    Returns
    -------
    Tensor
        The symbols, int64[B]; never one with a logit of ``-inf``.
    """
    cumulative = logits.double().softmax(-1).cumsum(-1)
    target = (uniforms * cumulative[:, -1]).unsqueeze(-1)
    drawn = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    # Rounding may move the target past the last symbol with a nonzero probability.
    last = logits.shape[-1] - 1 - (logits > -math.inf).flip(-1).int().argmax(-1)
    return torch.minimum(drawn, last)


def choose(logits: Tensor, sampling: Sampling, uniforms: Tensor) -> Tensor:
    """Choose one symbol per row from tempered logits [B, V] and uniforms [B]: int64[B]."""
    if sampling.temperature == 0:
        return argmax(logits)
    return draw(narrowed_logits(logits, sampling), uniforms)


def argmax(logits: Tensor) -> Tensor:
    """Return the most probable symbol of each row, int64[B]; ties go to the smallest id."""
    return logits.argmax(-1)
