"""The reach of the loss into the past: the norms of ∂L_t/∂h_{t−k} by the lag k.

L_t is the loss of one prediction, −ln p(x_{t+1} | x_1 … x_t). Its gradient with respect to an
earlier state is what training can learn from it at that moment. For many drawn places t, a window
of K + 1 symbols is read from the state at its start, and one backward pass from L_t gives the
gradients at all lags.

Shapes: K the largest lag, S places, L layers, H hidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.errors import ConfigError, as_option
from nextchar.inspection.jacobians import SingularValues, singular_values, spectral_radii
from nextchar.inspection.sample import Sample
from nextchar.inspection.windows import Windows, draw_windows, in_float64, read_windows
from nextchar.nn.network import Network

LAGS = 100
PLACES = 128
FALLEN = 0.01  # of lag 0: the gradient reaches until its median is at most this share
GROWN = 10.0  # times lag 0: the gradient explodes
MAX_LAGS = 1000
_AT_ONCE = 32  # windows
_VALUES_OF_UNIT = 12  # that the graph of a step keeps
_MOST_VALUES = 1 << 25

Verdict = Literal["vanishing", "exploding", "carried", "none"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PartGradients:
    """The gradient with respect to one part of the state of a layer, h or c.

    The gradient with respect to h_{t−k} holds c_{t−k} constant, and the other way round.

    Attributes
    ----------
    norms
        ‖∂L_t/∂h_{t−k}‖ for each lag k from 0 to K and each place t, float64[K + 1, S], in nats per
        unit of h.
    """

    norms: NDArray[np.float64]

    @cached_property
    def quartiles(self) -> NDArray[np.float64]:
        """The lower quartile, the median and the upper quartile over the places, [3, K + 1]."""
        found: NDArray[np.float64] = np.percentile(self.norms, (25, 50, 75), axis=1)
        return found

    @property
    def median(self) -> NDArray[np.float64]:
        """The median over the places, [K + 1]."""
        middle: NDArray[np.float64] = self.quartiles[1]
        return middle

    @property
    def scale(self) -> float:
        """The median at lag 0; at lag 1 for c with zoneout, whose newest value h does not read."""
        first: float = self.median[0] or self.median[1]
        return first

    @property
    def reach(self) -> int | None:
        """The first lag from 1 with a median of at most 1 % of the scale; ``None`` if none is."""
        fallen = np.flatnonzero(self.median[1:] <= FALLEN * self.scale)
        return int(fallen[0]) + 1 if len(fallen) and self.scale > 0 else None

    @property
    def growth(self) -> float:
        """The largest median, as a multiple of the scale."""
        return float(self.median.max() / self.scale) if self.scale > 0 else math.nan

    @property
    def factor(self) -> float:
        """The mean factor of the median from one lag to the next, from lag 1 on, until it is 0."""
        seen = self.median[1:]
        seen = seen[: len(seen) if seen.all() else int(np.argmin(seen))]
        if len(seen) < 2:
            return math.nan
        return float((seen[-1] / seen[0]) ** (1 / (len(seen) - 1)))

    @property
    def verdict(self) -> Verdict:
        """The course of the median, compared with its scale.

        ``exploding`` if it grows to 10 times as much at any lag, or else ``vanishing`` if it falls
        to 1 %, or else ``carried``; ``none`` if there is no gradient.
        """
        if self.scale == 0:
            return "none"
        if self.growth >= GROWN:
            return "exploding"
        return "carried" if self.reach is None else "vanishing"

    def to_dict(self) -> dict[str, Any]:
        """Return the quartiles and the verdict by name."""
        lower, median, upper = self.quartiles.tolist()
        return {
            "verdict": self.verdict,
            "lag_at_one_percent": self.reach,
            "factor_per_lag": self.factor,
            "lower_quartile": lower,
            "median": median,
            "upper_quartile": upper,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerGradients:
    """A layer.

    Attributes
    ----------
    parts
        The gradients of each part of the state: ``"h"``, and ``"c"`` of an LSTM.
    radii
        The spectral radius of the recurrent weights of each gate; see ``spectral_radii``.
    singular_values
        Of the Jacobians by lag; ``None`` if the layer is too wide.
    """

    parts: dict[str, PartGradients]
    radii: dict[str, float]
    singular_values: SingularValues | None

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name."""
        values = self.singular_values
        return {
            **{name: part.to_dict() for name, part in self.parts.items()},
            "spectral_radius": self.radii,
            "singular_values": None
            if values is None
            else {
                "lags": values.lags.tolist(),
                "places": values.places,
                **{name: part.tolist() for name, part in values.parts.items()},
            },
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingNorms:
    """The norm of the whole gradient through training, before clipping.

    Attributes
    ----------
    steps
        The steps at which it was recorded: those of the validations, int64[n].
    norms
        The norms, float64[n].
    clip_norm
        The norm that a gradient was clipped to; 0 if there was no clipping.
    """

    steps: NDArray[np.int64]
    norms: NDArray[np.float64]
    clip_norm: float

    @classmethod
    def of(cls, history: Sequence[Mapping[str, Any]], clip_norm: float) -> TrainingNorms | None:
        """Return the norms in the rows of ``metrics.jsonl``; ``None`` if there are none."""
        rows = [row for row in history if "gradient_norm" in row]
        if not rows:
            return None
        return cls(
            steps=np.array([row["step"] for row in rows], np.int64),
            norms=np.array([row["gradient_norm"] for row in rows], np.float64),
            clip_norm=clip_norm,
        )

    @property
    def clipped(self) -> int:
        """The number of recorded steps whose gradient was clipped."""
        return int((self.norms > self.clip_norm).sum()) if self.clip_norm > 0 else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "steps": self.steps.tolist(),
            "gradient_norm": self.norms.tolist(),
            "clip_norm": self.clip_norm,
            "clipped_share_of_recorded_steps": self.clipped / len(self.steps),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class GradientFlow:
    """The gradients of a network by lag.

    Attributes
    ----------
    name
        The name of the run.
    network
        The kind and size of its cells, such as ``"lstm 256"``.
    is_trained
        Whether the weights are those of the run, or fresh ones.
    unit
        The name of several symbols, such as ``"characters"``.
    sample
        The text.
    layers
        The L layers, from the input to the output.
    parameters
        The norm of the gradient of each parameter, and the norm of the parameter itself: the loss
        is the mean over all symbols of the windows, in nats.
    training
        The norms through training; ``None`` if they are not known.
    """

    name: str
    network: str
    is_trained: bool
    unit: str
    sample: Sample
    layers: tuple[LayerGradients, ...]
    parameters: dict[str, tuple[float, float]]
    training: TrainingNorms | None

    @property
    def lags(self) -> int:
        """The largest lag K."""
        return len(self.layers[0].parts["h"].norms) - 1

    @property
    def places(self) -> int:
        """The number of places S."""
        return len(self.layers[0].parts["h"].norms[0])

    @property
    def weights(self) -> str:
        """``"trained"`` or ``"untrained"``."""
        return "trained" if self.is_trained else "untrained"

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name; gradients are in nats per unit."""
        return {
            "run": self.name,
            "network": self.network,
            "weights": self.weights,
            **self.sample.to_dict(),
            "unit_of_lags": self.unit,
            "lags": self.lags,
            "places": self.places,
            "layers": [layer.to_dict() for layer in self.layers],
            "parameters": {
                name: {"gradient_norm": gradient, "norm": norm}
                for name, (gradient, norm) in self.parameters.items()
            },
            "training": None if self.training is None else self.training.to_dict(),
        }

    def lines(self) -> list[str]:
        """Return the words and tables for a terminal."""
        from nextchar.inspection.gradient_words import flow_lines

        return flow_lines(self)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the norms and the singular values by lag, and the norms of weights and training.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.gradient_plots import plot_flow

        return plot_flow(self)


def measure_gradients(
    network: Network,
    sample: Sample,
    *,
    name: str,
    unit: str,
    lags: int | None = None,
    seed: int = 0,
    history: Sequence[Mapping[str, Any]] = (),
    clip_norm: float = 0.0,
    is_trained: bool = True,
) -> GradientFlow:
    """Measure the gradients of a network on a text by lag.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    sample
        The text, of at least four symbols, or K + 2 if ``lags`` is given.
    name, unit, is_trained
        See ``GradientFlow``.
    lags
        The largest lag K, from 1 to ``MAX_LAGS``; by default ``LAGS``, or less for a short text.
    seed
        Draws the places.
    history, clip_norm
        The rows of ``metrics.jsonl``, and the norm of clipping.

    Raises
    ------
    ConfigError
        The lags are out of range.
    TextError
        The text is too short.
    """
    longest = _longest_lag(sample, lags)
    windows = draw_windows(network, sample.ids, longest, PLACES, seed=seed)
    double = in_float64(network)
    with torch.enable_grad():
        norms, parameters = _norms(double, windows)
        values = singular_values(double, windows)
    layers = tuple(
        LayerGradients(
            parts={name: PartGradients(norms=part) for name, part in parts.items()},
            radii=spectral_radii(cell),
            singular_values=largest,
        )
        for cell, parts, largest in zip(network.stack.cells, norms, values, strict=True)
    )
    return GradientFlow(
        name=name,
        network=f"{network.config.cell} {network.config.hidden_size}",
        is_trained=is_trained,
        unit=unit,
        sample=sample,
        layers=layers,
        parameters=parameters,
        training=TrainingNorms.of(history, clip_norm),
    )


def _longest_lag(sample: Sample, lags: int | None) -> int:
    """Return K."""
    if lags is None:
        sample.require(4, "a gradient at any lag")
        return min(LAGS, (len(sample.ids) - 2) // 2)
    if not 1 <= lags <= MAX_LAGS:
        raise ConfigError(f"{as_option('lags')} must be from 1 to {MAX_LAGS:,}; got {lags}")
    sample.require(lags + 2, f"a gradient at lag {lags:,}")
    return lags


def _norms(
    network: Network, windows: Windows
) -> tuple[list[dict[str, NDArray[np.float64]]], dict[str, tuple[float, float]]]:
    """Return the norms by lag, [K + 1, S] for each part of the states, and those of parameters."""
    cells, named = network.stack.cells, dict(network.named_parameters())
    found: list[list[list[NDArray[np.float64]]]] = [
        [[] for _ in range(cell.state_count)] for cell in cells
    ]
    sums = {name: torch.zeros_like(each) for name, each in named.items()}
    for batch in windows.batches(_batch_size(network, windows.lags)):
        reading = read_windows(network, batch)
        followers = torch.cat((batch.ids[1:], batch.targets.unsqueeze(0)))
        losses = functional.cross_entropy(
            reading.logits.transpose(1, 2), followers, reduction="none"
        )
        states = [part for layer in reading.states for state in layer for part in state]
        gradients = iter(_gradients(losses[-1].sum(), states))
        for parts in found:
            each = [next(gradients).norm(dim=1) for _ in range(len(batch.ids) * len(parts))]
            for number, part in enumerate(parts):
                part.append(torch.stack(each[number :: len(parts)]).flip(0).numpy())
        whole = torch.autograd.grad(losses.sum(), list(named.values()))
        for name, gradient in zip(named, whole, strict=True):
            sums[name] += gradient
    symbols = windows.ids.numel()
    return (
        [
            {name: np.concatenate(part, 1) for name, part in zip("hc", parts, strict=False)}
            for parts in found
        ],
        {
            name: (float(sums[name].norm()) / symbols, float(each.detach().norm()))
            for name, each in named.items()
        },
    )


def _gradients(loss: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the gradients; with zoneout, the last c has none, because h does not depend on it."""
    return torch.autograd.grad(loss, states, retain_graph=True, materialize_grads=True)


def _batch_size(network: Network, lags: int) -> int:
    """Return the number of windows whose graph fits into about 256 MB."""
    values = sum(_VALUES_OF_UNIT * cell.hidden_size for cell in network.stack.cells)
    return min(_AT_ONCE, max(1, _MOST_VALUES // ((lags + 1) * (values + network.vocabulary_size))))
