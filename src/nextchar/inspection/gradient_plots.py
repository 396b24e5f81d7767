"""Pictures of gradients by lag: one network with all its figures, or several beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nextchar.inspection.gradient_flow import FALLEN, GradientFlow, PartGradients, TrainingNorms
from nextchar.rendering.figures import COLORS, label_fonts, new_figure, show_decades

_STYLES = {"h": "-", "c": "--"}
_LOWEST = 1e-12  # shown, relative to lag 0
_LEAST = 1e-300


def plot_flow(flow: GradientFlow) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw one network: gradients and singular values by lag, parameters, and training."""
    figure = new_figure(10, 8)
    axes = figure.subplots(2, 2)
    figure.suptitle(_title(flow), fontfamily=label_fonts(), parse_math=False)
    for color, (number, name) in enumerate(_states(flow)):
        part = flow.layers[number].parts[name]
        _curve(axes[0, 0], part, f"layer {number + 1} {name}", color, name)
        if name == "c" and (products := flow.layers[number].forget_median) is not None:
            axes[0, 0].plot(np.maximum(products, _LEAST), ":", color=COLORS[color % len(COLORS)],
                            lw=1.8, label=f"layer {number + 1}, forget gates alone")  # fmt: skip
    _finish_norms(axes[0, 0], flow.unit)
    _draw_cut(axes[0, 0], flow)
    axes[0, 0].set_ylabel("gradient norm, lag 0 = 1")
    axes[0, 0].set_title("reach of the loss: median and quartiles")
    _draw_values(axes[0, 1], flow)
    _draw_parameters(axes[1, 0], flow)
    _draw_training(axes[1, 1], flow.training)
    return figure


def plot_comparison(flows: Sequence[GradientFlow], names: Sequence[str]) -> Any:  # noqa: ANN401
    """Draw the gradients of several networks: a column for each kind of weights, a row per layer.

    Parameters
    ----------
    flows
        The networks.
    names
        Their names in the legend; networks of the same name have the same colour.
    """
    columns = [kind for kind in ("untrained", "trained") if any(f.weights == kind for f in flows)]
    rows = max(len(flow.layers) for flow in flows)
    colors = {name: number for number, name in enumerate(dict.fromkeys(names))}
    units = {flow.unit for flow in flows}
    unit = units.pop() if len(units) == 1 else "symbols"
    figure = new_figure(6 * len(columns) if len(columns) > 1 else 8, 1.0 + 4.2 * rows)
    axes = figure.subplots(rows, len(columns), sharex=True, sharey=True, squeeze=False)
    for column, kind in enumerate(columns):
        for flow, flow_name in zip(flows, names, strict=True):
            if flow.weights != kind:
                continue
            for row, layer in enumerate(flow.layers):
                for name, part in layer.parts.items():
                    label = f"{flow_name}, {name}" if len(layer.parts) > 1 else flow_name
                    _curve(axes[row, column], part, label, colors[flow_name], name)
        for row in range(rows):
            layer_name = f", layer {row + 1}" if rows > 1 else ""
            axes[row, column].set_title(f"{kind}{layer_name}")
            _finish_norms(axes[row, column], unit)
    for row in range(rows):
        axes[row, 0].set_ylabel("gradient norm, lag 0 = 1")
    return figure


def _states(flow: GradientFlow) -> list[tuple[int, str]]:
    """List the layers, each with the parts of its state; their order is that of the colours."""
    return [(number, name) for number, layer in enumerate(flow.layers) for name in layer.parts]


def _title(flow: GradientFlow) -> str:
    return f"{flow.name}: {flow.network}, {flow.weights}"


def _curve(axes: Any, part: PartGradients, label: str, color: int, name: str) -> None:  # noqa: ANN401
    """Draw the median relative to lag 0, and the quartiles as a band."""
    if part.scale == 0:
        return
    lower, median, upper = np.maximum(part.quartiles / part.scale, _LEAST)
    lags, shade = np.arange(len(median)), COLORS[color % len(COLORS)]
    axes.plot(lags, median, _STYLES[name], color=shade, label=label, lw=1.8)
    axes.fill_between(lags, lower, upper, color=shade, alpha=0.15, lw=0)


def _finish_norms(axes: Any, unit: str) -> None:  # noqa: ANN401
    if not axes.lines:
        _blank(axes, "there is no gradient")
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, _LOWEST), high)
    axes.axhline(FALLEN, color="0.45", lw=1, ls=":")
    axes.text(0.99, FALLEN, "1 %", transform=axes.get_yaxis_transform(), ha="right", va="bottom",
              color="0.35", fontsize=9)  # fmt: skip
    axes.set_xlabel(f"lag k in {unit}")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")


def _draw_cut(axes: Any, flow: GradientFlow) -> None:  # noqa: ANN401
    """Mark the lag at which training cuts the gradient off."""
    length = flow.sequence_length
    if length is None or not axes.lines:
        return
    if length > flow.lags:
        axes.set_xlabel(f"{axes.get_xlabel()} (training cuts it off at {length:,})")
        return
    axes.axvline(length, color="0.3", lw=1.2, ls="-.", label=f"training cuts off at {length:,}")
    axes.legend(loc="best")


def _value_label(number: int, name: str, rank: int) -> str | None:
    """Return the label of a singular value; the smaller ones share one."""
    if rank == 0:
        return f"layer {number + 1}, by {name}"
    return "thin: 2nd to 5th value" if (number, rank) == (0, 1) and name == "h" else None


def _draw_values(axes: Any, flow: GradientFlow) -> None:  # noqa: ANN401
    axes.set_title("largest singular values of ∂h(t) / ∂h(t−k)")
    for color, (number, name) in enumerate(_states(flow)):
        values = flow.layers[number].singular_values
        if values is None:
            continue
        shade = COLORS[color % len(COLORS)]
        for rank, line in enumerate(np.maximum(values.parts[name], _LEAST).T):
            axes.plot(values.lags, line, _STYLES[name], color=shade, marker=".", ms=4,
                      label=_value_label(number, name, rank),
                      lw=1.8 if rank == 0 else 0.6, alpha=1.0 if rank == 0 else 0.6)  # fmt: skip
    axes.set_xlabel(f"lag k in {flow.unit}")
    if not axes.lines:
        _blank(axes, "not measured: the layers are too wide")
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, _LOWEST), high)
    axes.axhline(1, color="0.45", lw=1, ls=":")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")


def _draw_parameters(axes: Any, flow: GradientFlow) -> None:  # noqa: ANN401
    axes.set_title("gradient norm of each parameter")
    names = list(flow.parameters)
    norms = [gradient for gradient, _ in flow.parameters.values()]
    axes.plot(norms, range(len(names)), "o", color=COLORS[0])
    axes.set_yticks(range(len(names)), [name.removeprefix("stack.") for name in names], fontsize=8)
    axes.invert_yaxis()
    show_decades(axes.xaxis, norms)
    axes.set_xlabel("norm, in nats per unit of the parameter")
    axes.grid(alpha=0.3)


def _draw_training(axes: Any, training: TrainingNorms | None) -> None:  # noqa: ANN401
    axes.set_title("gradient norm through training")
    if training is None:
        _blank(axes, "no training on record")
        return
    axes.plot(training.steps, training.norms, marker=".", color=COLORS[0], lw=1.3)
    if training.clip_norm > 0:
        axes.axhline(training.clip_norm, color=COLORS[1], ls="--", lw=1.3,
                     label=f"clipped above {training.clip_norm:g}")  # fmt: skip
        axes.legend()
    show_decades(axes.yaxis, [*training.norms.tolist(), training.clip_norm])
    axes.set_xlabel("step")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)


def _blank(axes: Any, reason: str) -> None:  # noqa: ANN401
    axes.text(0.5, 0.5, reason, ha="center", va="center", transform=axes.transAxes, color="0.35")
    axes.set_xticks([])
    axes.set_yticks([])
