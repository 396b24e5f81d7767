"""Experiments: many runs that answer one question."""

from nextchar.experiments.comparing import compare
from nextchar.experiments.comparison import Comparison, Figures, Group

__all__ = ["Comparison", "Figures", "Group", "compare"]
