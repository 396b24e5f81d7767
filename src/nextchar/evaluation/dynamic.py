"""Dynamic evaluation: the network keeps learning from the text during its evaluation.

After Krause, Kahembwe, Murray & Renals 2018 ("Dynamic evaluation of neural sequence models"). The
text is read in short segments. Each segment is first predicted and scored, and the network then
learns from it by one step of gradient descent. No symbol influences its own prediction or an
earlier one.

Shapes: T predictions of a segment, V vocabulary size.
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
    """The options of dynamic evaluation.

    Attributes
    ----------
    rate
        Learning rate of gradient descent on the mean nats of a segment; 0 disables learning.
    segment
        Number of predictions between two updates.
    clip
        Maximum norm of the gradient over all weights.
    decay
        Fraction of the distance to the trained weights that each update moves back. The network
        forgets a segment after about 1 / decay segments; 0 disables the decay.
    """

    rate: float = 0.3
    segment: int = 20
    clip: float = 0.5
    decay: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """Return the options by their names in reports."""
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
    """Yield the predictions of one stream, and learn from each segment after its predictions.

    Learning updates a copy; the network itself does not change. The predictions of a segment are
    yielded before its gradient is computed.

    Raises
    ------
    NonFiniteLossError
        Learning has diverged.
    """
    learner = copy.deepcopy(network).eval()
    weights = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    trained = [weight.detach().clone() for weight in weights] if adaptation.decay > 0 else []
    state: State | None = None
    for piece in overlapping_pieces(chunks, adaptation.segment):
        ids = tensor_of(learner, piece)
        entered = state or learner.initial_state(1, int(ids[0]))
        logits, state = learner(ids[:-1].unsqueeze(1), detach(entered))
        logits = logits.squeeze(1)
        yield logits.detach(), ids
        loss = functional.cross_entropy(logits, ids[1:])
        if not bool(loss.isfinite()):
            raise NonFiniteLossError(
                f"dynamic evaluation has diverged: the loss is {loss.item()}; "
                f"try a rate below {adaptation.rate:g}"
            )
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            _descend(weights, gradients, adaptation)
            for weight, before in zip(weights, trained, strict=False):
                weight.lerp_(before, adaptation.decay)
        report_symbols(len(ids) - 1)


def _descend(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], adaptation: Adaptation
) -> None:
    """Apply one step of gradient descent with a clipped gradient."""
    length = float(torch.nn.utils.get_total_norm(gradients))
    step = adaptation.rate * min(1.0, adaptation.clip / max(length, 1e-12))
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.sub_(gradient, alpha=step)
