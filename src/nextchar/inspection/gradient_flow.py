"""The gradients of a network by lag, as they were measured; ``gradients`` measures them.

Shapes: K the largest lag, S places, L layers, n steps on record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nextchar.inspection.jacobians import SingularValues
from nextchar.inspection.sample import Sample

FALLEN = 0.01  # of the scale: the gradient reaches until its median is at most this share
GROWN = 10.0  # times the scale: the gradient explodes

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
    forget_products
        The product of the forget gates alone by lag, float64[K + 1, S], for a layer with a memory
        c; see ``forget_gates``.
    """

    parts: dict[str, PartGradients]
    radii: dict[str, float]
    singular_values: SingularValues | None
    forget_products: NDArray[np.float64] | None

    @property
    def forget_median(self) -> NDArray[np.float64] | None:
        """The median of ``forget_products`` over the places, [K + 1]."""
        return None if self.forget_products is None else np.median(self.forget_products, axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name."""
        values, forgotten = self.singular_values, self.forget_median
        return {
            **{name: part.to_dict() for name, part in self.parts.items()},
            "forget_gate_product": None if forgotten is None else forgotten.tolist(),
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
    sequence_length
        The number of symbols after which training cuts the gradient off; ``None`` if it is not
        known.
    """

    name: str
    network: str
    is_trained: bool
    unit: str
    sample: Sample
    layers: tuple[LayerGradients, ...]
    parameters: dict[str, tuple[float, float]]
    training: TrainingNorms | None
    sequence_length: int | None = None

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
            "training_sequence_length": self.sequence_length,
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
