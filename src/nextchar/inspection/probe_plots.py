"""The picture of a probe: accuracies beside each other, and the best unit's values by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextchar.rendering.figures import COLORS, label_fonts, new_figure
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.inspection.probe import Probe

_BINS = 40


def plot_probe(probe: Probe) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw a probe; see ``Probe.plot``."""
    figure = new_figure(10, 4)
    bars, values = figure.subplots(1, 2)
    names = ["probe", f"unit {probe.unit}", "shuffled labels", "largest label"]
    shares = [probe.accuracy, probe.unit_accuracy, float(probe.controls.mean()), probe.majority]
    bars.bar(names, shares, color=[COLORS[0], COLORS[4], COLORS[1], COLORS[1]])
    low, high = probe.interval
    bars.vlines(0, low, high, color="0.2", lw=2)
    tops = [high, *shares[1:]]
    for place, (share, top) in enumerate(zip(shares, tops, strict=True)):
        bars.text(place, top + 0.01, f"{share:.1%}", ha="center")
    bars.set_ylim(0, 1.08)
    bars.set_ylabel("accuracy on texts held out")
    bars.grid(alpha=0.3, axis="y")
    edges = np.linspace(probe.values.min(), probe.values.max() + 1e-6, _BINS)
    for number, label in enumerate(probe.labels[: len(COLORS)]):
        values.hist(
            probe.values[probe.targets == number], edges, color=COLORS[number], alpha=0.5,
            label=printable_text(label),
        )  # fmt: skip
    values.set_xlabel(f"unit {probe.unit}, {probe.state} over a text, standardized")
    values.set_ylabel("texts")
    values.legend(prop={"family": label_fonts()})
    return figure
