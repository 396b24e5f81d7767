"""The number of steps and validations for a time budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The number of steps and validations that fit into a time.

    Attributes
    ----------
    steps
        Optimiser steps; 0 if none fits.
    validate_every
        Steps between two validations; 0 means the default number of validations.
    validation_seconds
        The measured time of a validation; 0 if unknown or without a validation part.
    """

    steps: int
    validate_every: int
    validation_seconds: float = 0.0
