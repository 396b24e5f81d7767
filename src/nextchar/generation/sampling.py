"""What may be drawn next: pure functions over logits.

B samples, V vocabulary size. Logits are ``[B, V]`` in nats, natural logarithms of probabilities
up to a constant of the row; an excluded symbol has ``-inf``. Filters apply in the order of
``filtered_logits``: penalty, temperature, top-k, top-p, min-p, as in the common samplers.
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
    """How the next symbol is chosen.

    Attributes
    ----------
    temperature
        Divides the logits; 1 is the model's own distribution, towards 0 it peaks, and 0 itself
        is argmax: always the most probable symbol.
    top_k
        Only the k most probable symbols (Fan, Lewis & Dauphin 2018); 0 is all.
    top_p
        Only the smallest set of most probable symbols whose probability reaches p
        (nucleus sampling, Holtzman et al. 2020); 1 is all.
    min_p
        Only symbols at least this times as probable as the most probable one
        (Nguyen et al. 2024); 0 is all.
    repetition_penalty
        The log-probabilities of symbols among the last ``repetition_window`` are multiplied by
        it, so that above 1 they become less probable; 1 is none. After Keskar et al. 2019, who
        scale raw logits by their sign; log-probabilities do not hang on the logits' offset.
    repetition_window
        How many of the newest symbols the penalty looks at.
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
        _require(self.top_k >= 0, "top_k must be at least 0 (0 is all)", self.top_k)
        _require(0 < self.top_p <= 1, "top_p must be above 0 and at most 1", self.top_p)
        _require(0 <= self.min_p <= 1, "min_p must be at least 0 and at most 1", self.min_p)
        _require(self.repetition_penalty > 0, "repetition_penalty must be above 0",
                 self.repetition_penalty)  # fmt: skip
        _require(self.repetition_window >= 1, "repetition_window must be at least 1",
                 self.repetition_window)  # fmt: skip
        if self.temperature == 0 and (self.top_k, self.top_p, self.min_p) != (0, 1.0, 0.0):
            raise ConfigError(
                "temperature 0 is argmax and draws nothing: it goes with no top_k, top_p or min_p"
            )

    @property
    def penalizes(self) -> bool:
        """Whether a choice hangs on the symbols before it."""
        return self.repetition_penalty != 1


def _require(holds: bool, rule: str, value: float) -> None:
    if not holds:
        raise ConfigError(f"{rule}; got {value}")


def filtered_logits(logits: Tensor, sampling: Sampling, recent: Tensor | None = None) -> Tensor:
    """Apply every filter of ``sampling`` but argmax.

    Parameters
    ----------
    logits
        float[B, V].
    recent
        int64[B, n], the newest symbols of each sample, for the repetition penalty.
    """
    return narrowed_logits(tempered_logits(logits, sampling, recent), sampling)


def tempered_logits(logits: Tensor, sampling: Sampling, recent: Tensor | None = None) -> Tensor:
    """Apply what changes probabilities: the penalty and the temperature, unless it is 0."""
    if sampling.penalizes and recent is not None:
        window = recent[:, -sampling.repetition_window :]
        logits = penalize_repetition(logits, window, sampling.repetition_penalty)
    if sampling.temperature not in (0, 1):
        # Shifted first, and in float64, so that no temperature is too small.
        logits = (logits - logits.amax(-1, keepdim=True)).double() / sampling.temperature
    return logits


def narrowed_logits(logits: Tensor, sampling: Sampling) -> Tensor:
    """Apply what excludes symbols: top-k, top-p and min-p."""
    if sampling.top_k:
        logits = keep_top_k(logits, sampling.top_k)
    if sampling.top_p < 1:
        logits = keep_top_p(logits, sampling.top_p)
    if sampling.min_p > 0:
        logits = keep_min_p(logits, sampling.min_p)
    return logits


def penalize_repetition(logits: Tensor, recent: Tensor, penalty: float) -> Tensor:
    """Make the symbols in ``recent`` int64[B, n] less probable, see ``Sampling``."""
    if recent.shape[-1] == 0:
        return logits
    normalized = logits.log_softmax(-1)
    seen = normalized.gather(-1, recent)
    return normalized.scatter(-1, recent, seen * penalty)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Exclude all but the k most probable symbols; of equals, those with the smaller id stay."""
    if k >= logits.shape[-1]:
        return logits
    _, order = logits.sort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k:], -math.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Exclude all but the smallest set of most probable symbols with probability at least p."""
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.double().softmax(-1)
    # A symbol is needed while those before it have not reached p: the first always is.
    before = probabilities.cumsum(-1) - probabilities
    return logits.scatter(-1, order, ordered.masked_fill(before >= p, -math.inf))


def keep_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Exclude symbols less probable than ``min_p`` times the most probable one."""
    threshold = logits.amax(-1, keepdim=True) + math.log(min_p)
    return logits.masked_fill(logits < threshold, -math.inf)


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one symbol a row by inverting the cumulative distribution.

    Parameters
    ----------
    logits
        float[B, V].
    uniforms
        float64[B] in [0, 1): where in the cumulative distribution each row draws.

    Returns
    -------
    int64[B]; never a symbol whose logit is ``-inf``.
    """
    cumulative = logits.double().softmax(-1).cumsum(-1)
    target = (uniforms * cumulative[:, -1]).unsqueeze(-1)
    drawn = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    # Rounding may leave the target on the last step of the cumulative sum.
    last = logits.shape[-1] - 1 - (logits > -math.inf).flip(-1).int().argmax(-1)
    return torch.minimum(drawn, last)


def choose(logits: Tensor, sampling: Sampling, uniforms: Tensor) -> Tensor:
    """Choose a symbol a row from tempered logits [B, V], with uniforms [B]; int64[B]."""
    if sampling.temperature == 0:
        return argmax(logits)
    return draw(narrowed_logits(logits, sampling), uniforms)


def argmax(logits: Tensor) -> Tensor:
    """Give the most probable symbol of each row, int64[B]; of equals the smallest id."""
    return logits.argmax(-1)
