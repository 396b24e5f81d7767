"""Dynamic evaluation: the network keeps learning from the text during its evaluation.

After Krause, Kahembwe, Murray & Renals 2018 ("Dynamic evaluation of neural sequence models"). The
text is read in short segments. Each segment is first predicted and scored, and the network then
learns from it by one update. No symbol influences its own prediction or an earlier one.

The step of a weight is divided by the root mean square of its gradient, and the weight decays
towards its trained value, the faster the larger that root mean square is. Krause et al. measure it
on the training text; here the network itself writes the text, so a run needs no other file, and
the text to evaluate has no influence.

Shapes: T predictions of a segment, V vocabulary size.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.config.arguments import check_fields
from nextchar.errors import ConfigError, NonFiniteLossError
from nextchar.evaluation.exact import Predictions, overlapping_pieces, tensor_of
from nextchar.following import report_symbols
from nextchar.nn.network import Network, State, detach
from nextchar.nn.threads import ThreadTrials
from nextchar.text.vocabulary import Ids

_WRITTEN_STREAMS, _WARM_UP, _SEED = 100, 20, 0  # of the text that the network writes
_FLOOR = 0.3  # of the mean root mean square, added to that of each weight
_TINY = 1e-12
_NOMINAL_SECONDS = 20.0  # of which the waits between trials of numbers of threads are shares


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """The options of dynamic evaluation.

    Attributes
    ----------
    rate
        Step of a weight whose gradient has the size of its root mean square; 0 disables learning.
        A text that repeats itself, such as program code, gains from a rate of 0.002.
    segment
        Number of predictions between two updates.
    clip
        Maximum norm of the gradient over all weights, as a multiple of the norm of its root mean
        square.
    decay
        Mean fraction of the distance to the trained weights that each update moves back. The
        network forgets a segment after about 1 / decay segments; 0 disables the decay.
    """

    rate: float = 0.0015
    segment: int = 40
    clip: float = 2.0
    decay: float = 0.0015

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
    yielded before its gradient is computed. Until the generator ends, torch uses the quickest
    number of threads that was found.

    Raises
    ------
    NonFiniteLossError
        Learning has diverged.
    """
    learner = copy.deepcopy(network).eval()
    weights: list[Tensor] = [each for each in learner.parameters() if each.requires_grad]
    with closing(ThreadTrials(_NOMINAL_SECONDS)) as trials:
        update = Update(weights, _root_mean_squares(learner, weights, adaptation), adaptation)
        state, updated = None, False
        for piece in overlapping_pieces(chunks, adaptation.segment):
            began, ids = time.perf_counter(), tensor_of(learner, piece)
            entered = state or learner.initial_state(1, int(ids[0]))
            logits, state = learner(ids[:-1].unsqueeze(1), detach(entered))
            logits = logits.squeeze(1)
            if updated and not bool(logits.isfinite().all()):
                raise NonFiniteLossError(
                    "dynamic evaluation has diverged: the logits are not finite numbers; "
                    f"try a rate below {adaptation.rate:g}"
                )
            seconds = time.perf_counter() - began
            yield logits.detach(), ids
            began = time.perf_counter()
            loss = functional.cross_entropy(logits, ids[1:])
            update.apply(torch.autograd.grad(loss, weights))
            trials.observe(seconds + time.perf_counter() - began)
            updated = True
            report_symbols(len(ids) - 1)


class Update:
    """An update of the weights from a gradient.

    Parameters
    ----------
    weights
        The weights, updated in place; they still have their trained values.
    sizes
        The root mean square of the gradient of each weight.
    adaptation
        The options.
    """

    def __init__(self, weights: list[Tensor], sizes: list[Tensor], adaptation: Adaptation) -> None:
        count = sum(size.numel() for size in sizes)
        mean = max(sum(float(size.sum()) for size in sizes) / count, _TINY)
        self._weights = weights
        self._trained = [weight.detach().clone() for weight in weights]
        self._longest = adaptation.clip * max(_norm(sizes), _TINY)
        self._steps = [adaptation.rate / (size + _FLOOR * mean) for size in sizes]
        self._decays = [(adaptation.decay * size / mean).clamp(max=1.0) for size in sizes]
        self._has_decay = adaptation.decay > 0

    @torch.no_grad()
    def apply(self, gradients: tuple[Tensor, ...]) -> None:
        """Update the weights with their gradients."""
        share = min(1.0, self._longest / max(_norm(gradients), _TINY))
        torch._foreach_addcmul_(self._weights, gradients, self._steps, value=-share)
        if self._has_decay:
            torch._foreach_lerp_(self._weights, self._trained, self._decays)


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(torch.nn.utils.get_total_norm(tensors))


def _root_mean_squares(
    network: Network, weights: list[Tensor], adaptation: Adaptation
) -> list[Tensor]:
    """Return the root mean square of the gradients of segments that the network writes itself."""
    ids, start = _written(network, adaptation.segment)
    squares = [torch.zeros_like(weight) for weight in weights]
    for stream in range(ids.shape[1]):
        state = tuple(tuple(part[stream : stream + 1] for part in layer) for layer in start)
        logits, _ = network(ids[:-1, stream : stream + 1], state)
        loss = functional.cross_entropy(logits.squeeze(1), ids[1:, stream])
        gradients = torch.autograd.grad(loss, weights)
        torch._foreach_addcmul_(squares, gradients, gradients)
    return [(square / ids.shape[1]).sqrt() for square in squares]


@torch.no_grad()
def _written(network: Network, segment: int) -> tuple[Tensor, State]:
    """Return segments of text that a network writes, int64[T+1, B], and the states before them."""
    generator = torch.Generator().manual_seed(_SEED)
    first = torch.randint(network.vocabulary_size, (_WRITTEN_STREAMS,), generator=generator)
    device = next(network.parameters()).device
    state, written = network.initial_state(_WRITTEN_STREAMS), [first]
    start = state
    for number in range(_WARM_UP + segment):
        if number == _WARM_UP:
            start = state
        logits, state = network.step(written[-1].to(device), state)
        drawn = torch.multinomial(logits.float().softmax(-1).cpu(), 1, generator=generator)
        written.append(drawn.squeeze(1))
    return torch.stack(written[_WARM_UP:]).to(device), start
