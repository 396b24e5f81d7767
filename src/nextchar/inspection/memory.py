"""The earlier symbols that a prediction depends on: ‖∂ logit(x_{t+1}) / ∂ x_{t−k}‖ by the lag k.

The logit is that of the symbol that came next, and x is its input vector: the embedding of a
symbol, or its one-hot row. The network is read in float64, since float32 cannot hold a gradient
that vanishes over 100 steps.

Shapes: T symbols, K the largest lag, S places, I input size of the first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.errors import ConfigError, as_option
from nextchar.inspection.recording import states_before
from nextchar.inspection.sample import Sample
from nextchar.inspection.windows import WindowReading, Windows, in_float64
from nextchar.inspection.words_seen import WordsSeen, words_seen
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread
from nextchar.text.vocabulary import Vocabulary

LAGS, MAX_LAGS = 50, 1000
PLACES = 64
SHOWN = 3  # places
_AT_ONCE = 32  # windows

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dependence:
    """A prediction, and the symbols before it.

    Attributes
    ----------
    place
        The index of the predicted symbol in the text, from 0.
    target
        The name of the symbol that came next.
    probability
        Its probability.
    norms
        The norm of the gradient of its logit by the input vector at each lag, float64[k + 1]:
        lag 0 is the last symbol read.
    characters
        The characters before it, in reading order, and the norm of each: of a character of several
        symbols, that of all its vectors together.
    """

    place: int
    target: str
    probability: float
    norms: _Floats
    characters: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "place": self.place,
            "target": self.target,
            "probability": self.probability,
            "gradient_norm_by_lag": self.norms.tolist(),
            "characters": [{"text": text, "gradient_norm": norm} for text, norm in self.characters],
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class MemoryReport:
    """The earlier symbols that predictions depend on.

    Attributes
    ----------
    sample
        The text.
    unit
        The name of several symbols, such as ``"characters"``.
    norms
        The norm of the gradient at each lag and place, float64[K + 1, S].
    shown
        Single predictions.
    words
        The accuracy inside words, by the number of symbols of the word that were seen.
    """

    sample: Sample
    unit: str
    norms: _Floats
    shown: tuple[Dependence, ...]
    words: tuple[WordsSeen, ...]

    @cached_property
    def mean(self) -> _Floats:
        """The mean over the places, [K + 1]."""
        found: _Floats = self.norms.mean(axis=1)
        return found

    @cached_property
    def quartiles(self) -> _Floats:
        """The lower quartile, the median and the upper quartile over the places, [3, K + 1]."""
        found: _Floats = np.percentile(self.norms, (25, 50, 75), axis=1)
        return found

    def within(self, share: float) -> int:
        """Return the number of last symbols that have this share of the sum of the means."""
        total = np.cumsum(self.mean)
        return min(int(np.searchsorted(total, share * total[-1])), len(total) - 1) + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; norms are logits per unit of the input vector."""
        lower, median, upper = self.quartiles.tolist()
        return {
            **self.sample.to_dict(),
            "unit_of_lags": self.unit,
            "lags": len(self.mean) - 1,
            "places": self.norms.shape[1],
            "mean_gradient_norm_by_lag": self.mean.tolist(),
            "lower_quartile": lower,
            "median": median,
            "upper_quartile": upper,
            "half_within": self.within(0.5),
            "nine_tenths_within": self.within(0.9),
            "predictions": [each.to_dict() for each in self.shown],
            "inside_words": [each.to_dict() for each in self.words],
        }

    def lines(self, *, width: int = 80, colors: bool = False) -> list[str]:
        """Return tables and shaded texts for a terminal of this width, with or without colours."""
        from nextchar.inspection.memory_words import memory_lines

        return memory_lines(self, width=width, colors=colors)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the norms by lag, the heat before single predictions, and the accuracy in words.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.memory_plots import plot_memory

        return plot_memory(self)


def report_memory(
    network: Network,
    vocabulary: Vocabulary,
    sample: Sample,
    *,
    unit: str,
    at: Sequence[int] | None,
    lags: int | None,
    seed: int,
) -> MemoryReport:
    """Measure what predictions depend on; see ``Inspector.memory``."""
    if lags is not None and not 1 <= lags <= MAX_LAGS:
        raise ConfigError(f"{as_option('lags')} must be from 1 to {MAX_LAGS:,}; got {lags}")
    sample.require(4 if lags is None else lags + 2, "a dependence on earlier symbols")
    longest = min(LAGS, len(sample.ids) - 2) if lags is None else lags
    last = len(sample.ids) - 1
    for place in at or ():
        if not 1 <= place <= last:
            raise ConfigError(
                f"{as_option('at')} must be a symbol of the text from 1 to {last:,}; got {place}"
            )
    draw = np.random.default_rng(seed)
    drawn = _drawn(sample, longest, PLACES, draw)
    chosen = _drawn(sample, longest, SHOWN, draw) if at is None else sorted(set(at))
    with one_thread(), torch.enable_grad():
        windows = _windows(network, sample.ids, sorted({*drawn, *chosen}), longest)
        double = in_float64(network)
        batches = [drawn[start : start + _AT_ONCE] for start in range(0, len(drawn), _AT_ONCE)]
        norms = [
            input_norms(double, _joined([windows[each] for each in some]))[0] for some in batches
        ]
        shown = [_dependence(double, vocabulary, place, windows[place]) for place in chosen]
    return MemoryReport(
        sample=sample,
        unit=unit,
        norms=np.concatenate(norms, axis=1),
        shown=tuple(shown),
        words=words_seen(network, sample.ids, vocabulary),
    )


def _drawn(sample: Sample, lags: int, count: int, draw: np.random.Generator) -> list[int]:
    """Draw symbols with all lags before them, in ascending order."""
    places = np.arange(lags + 1, len(sample.ids))
    return sorted(draw.choice(places, min(count, len(places)), replace=False).tolist())


def _windows(
    network: Network, ids: NDArray[np.int64], places: Sequence[int], lags: int
) -> dict[int, Windows]:
    """Return the symbols before each of some ascending places, as many as there are."""
    starts = [max(0, place - lags - 1) for place in places]
    states = states_before(network, ids, np.array(starts))
    found = {}
    for number, (start, place) in enumerate(zip(starts, places, strict=True)):
        one = slice(number, number + 1)
        found[place] = Windows(
            ids=torch.from_numpy(ids[start:place]).unsqueeze(1),
            targets=torch.from_numpy(ids[place : place + 1]),
            state=tuple(
                tuple(part[one].to("cpu", torch.float64) for part in layer) for layer in states
            ),
        )
    return found


def _joined(windows: Sequence[Windows]) -> Windows:
    """Return windows of the same length as one."""
    return Windows(
        ids=torch.cat([each.ids for each in windows], 1),
        targets=torch.cat([each.targets for each in windows]),
        state=tuple(
            tuple(torch.cat(parts) for parts in zip(*layers, strict=True))
            for layers in zip(*(each.state for each in windows), strict=True)
        ),
    )


def _dependence(
    network: Network, vocabulary: Vocabulary, place: int, window: Windows
) -> Dependence:
    """Return what the prediction of the symbol at a place depends on."""
    norms, probabilities = input_norms(network, window)
    return Dependence(
        place=place,
        target=vocabulary.symbols[int(window.targets[0])],
        probability=float(probabilities[0]),
        norms=norms[:, 0],
        characters=_of_characters(window.ids[:, 0].numpy(), norms[::-1, 0], vocabulary),
    )


def _of_characters(
    ids: NDArray[np.int64], norms: _Floats, vocabulary: Vocabulary
) -> tuple[tuple[str, float], ...]:
    """Return the characters of symbols in reading order, and the norm of each."""
    starts = np.flatnonzero(vocabulary.starts_character[ids])
    if len(starts) == 0 or starts[0] > 0:
        starts = np.r_[0, starts]
    texts = (vocabulary.decode(each) for each in np.split(ids, starts[1:]))
    sums = np.sqrt(np.add.reduceat(norms**2, starts))
    return tuple(zip(texts, sums.tolist(), strict=True))


def input_norms(network: Network, windows: Windows) -> tuple[_Floats, _Floats]:
    """Return the norms by lag, [K + 1, B], and the probabilities of the targets, [B].

    Parameters
    ----------
    network
        In float64; see ``windows.in_float64``.
    windows
        B windows of K + 1 symbols.
    """
    vectors = _vectors(network, windows.ids).requires_grad_()
    outputs, _ = network.stack.run_layers(WindowReading().run, vectors, windows.state)
    logits = functional.linear(outputs[-1], network.head.weight, network.head.bias)
    chosen = logits.gather(1, windows.targets.unsqueeze(1))[:, 0]
    (gradient,) = torch.autograd.grad(chosen.sum(), vectors)
    probabilities = (chosen - logits.logsumexp(1)).exp()
    return gradient.norm(dim=2).flip(0).numpy(), probabilities.detach().numpy()


def _vectors(network: Network, ids: Tensor) -> Tensor:
    """Return the input vectors of symbols, [K + 1, B, I], without a graph."""
    if network.embedding is not None:
        return functional.embedding(ids, network.embedding.weight).detach()
    return functional.one_hot(ids, network.vocabulary_size).double()
