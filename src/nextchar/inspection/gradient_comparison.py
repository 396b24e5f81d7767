"""The gradients of several networks beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nextchar.inspection.gradient_flow import GradientFlow
from nextchar.inspection.gradient_plots import plot_comparison
from nextchar.inspection.gradient_words import comparison_lines


class GradientComparison:
    """Several networks, or the same one before and after training.

    Parameters
    ----------
    flows
        The results of ``Inspector.gradients``, at least one.
    """

    def __init__(self, flows: Sequence[GradientFlow]) -> None:
        self.flows = tuple(flows)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each network: that of its cells, and of its run where two would be equal."""
        runs: dict[str, set[str]] = {}
        for flow in self.flows:
            runs.setdefault(flow.network, set()).add(flow.name)
        return tuple(
            flow.network if len(runs[flow.network]) == 1 else f"{flow.network} ({flow.name})"
            for flow in self.flows
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of each network."""
        return {"runs": [flow.to_dict() for flow in self.flows]}

    def lines(self) -> list[str]:
        """Return the words and a table for a terminal."""
        return comparison_lines(self.flows, self.names)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the norms by lag: a column before and after training, and a row for each layer.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        return plot_comparison(self.flows, self.names)
