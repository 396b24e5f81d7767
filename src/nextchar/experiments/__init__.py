"""Experiments: many runs that answer one question."""

from nextchar.experiments.comparing import compare
from nextchar.experiments.comparison import Comparison, Figures, Group
from nextchar.experiments.trials import Trial, TrialBegun, TrialEnded, Tuning
from nextchar.experiments.tuning import tune

__all__ = [
    "Comparison",
    "Figures",
    "Group",
    "Trial",
    "TrialBegun",
    "TrialEnded",
    "Tuning",
    "compare",
    "tune",
]
