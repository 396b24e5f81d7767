"""The errors of several networks beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nextchar.inspection.error_plots import plot_errors
from nextchar.inspection.error_report import ErrorReport
from nextchar.inspection.error_words import error_lines


class ErrorComparison:
    """Several networks on the same text.

    Parameters
    ----------
    reports
        The results of ``Inspector.errors``, at least one.
    """

    def __init__(self, reports: Sequence[ErrorReport]) -> None:
        self.reports = tuple(reports)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of each network."""
        return {"runs": [report.to_dict() for report in self.reports]}

    def lines(self) -> list[str]:
        """Return the tables for a terminal, with two columns for each network."""
        return error_lines(self.reports)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the shares of the kinds, and the improvement by distance, of all networks.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        return plot_errors(self.reports)
