"""The reach of the loss into the past: the norms of ∂L_t/∂h_{t−k} by the lag k.

L_t is the loss of one prediction, −ln p(x_{t+1} | x_1 … x_t). Its gradient with respect to an
earlier state is what training can learn from it at that moment. For many drawn places t, a window
of K + 1 symbols is read from the state at its start, and one backward pass from L_t gives the
gradients at all lags.

Shapes: K the largest lag, S places, L layers, H hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.errors import ConfigError, as_option
from nextchar.inspection.forget_gates import forget_products
from nextchar.inspection.gradient_flow import (
    GradientFlow,
    LayerGradients,
    PartGradients,
    TrainingNorms,
)
from nextchar.inspection.jacobians import singular_values, spectral_radii
from nextchar.inspection.sample import Sample
from nextchar.inspection.windows import Windows, draw_windows, in_float64, read_windows
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread

LAGS = 100
PLACES = 128
MAX_LAGS = 1000
_AT_ONCE = 32  # windows
_VALUES_OF_UNIT = 12  # that the graph of a step keeps
_MOST_VALUES = 1 << 25


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
    sequence_length: int | None = None,
) -> GradientFlow:
    """Measure the gradients of a network on a text by lag.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    sample
        The text, of at least four symbols, or K + 2 if ``lags`` is given.
    name, unit, is_trained, sequence_length
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
    with one_thread(), torch.enable_grad():
        norms, parameters = _norms(double, windows)
        values = singular_values(double, windows)
        radii = [spectral_radii(cell) for cell in network.stack.cells]
        forgotten = forget_products(double, windows)
    layers = tuple(
        LayerGradients(
            parts={name: PartGradients(norms=part) for name, part in parts.items()},
            radii=of_gates,
            singular_values=largest,
            forget_products=products,
        )
        for parts, of_gates, largest, products in zip(norms, radii, values, forgotten, strict=True)
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
        sequence_length=sequence_length,
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
