"""Gradients by lag in words and tables, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nextchar.inspection.gradient_flow import (
    GradientFlow,
    LayerGradients,
    PartGradients,
    TrainingNorms,
)

_SHOWN_LAGS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def flow_lines(flow: GradientFlow) -> list[str]:
    """Return the words and tables of one network."""
    values = [each for each in flow.layers if each.singular_values is not None]
    return [
        *(f"{name}: {told}" for name, told in _told(flow)),
        "",
        *_norm_table([flow], [""]),
        *(["", *_value_table(flow)] if values else []),
        "",
        *_radius_lines(flow.layers),
        *_parameter_table(flow),
        *([] if flow.training is None else ["", *_training_lines(flow.training)]),
    ]


def comparison_lines(flows: Sequence[GradientFlow], names: Sequence[str]) -> list[str]:
    """Return the words and a table of several networks, called by these names."""
    titles = [f"{name}, {flow.weights}" for name, flow in zip(names, flows, strict=True)]
    lines = [
        f"{title}, {name}: {told}"
        for title, flow in zip(titles, flows, strict=True)
        for name, told in _told(flow)
    ]
    return [*lines, "", *_norm_table(flows, titles)]


def verdict_words(part: PartGradients, unit: str) -> str:
    """Say how far a gradient reaches, and how it gets there."""
    factor = "" if math.isnan(part.factor) else f" (×{part.factor:.3g} at each lag)"
    lags = len(part.norms) - 1
    match part.verdict:
        case "none":
            return "no gradient at all"
        case "exploding":
            largest = int(part.median.argmax())
            return f"exploding: {part.growth:.3g} times lag 0 at lag {largest}{factor}"
        case "vanishing":
            return f"reaches {part.reach} {_units(part.reach or 0, unit)}; vanishing{factor}"
        case "carried":
            return f"reaches more than {lags} {_units(lags, unit)}{factor}"


def _units(count: int, unit: str) -> str:
    return unit.removesuffix("s") if count == 1 else unit


def _told(flow: GradientFlow) -> Iterator[tuple[str, str]]:
    """Yield the name of each part of the state, and what its gradient does."""
    for number, layer in enumerate(flow.layers, 1):
        for name, part in layer.parts.items():
            yield f"layer {number} {name}", verdict_words(part, flow.unit)


def _norm_table(flows: Sequence[GradientFlow], titles: Sequence[str]) -> list[str]:
    """Return the medians at some lags; the titles begin the rows of each network."""
    lags = [lag for lag in _SHOWN_LAGS if lag <= max(flow.lags for flow in flows)]
    rows = [["lag", *(str(lag) for lag in lags)]]
    for flow, title in zip(flows, titles, strict=True):
        head = f"{title}, " if title else ""
        for number, layer in enumerate(flow.layers, 1):
            for name, part in layer.parts.items():
                shown = [_number(part.median[lag]) if lag <= flow.lags else "–" for lag in lags]
                rows.append([f"{head}layer {number} {name}", *shown])
    return ["median norm of the gradient of the loss, in nats", *_aligned(rows)]


def _value_table(flow: GradientFlow) -> list[str]:
    """Return the largest singular value of each Jacobian at some lags."""
    rows: list[list[str]] = []
    for number, layer in enumerate(flow.layers, 1):
        values = layer.singular_values
        if values is None:
            continue
        shown = [
            (place, lag) for place, lag in enumerate(values.lags.tolist()) if lag in _SHOWN_LAGS
        ]
        if not rows:
            rows.append(["lag", *(str(lag) for _, lag in shown)])
        for name, part in values.parts.items():
            largest = [_number(part[place, 0]) for place, _ in shown]
            rows.append([f"layer {number} h by {name}", *largest])
    return ["largest singular value of the Jacobian of h by an earlier state", *_aligned(rows)]


def _radius_lines(layers: Sequence[LayerGradients]) -> Iterator[str]:
    for number, layer in enumerate(layers, 1):
        if layer.radii:
            listed = ", ".join(f"{name} {radius:.3f}" for name, radius in layer.radii.items())
            yield f"spectral radius of U, layer {number}: {listed}"


def _parameter_table(flow: GradientFlow) -> list[str]:
    rows = [["parameter", "gradient", "weights", "ratio"]]
    for name, (gradient, norm) in flow.parameters.items():
        ratio = _number(gradient / norm) if norm > 0 else "–"
        rows.append([name, _number(gradient), _number(norm), ratio])
    return ["", "norms of the gradient of the mean loss, and of the weights", *_aligned(rows)]


def _training_lines(training: TrainingNorms) -> Iterator[str]:
    first, last = training.norms[[0, -1]].tolist()
    steps = training.steps
    yield (
        f"training: gradient norm {first:.3g} at step {steps[0]:,}, {last:.3g} at step "
        f"{steps[-1]:,}, at most {training.norms.max():.3g}"
    )
    if training.clip_norm > 0:
        share = training.clipped / len(steps)
        yield (
            f"clipping at {training.clip_norm:g} fires at {share:.0%} of the {len(steps):,} steps "
            "on record"
        )
    yield "by parameter through training: nextchar inspect training RUN"


def _number(value: float) -> str:
    """Return a number of at most eight characters."""
    return f"{value:.2g}" if 1e-4 <= abs(value) < 1000 or value == 0 else f"{value:.0e}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns: the first one to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
