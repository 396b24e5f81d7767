"""Dynamic evaluation: the network goes on learning from the text that it has been measured on.

After Krause, Kahembwe, Murray & Renals 2018 ("Dynamic evaluation of neural sequence models"):
the text is read in short segments; each is predicted, counted, and only then learnt from, by one
step of gradient descent. No symbol has any part in its own prediction or in one before it.

T predictions of a segment, V vocabulary size.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.config.arguments import check_fields
from nextchar.errors import ConfigError, NonFiniteLossError
from nextchar.evaluation.exact import Predictions, overlapping_pieces, tensor_of
from nextchar.following import report_symbols
from nextchar.nn.network import Network, State, detach
from nextchar.text.vocabulary import Ids


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """How a network learns from the text that it is measured on.

    Attributes
    ----------
    rate
        Of gradient descent on the mean nats of a segment; 0 learns nothing.
    segment
        Predictions between two updates.
    clip
        The longest gradient, all weights together.
    decay
        What part of the way back to the trained weights each update goes, so that what was
        learnt from the text is forgotten again in about 1 / decay segments; 0 is never.
    """

    rate: float = 0.3
    segment: int = 20
    clip: float = 0.5
    decay: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """Give the choices as reports name them."""
        return {
            "dynamic_rate": self.rate,
            "dynamic_segment_symbols": self.segment,
            "dynamic_clip": self.clip,
            "dynamic_decay": self.decay,
        }

    def __post_init__(self) -> None:
        check_fields(self)
        if not (math.isfinite(self.rate) and self.rate >= 0):
            raise ConfigError(f"rate must be a number of at least 0; got {self.rate}")
        if self.segment < 1:
            raise ConfigError(f"segment must be at least 1; got {self.segment}")
        if not self.clip > 0:
            raise ConfigError(f"clip must be above 0; got {self.clip}")
        if not 0 <= self.decay <= 1:
            raise ConfigError(f"decay must be at least 0 and at most 1; got {self.decay}")


def read_and_learn(network: Network, chunks: Iterable[Ids], adaptation: Adaptation) -> Predictions:
    """Read one stream in order, learning from each segment after its predictions were given.

    The network itself stays as it is: a copy learns. Each segment's predictions are handed over
    before its gradient is taken.
    """
    learner = copy.deepcopy(network).eval()
    weights = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    trained = [weight.detach().clone() for weight in weights] if adaptation.decay > 0 else []
    state: State | None = None
    for piece in overlapping_pieces(chunks, adaptation.segment):
        ids = tensor_of(learner, piece).unsqueeze(1)
        entered = state or learner.initial_state(1, int(ids[0]))
        logits, state = learner(ids[:-1], detach(entered))
        logits, targets = logits.squeeze(1), ids[1:].squeeze(1)
        yield logits.detach(), targets
        loss = functional.cross_entropy(logits, targets)
        if not bool(loss.isfinite()):
            raise NonFiniteLossError(
                f"the network diverged as it learned from the text: the loss is {loss.item()}; "
                f"try a rate below {adaptation.rate:g}"
            )
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            _descend(weights, gradients, adaptation)
            for weight, before in zip(weights, trained, strict=False):
                weight.lerp_(before, adaptation.decay)
        report_symbols(len(targets))


def _descend(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], adaptation: Adaptation
) -> None:
    """Take one step of gradient descent with a clipped gradient."""
    length = float(torch.nn.utils.get_total_norm(gradients))
    step = adaptation.rate * min(1.0, adaptation.clip / max(length, 1e-12))
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.sub_(gradient, alpha=step)
