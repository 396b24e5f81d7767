"""Experiments that consist of many runs: comparison, cross-validation and tuning."""

from nextchar.experiments.comparing import compare
from nextchar.experiments.comparison import Comparison, Figures, Group
from nextchar.experiments.crossvalidating import crossval
from nextchar.experiments.crossvalidation import CrossValidation, FoldFigures
from nextchar.experiments.folds import contiguous_folds, stratified_folds
from nextchar.experiments.trials import Trial, TrialBegun, TrialEnded, Tuning
from nextchar.experiments.tuning import tune

__all__ = [
    "Comparison",
    "CrossValidation",
    "Figures",
    "FoldFigures",
    "Group",
    "Trial",
    "TrialBegun",
    "TrialEnded",
    "Tuning",
    "compare",
    "contiguous_folds",
    "crossval",
    "stratified_folds",
    "tune",
]
